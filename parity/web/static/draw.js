// Draw a digit, and see what both sides make of it; the images that they get wrong, by the confusion matrix.
import { get, post } from "./api.js";
import { card, choose, fill, h, percent } from "./dom.js";
import { remember } from "./settings.js";
import { mosaic, signed, unpack } from "./tensor.js";

export const title = "Draw";
export const lead = "Draw a digit with mouse, pen or finger. The same trained weights answer on both sides as you draw.";

const SIZE = 280; // the drawing's own units; the server's are the same
const CLASSES = 10;

export async function show(body, address) {
  const { recipes, data } = await get("/api/choices");
  const settings = { recipe: address.recipe ?? "feedforward", data: address.data ?? (data.includes("mnist") ? "mnist" : "digits"), image: address.image, class: address.class };
  let strokes = [];
  let cell = address.cell?.split("-").map(Number) ?? null;

  const canvas = h("canvas", { width: SIZE, height: SIZE, class: "pad", tabindex: "0", role: "img", "aria-label": "Drawing area. Without a pointer: choose a held-out image below instead." });
  const pen = canvas.getContext("2d");
  const seen = h("canvas", { class: "seen", role: "img", "aria-label": "The 28 by 28 pixels that the net sees" });
  const spoke = h("canvas", { class: "seen", role: "img", "aria-label": "Which pixels spoke for the class, in teal, and against it, in magenta" });
  const spokeTitle = h("figcaption", {}, "For and against");
  const bars = h("div", { class: "bars", role: "group", "aria-label": "Probabilities" });
  const status = h("p", { class: "muted", "aria-live": "polite" }, "Draw a digit.");
  const controls = h("form", { class: "controls", onsubmit: (event) => event.preventDefault() });
  const matrix = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Confusion matrix" });
  const gallery = h("div", {});

  body.append(controls, h("div", { class: "columns" },
    card("Your digit", h("div", { class: "board" }, canvas,
      h("figure", {}, h("figcaption", {}, "What the net sees"), seen),
      h("figure", {}, spokeTitle, spoke)),
    h("div", { class: "row" }, h("button", { type: "button", onclick: clear }, "Clear"),
      h("button", { type: "button", onclick: () => { strokes.pop(); redraw(); ask(); } }, "Undo stroke")), status),
    card("Both sides answer", bars)),
  h("div", { class: "columns" }, card("Confusion matrix of the held-out images", matrix), card("Images", gallery)));

  function drawControls() {
    fill(controls,
      choose("Model", recipes, settings.recipe, (recipe) => change({ recipe })),
      choose("Trained on", data, settings.data, (value) => change({ data: value })));
  }

  function change(changes) {
    Object.assign(settings, changes, { image: undefined, class: undefined });
    cell = null;
    keep();
    ask();
    load();
  }

  const keep = () => remember({ ...settings, cell: cell?.join("-") });

  // One question at a time: while the server answers, only the newest drawing waits.
  let busy = false;
  let stale = false;
  async function ask() {
    stale = true;
    if (busy) return;
    busy = true;
    while (stale) {
      stale = false;
      const started = performance.now();
      const question = { recipe: settings.recipe, data: settings.data, class: settings.class };
      if (settings.image !== undefined) question.image = Number(settings.image); else question.strokes = strokes;
      try {
        const answer = await post("/api/draw", question);
        draw(answer, performance.now() - started);
      } catch (error) {
        status.textContent = error.message;
      }
    }
    busy = false;
  }

  function draw(answer, took) {
    const pixels = unpack(answer.pixels);
    const ink = (value) => { const level = Math.round(255 * value); return [level, level, level, 255]; };
    mosaic(seen, pixels, [28, 28], ink);
    const contributions = unpack(answer.spoke);
    mosaic(spoke, contributions, [28, 28], signed(contributions.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
    spokeTitle.textContent = `Spoke for and against ${answer.class}`;
    const { numpy, torch } = answer.probabilities;
    const best = numpy.indexOf(Math.max(...numpy));
    const before = document.activeElement?.dataset.digit;
    fill(bars, numpy.map((p, digit) => {
      const bar = h("button", { type: "button", class: `bar${digit === best && !answer.empty ? " best" : ""}`, "data-digit": digit,
        "aria-label": `${digit}: NumPy ${percent(p, 2)}, PyTorch ${percent(torch[digit], 2)}; show what spoke for it`,
        "aria-pressed": String(digit === answer.class),
        onclick: () => { settings.class = digit; keep(); ask(); } },
      h("b", {}, String(digit)),
      h("span", { class: "tracks" }, h("i", { class: "numpy" }), h("i", { class: "torch" })),
      h("span", { class: "percents" }, h("span", { class: "numpy" }, percent(p)), h("span", { class: "torch" }, percent(torch[digit]))));
      const [mine, theirs] = bar.querySelectorAll("i");
      mine.style.width = percent(p);
      theirs.style.width = percent(torch[digit]);
      return bar;
    }));
    if (before !== undefined) bars.querySelector(`[data-digit="${before}"]`)?.focus();
    bars.classList.toggle("idle", answer.empty);
    bars.dataset.took = took.toFixed(1);
    const apart = Math.max(...numpy.map((p, k) => Math.abs(p - torch[k])));
    status.textContent = answer.empty ? "Draw a digit." :
      `${answer.label === null ? "" : `Held-out image ${settings.image}, a ${answer.label}. `}Answer: ${best}. The two sides' probabilities differ by at most ${apart.toExponential(1)}; answered in ${took.toFixed(0)} ms.`;
  }

  function clear() {
    strokes = [];
    settings.image = settings.class = undefined;
    keep();
    redraw();
    ask();
  }

  function redraw() {
    const style = getComputedStyle(canvas);
    pen.clearRect(0, 0, SIZE, SIZE);
    Object.assign(pen, { lineWidth: 22, lineCap: "round", lineJoin: "round", strokeStyle: style.color });
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(stroke[0], stroke[1]);
      for (let k = 0; k < stroke.length; k += 2) pen.lineTo(stroke[k], stroke[k + 1]);
      pen.stroke();
    }
  }

  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE].map(Math.round);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (settings.image !== undefined) clear();
    settings.class = undefined;
    strokes.push(point(event));
    redraw();
    ask();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const stroke = strokes[strokes.length - 1];
    for (const one of event.getCoalescedEvents?.() ?? [event]) if (stroke.length < 4998) stroke.push(...point(one));
    redraw();
    ask();
  });

  async function load() {
    fill(matrix, h("p", { class: "muted" }, "Training the model on the server; this takes a few seconds once."));
    fill(gallery, h("p", { class: "muted" }, "Choose a cell of the matrix."));
    const model = { recipe: settings.recipe, data: settings.data };
    const found = await get("/api/draw/confusion", model);
    if (model.recipe !== settings.recipe || model.data !== settings.data) return;
    const { numpy, torch } = found.counts;
    const most = Math.max(...numpy.flatMap((row, i) => row.filter((_, j) => i !== j)), 1);
    fill(matrix, h("p", {}, `${found.images.toLocaleString()} ${found.split} images: accuracy NumPy `, h("b", { class: "numpy" }, percent(found.accuracy.numpy, 2)),
      ", PyTorch ", h("b", { class: "torch" }, percent(found.accuracy.torch, 2)), `; the same answer on ${percent(found.same_answer, 2)}.`),
    h("table", { class: "confusion" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "true"), Array.from({ length: CLASSES }, (_, j) => h("th", { scope: "col" }, `→${j}`)))),
      h("tbody", {}, numpy.map((row, i) => h("tr", {}, h("th", { scope: "row" }, String(i)), row.map((count, j) => {
        const button = h("button", { type: "button", class: i === j ? "right" : "wrong", disabled: !count, "data-cell": `${i}-${j}`,
          "aria-label": `true ${i}, answered ${j}: ${count}${count === torch[i][j] ? "" : `, PyTorch ${torch[i][j]}`}`,
          onclick: () => { cell = [i, j]; keep(); pictures(); } }, count === torch[i][j] ? (count ? String(count) : "·") : `${count}/${torch[i][j]}`);
        if (i !== j && count) button.style.background = `color-mix(in srgb, var(--below) ${Math.round(12 + (33 * count) / most)}%, transparent)`;
        return h("td", {}, button);
      }))))));
    if (cell) pictures(); else {
      const worst = numpy.flatMap((row, i) => row.map((count, j) => [i === j ? 0 : count, i, j])).sort((a, b) => b[0] - a[0])[0];
      if (worst[0]) { cell = worst.slice(1); pictures(); }
    }
  }

  async function pictures() {
    const [label, given] = cell;
    const found = await get("/api/draw/images", { recipe: settings.recipe, data: settings.data, label, answer: given });
    for (const button of matrix.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.cell === `${label}-${given}`));
    fill(gallery, h("p", {}, `${found.count} images of a ${label} were answered ${given}, the surest first. Choose one to see why.`),
      h("div", { class: "thumbs" }, found.images.map((image) => {
        const thumb = h("canvas", {});
        mosaic(thumb, unpack(image.pixels), [28, 28], (value) => [value, value, value, 255]);
        return h("button", { type: "button", class: "thumb", "aria-label": `Image ${image.index}, a ${label} answered ${given} with ${percent(image.confidence)}`,
          onclick: () => { strokes = []; redraw(); settings.image = image.index; settings.class = given; keep(); ask(); status.scrollIntoView({ block: "center", behavior: "smooth" }); } },
        thumb, h("small", {}, percent(image.confidence)));
      })));
  }

  const repaint = () => redraw();
  document.addEventListener("theme", repaint);
  drawControls();
  ask();
  load();
  return () => document.removeEventListener("theme", repaint);
}
