// Side by side: each function by hand and in PyTorch, with its lesson, its numbers, and what mistakes do to it.
import { get } from "./api.js";
import { chart } from "./chart.js";
import { card, fill, formula, h, written } from "./dom.js";
import { remember } from "./settings.js";
import { spelled, tensorView, unpack } from "./tensor.js";

export const title = "Side by side";
export const lead = "The same functions by hand in NumPy and in PyTorch. What corresponds stands on one line.";

const TITLES = { functional: "Functions", models: "Models", optim: "Optimizers", training: "Training" };
const KINDS = { same: "the same", differs: "differs", alone: "on one side only", "the line": "the one line of the training loop that differs: the backward" };

export async function show(body, address) {
  const { modules } = await get("/api/side");
  let name = address.name ?? "steps";
  let mistake = address.mistake;
  const list = h("nav", { class: "index", "aria-label": "Functions" });
  const content = h("div", { class: "content" });
  body.append(h("div", { class: "beside" }, list, content));

  function drawList() {
    fill(list, Object.entries(modules).map(([module, names]) => [h("h2", {}, TITLES[module]), h("ul", {}, names.map((each) =>
      h("li", {}, h("a", { href: `/side?name=${each}`, "aria-current": each === name ? "true" : undefined }, each === "steps" ? "training loop" : each))))]));
  }

  async function open() {
    const found = await get("/api/side/function", { name });
    remember({ name, mistake });
    drawList();
    const mistakes = h("div", {});
    fill(content,
      card(null, h("h2", { class: "function" }, h("code", {}, found.name)), formula(found.formula),
        found.steps.length ? h("details", {}, h("summary", {}, "Where it comes from"), h("ol", { class: "derivation" }, found.steps.map(([words, maths]) =>
          h("li", {}, words, formula(maths))))) : null),
      card(null, source(found)),
      found.example ? card("With numbers", example(found.example)) : null,
      found.mistakes.length ? card(`Mistakes that people make here (${found.mistakes.length})`, chooser(found, mistakes), mistakes) : null);
    if (mistake !== undefined) spoil(found, mistakes);
  }

  function source(found) {
    const [mine, theirs] = found.files;
    const line = (side, part) => part ? [h("td", { class: "number" }, String(part[0])), h("td", { class: `code ${side}-code`, html: part[1] || " " })]
      : [h("td", { class: "number" }), h("td", { class: "code none" })];
    const used = [...new Set(found.rows.map(([kind]) => kind))].filter((kind) => kind !== "same");
    return [
      h("div", { class: "legend" }, used.map((kind) => h("span", { class: `row-kind ${kind.replace(" ", "-")}` }, KINDS[kind]))),
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Source of ${found.name} on both sides` }, h("table", { class: "source" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col", colspan: 2, class: "numpy" }, `NumPy by hand · ${mine}`), h("th", { scope: "col", colspan: 2, class: "torch" }, `PyTorch · ${theirs}`))),
        h("tbody", {}, found.rows.map(([kind, left, right]) => h("tr", { class: kind.replace(" ", "-"), title: kind === "the line" ? KINDS[kind] : undefined },
          line("numpy", left), line("torch", right)))))),
    ];
  }

  function example({ arguments: given, options, outputs }) {
    const call = [...given.map((one) => one.name), ...Object.entries(options).map(([key, value]) => `${key}=${value}`)].join(", ");
    return [
      h("p", {}, h("code", { class: "line" }, `${name}(${call})`)),
      h("div", { class: "sides" }, given.map((one) => one.array ? plain(one.name, one.array) : h("p", { class: "given" }, h("b", {}, one.name), ` ${one.text}`))),
      outputs.map((output) => tensorView(output)),
    ];
  }

  /** One array as a table; of more than two axes, the last two at a time. */
  function plain(label, packed, marked = () => false) {
    const array = unpack(packed);
    const { shape } = packed;
    const columns = shape.length ? shape[shape.length - 1] : 1;
    const rows = Array.from({ length: array.length / columns }, (_, row) => row);
    const per = shape.length > 1 ? shape[shape.length - 2] : 1;
    return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, h("table", { class: "numbers" }, h("caption", {}, `${label} (${shape.join(", ")})`),
      h("tbody", {}, rows.map((row) => h("tr", { class: row && row % per === 0 ? "slab" : undefined }, Array.from({ length: columns }, (_, column) => {
        const flat = row * columns + column;
        return h("td", { class: marked(flat) ? "wrong" : undefined, title: spelled(label, flat, shape) }, written(array[flat], 5));
      }))))));
  }

  function chooser(found, mistakes) {
    const select = h("select", { onchange: () => { mistake = select.value || undefined; remember({ name, mistake }); spoil(found, mistakes); } },
      h("option", { value: "" }, "choose one, and see what it does"),
      found.mistakes.map((known, k) => h("option", { value: k, selected: String(k) === String(mistake) }, `${known.id}: ${known.sentence}`)));
    return h("label", { class: "field" }, h("span", {}, "Mistake"), select);
  }

  async function spoil(found, mistakes) {
    if (mistake === undefined) return void fill(mistakes);
    const known = found.mistakes[mistake];
    if (!known) return;
    fill(mistakes, h("p", { class: "muted", role: "status" }, "Computing …"));
    const asked = mistake;
    const effect = await get("/api/side/mistake", { name, mistake });
    if (asked !== mistake) return;
    fill(mistakes, h("p", {}, h("b", {}, known.sentence)), h("p", { class: "muted" }, `Hint: ${known.hint}`),
      h("div", { class: "columns" },
        h("section", {}, h("h3", {}, "To the numbers"), numbersOf(effect.numbers)),
        h("section", {}, h("h3", {}, "To the gradient check"), checkOf(effect.gradcheck)),
        h("section", {}, h("h3", {}, "To a training"), curveOf(effect.curve))));
  }

  function numbersOf(found) {
    if (!found) return h("p", { class: "muted" }, "Seen in whole runs, not in one call.");
    const label = found.label ? h("p", { class: "muted" }, `with ${found.label}`) : null;
    if (found.raises) return [label, h("p", { class: "bad" }, found.raises)];
    const [got, expected] = [unpack(found.got), unpack(found.expected)];
    const apart = (flat) => !(Math.abs(got[flat] - expected[flat]) <= 1e-9 * Math.max(1, Math.abs(expected[flat])));
    return [label, h("div", { class: "sides" }, plain(`${found.output}, with the mistake`, found.got, apart), plain(`${found.output}, right`, found.expected))];
  }

  function checkOf(found) {
    if (!found) return h("p", { class: "muted" }, "It has no gradient to check.");
    return [h("p", { class: found.ok ? "good" : "bad" }, found.ok ? "It does not see it: forward and backward still belong together, or the mistake shows elsewhere." : "It sees it."),
      h("pre", { class: "wrap", tabindex: "0" }, found.lines.join("\n"))];
  }

  function curveOf(found) {
    if (!found) return h("p", { class: "muted" }, "No training of ours uses it.");
    const plot = chart(`Loss of recipe ${found.recipe}, by hand`, "step", "loss");
    const points = (losses) => losses.map((value, k) => [k + 1, value]).filter(([, value]) => typeof value === "number");
    plot.update([{ name: "right", side: "numpy", points: points(found.right) }, { name: "with the mistake", side: "wrongly", points: points(found.wrong) }]);
    const end = found.wrong.at(-1);
    const stopped = typeof end !== "number";
    return [plot.element, h("p", {}, stopped ? `It stops at step ${found.wrong.length}: ${end === null ? "shapes do not fit" : "the loss is not finite"}.`
      : `Loss after ${found.wrong.length} steps: ${written(found.right.at(-1), 4)} right, ${written(end, 4)} with the mistake.`)];
  }

  await open();
}
