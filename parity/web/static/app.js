// The page: one view at a time, each with an address of its own that holds its settings.
import { h } from "./dom.js";
import { Refused } from "./api.js";

const VIEWS = ["side", "step", "train", "draw", "check"];
const main = document.getElementById("main");
let leave = null;
let shown = 0;

/** Show the view that the address names. */
async function show(focus) {
  const turn = ++shown;
  const name = location.pathname.slice(1) || "side";
  if (!VIEWS.includes(name)) return;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.pathname === `/${name}`;
    here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  leave?.();
  leave = null;
  const view = await import(`./${name}.js`);
  if (turn !== shown) return;
  document.title = `${view.title} · parity`;
  main.className = name;
  main.replaceChildren(h("h1", {}, view.title), h("p", { class: "lead" }, view.lead));
  if (focus) main.focus();
  try {
    const settings = Object.fromEntries(new URLSearchParams(location.search));
    const body = h("div", { class: "view" });
    main.append(body);
    const end = await view.show(body, settings);
    if (turn === shown) leave = end; else end?.();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    main.append(h("p", { class: "error", role: "alert" }, error.message));
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || link.origin !== location.origin || link.hash || link.download || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show(true);
});
window.addEventListener("popstate", () => show(true));

// Light or dark: as the system has it, until somebody chooses.
const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
let scheme = localStorage.getItem("theme");

function paint() {
  const now = scheme ?? (dark.matches ? "dark" : "light");
  document.documentElement.style.colorScheme = now;
  theme.textContent = now === "dark" ? "Light" : "Dark";
  document.dispatchEvent(new Event("theme"));
}

theme.addEventListener("click", () => {
  scheme = theme.textContent.toLowerCase();
  localStorage.setItem("theme", scheme);
  paint();
});
dark.addEventListener("change", paint);
paint();
show(false);
