// Elements in one call, and numbers as people read them.

/** An element: `h("p", {class: "note", onclick: f}, "text", child)`; `html` is markup of our own server. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "html") element.innerHTML = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return attributes.html === undefined ? fill(element, ...children) : element;
}

/** The element with these children and no others; null, undefined and false are none. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A select with its label; `options` are values or [value, text]. */
export function choose(label, options, value, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) },
    options.map((option) => {
      const [key, text] = Array.isArray(option) ? option : [option, option];
      return h("option", { value: key, selected: String(key) === String(value) }, text);
    }));
  return h("label", { class: "field" }, h("span", {}, label), select);
}

/** A field for a number with its label. */
export function numberField(label, value, onchange, attributes = {}) {
  const input = h("input", { type: "number", value, step: "any", ...attributes,
    onchange: () => onchange(input.value) });
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** A number with `digits` significant ones, without the zeros at its end. */
export function written(value, digits = 6) {
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(Math.min(digits - 1, 3));
  return String(Number(value.toPrecision(digits)));
}

export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)}%`;

/** MathML of our own server as a block; a wide one is scrolled, by keyboard, too. */
export const formula = (html) => h("div", { class: "formula", tabindex: "0", role: "group", "aria-label": "Formula", html });

/** A box with a heading. */
export function card(title, ...children) {
  return h("section", { class: "card" }, title ? h("h2", {}, title) : null, ...children);
}

/** Text that can be copied with a button. */
export function copyable(label, text) {
  const button = h("button", { type: "button", class: "small", onclick: async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  button.setAttribute("aria-label", `Copy: ${label}`);
  return h("div", { class: "copyable" }, h("div", { class: "copy-head" }, h("span", {}, label), button),
    h("pre", { tabindex: "0" }, text));
}

/** Calls `f` once things are quiet for `wait` milliseconds. */
export function later(f, wait) {
  let timer;
  return (...values) => { clearTimeout(timer); timer = setTimeout(() => f(...values), wait); };
}
