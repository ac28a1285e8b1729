// One step: the computation as a graph, and every number of the chosen node on both sides.
import { get, post } from "./api.js";
import { card, choose, fill, formula, h, later, numberField, written } from "./dom.js";
import { parsed, remember } from "./settings.js";
import { tensorView } from "./tensor.js";

export const title = "One step";
export const lead = "From the input through the loss and back to the updated weights: every number, by hand and in PyTorch. Change a weight, a pixel, the target or the learning rate, and see what changes downstream.";

const FIELDS = ["net", "data", "dtype", "batch", "first", "seed", "lr", "weight_decay", "at"];
const OPERATORS = { forward: "forward", loss: "loss", backward: "backward", update: "update" };

export async function show(body, address) {
  const settings = Object.fromEntries(FIELDS.filter((name) => address[name]).map((name) => [name, address[name]]));
  let edits = parsed(address.edits, []);
  const { recipes, data } = await get("/api/choices");
  const controls = h("form", { class: "controls", onsubmit: (event) => event.preventDefault() });
  const graph = h("div", { class: "graph" });
  const slider = h("input", { type: "range", min: 0, value: settings.at ?? 0, "aria-label": "Position in the step" });
  const where = h("output", {});
  const outcome = h("div", { class: "outcome" });
  const problem = h("p", { class: "error", role: "alert", hidden: true });
  const node = h("div", { "aria-live": "polite", class: "node-panel" });
  slider.addEventListener("input", later(() => set({ at: slider.value }), 60));
  body.append(controls, problem, card("The computation", graph, h("div", { class: "slider" }, slider, where), outcome), node);

  function set(changes) {
    Object.assign(settings, changes);
    return update();
  }

  function other(changes) { // another net or batch: what was edited is no more
    edits = [];
    for (const name of ["at", "lr", "weight_decay"]) if ("net" in changes) delete settings[name];
    return set(changes);
  }

  function edit(tensor, flat, value) {
    edits = edits.filter(([name, index]) => name !== tensor || index !== flat);
    edits.push([tensor, flat, Number(value)]);
    return update();
  }

  let turn = 0;
  async function update() {
    const mine = ++turn;
    let answer;
    try {
      answer = await post("/api/step", { ...settings, edits });
      problem.hidden = true;
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      return;
    }
    if (mine !== turn) return;
    remember({ ...settings, edits: edits.length ? edits : undefined });
    drawControls(answer);
    drawGraph(answer);
    drawNode(answer);
  }

  function drawControls(answer) {
    const hand = answer.net === "hand";
    const focused = document.activeElement?.closest("label")?.dataset.name;
    const named = (name, label) => { label.dataset.name = name; return label; };
    controls.replaceChildren(...[
      named("net", choose("Net", [["hand", "4-3-2, by pencil"], ...recipes.map((name) => [name, `recipe ${name}`])], answer.net, (net) => other({ net }))),
      hand ? null : named("data", choose("Images", data, settings.data ?? "digits", (value) => other({ data: value, first: undefined }))),
      hand ? null : named("batch", choose("Batch", [2, 3, 4, 5, 6, 7, 8], answer.target.length, (batch) => other({ batch }))),
      hand ? null : named("first", numberField("From image", settings.first ?? 0, (first) => other({ first }), { min: 0, step: 1 })),
      hand ? null : named("seed", numberField("Seed", settings.seed ?? 0, (seed) => other({ seed }), { min: 0, step: 1 })),
      named("dtype", choose("Precision", ["float32", "float64"], settings.dtype ?? "float32", (dtype) => set({ dtype }))),
      named("lr", numberField("Learning rate", answer.lr, (lr) => set({ lr }), { min: 0 })),
      named("weight_decay", numberField("Weight decay", answer.weight_decay, (decay) => set({ weight_decay: decay }), { min: 0 })),
      ...answer.target.map((target, example) => named(`target${example}`, choose(`Target ${example}`,
        Array.from({ length: answer.classes }, (_, k) => k), target, (value) => edit("target", example, value)))),
    ].filter(Boolean));
    controls.querySelector(`[data-name="${focused}"] :is(select, input)`)?.focus();
  }

  function drawGraph(answer) {
    const rows = [["forward", "loss"], ["backward", "update"]].map((phases) =>
      h("ol", { class: phases[0], "aria-label": phases[0] }, answer.nodes.map((item, index) => phases.includes(item.phase) &&
        h("li", {}, h("button", {
          type: "button",
          class: `node ${item.phase}${item.changed ? " changed" : ""}`,
          "aria-pressed": String(index === answer.at),
          onclick: () => { slider.value = index; set({ at: String(index) }); },
        }, h("span", {}, item.title), h("small", {}, item.ulps === 0 ? "equal" : `${written(item.ulps, 2)} ulp`))))));
    const before = graph.querySelector("[aria-pressed=true]") === document.activeElement;
    graph.replaceChildren(...rows);
    if (before) graph.querySelector("[aria-pressed=true]").focus();
    slider.max = answer.nodes.length - 1;
    slider.value = answer.at;
    const item = answer.nodes[answer.at];
    slider.setAttribute("aria-valuetext", `${item.title}, ${OPERATORS[item.phase]}`);
    where.textContent = `${answer.at + 1} of ${answer.nodes.length}: ${item.title}`;
    const { numpy, torch } = answer.loss;
    fill(outcome, 
      h("span", {}, "loss ", h("b", { class: "numpy", id: "loss-numpy" }, written(numpy, 9)), " NumPy, ", h("b", { class: "torch", id: "loss-torch" }, written(torch, 9)), " PyTorch"),
      edits.length ? h("span", { class: "edits" }, `before your change ${written(answer.loss_before, 9)} · `,
        edits.map(([name, flat, value], k) => h("button", { type: "button", class: "small", title: "Take this change back",
          onclick: () => { edits.splice(k, 1); update(); } }, `${name}[${flat}] = ${value} ✕`)),
        h("button", { type: "button", class: "small", onclick: () => { edits = []; update(); } }, "undo all")) : null,
    );
  }

  function drawNode(answer) {
    const focused = document.activeElement?.getAttribute("aria-label");
    const editable = (name) => answer.editable.includes(name) && ((flat, value) => edit(name, flat, value));
    fill(node, card(null,
      answer.formula ? formula(answer.formula) : null,
      h("p", {}, h("code", { class: "line" }, answer.code), answer.lesson ? h("a", { href: `/side?name=${answer.function}` }, ` ${answer.function}, side by side`) : null),
      answer.worked.length ? h("details", { open: true }, h("summary", {}, "With a pencil"), h("ul", { class: "worked" }, answer.worked.map((line) => h("li", {}, h("code", {}, line))))) : null,
      answer.tensors.map((tensor) => tensorView(tensor, tensor.what === "values" && editable(tensor.name) || undefined))));
    if (focused) [...node.querySelectorAll("input")].find((input) => input.getAttribute("aria-label") === focused)?.focus();
  }

  await update();
}
