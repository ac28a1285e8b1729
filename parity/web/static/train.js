// Train both sides in lock-step in a process of the server's, and watch.
import { get, post } from "./api.js";
import { chart } from "./chart.js";
import { card, choose, copyable, fill, h, numberField, percent, written } from "./dom.js";
import { remember } from "./settings.js";
import { mosaic, signed, unpack } from "./tensor.js";

export const title = "Train";
export const lead = "Both sides train in lock-step on the same batches, from the same weights. Change one thing, train again, and keep a run to compare with.";

const NUMBERS = { lr: "Learning rate", batch_size: "Batch size", epochs: "Epochs", weight_decay: "Weight decay", train_size: "Training images", hidden_features: "Hidden units", seed: "Seed" };
const WORDS = { activation: ["sigmoid", "relu"], init: ["default", "xavier"], dtype: ["float32", "float64"] };
const LABELS = { activation: "Activation", init: "Initialisation", dtype: "Precision" };
const NAMES = { numpy: "NumPy", torch: "PyTorch" };
const WAIT = 150; // ms between two looks at a training that runs

export async function show(body, address) {
  const { recipes, data } = await get("/api/choices");
  const settings = { recipe: "feedforward", data: "digits", ...address };
  const runs = []; // the pinned ones; each {name, lines, about, settings}
  let run = null;
  let gone = false;

  const controls = h("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); start(false); } });
  const buttons = {
    start: h("button", { type: "submit", class: "primary" }, "Start"),
    pause: h("button", { type: "button", disabled: true, onclick: () => command(run?.paused ? "go" : "pause") }, "Pause"),
    step: h("button", { type: "button", onclick: () => (run?.alive ? command("step") : start(true)) }, "One step"),
    stop: h("button", { type: "button", disabled: true, onclick: () => command("stop") }, "Stop"),
    pin: h("button", { type: "button", disabled: true, onclick: pin }, "Pin this run"),
  };
  const status = h("p", { class: "status", role: "status" }, "Nothing is trained yet.");
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const loss = chart("Loss", "step", "loss");
  const accuracy = chart("Accuracy", "step", "%");
  const allowance = chart("Allowance used: NumPy's error over what rounding alone explains; above 100% is no parity", "step", "%", { low: 0 });
  const weights = h("div", { class: "sides" });
  const pinned = h("div", {});
  const copies = h("div", {});
  body.append(controls, h("div", { class: "row" }, Object.values(buttons)), status, progress,
    h("div", { class: "columns" }, card(null, loss.element), card(null, accuracy.element)),
    h("div", { class: "columns" }, card(null, allowance.element), card("First-layer weights, as images", weights)),
    card("Runs to compare", pinned), card("The same run elsewhere", copies));
  buttons.start.addEventListener("click", (event) => { event.preventDefault(); start(false); });

  function drawControls() {
    const hidden = settings.recipe === "feedforward";
    fill(controls,
      choose("Recipe", recipes, settings.recipe, (recipe) => { for (const name of [...Object.keys(NUMBERS), ...Object.keys(WORDS)]) delete settings[name]; set({ recipe }); drawControls(); }),
      choose("Data", data, settings.data, (value) => set({ data: value })),
      Object.entries(NUMBERS).filter(([name]) => hidden || name !== "hidden_features").map(([name, label]) =>
        numberField(label, settings[name] ?? "", (value) => set({ [name]: value }), { min: 0, placeholder: name === "seed" ? "0" : "recipe's" })),
      Object.entries(WORDS).filter(([name]) => hidden || name !== "activation").map(([name, words]) =>
        choose(LABELS[name], [["", "the recipe's"], ...words], settings[name] ?? "", (value) => set({ [name]: value }))));
  }

  function set(changes) {
    Object.assign(settings, changes);
    remember(settings);
  }

  async function start(paused) {
    try {
      const about = await post("/api/train/start", { ...settings, paused });
      run = { number: about.run, about, settings: { ...settings }, seen: 0, alive: true, paused, lines: {}, last: null, end: null };
      fill(copies, copyable("In a terminal", about.command), copyable("In a notebook", about.cell));
      fill(weights);
      status.classList.remove("bad");
      watch(run);
    } catch (error) {
      status.textContent = error.message;
      status.classList.add("bad");
    }
  }

  async function command(word) {
    await post("/api/train/command", { command: word });
    if (word !== "stop") run.paused = word !== "go";
    drawButtons();
  }

  async function watch(mine) {
    while (!gone && mine === run) {
      const answer = await get("/api/train", { run: mine.number, since: mine.seen });
      if (gone || mine !== run) return;
      mine.seen += answer.events.length;
      mine.alive = answer.alive;
      mine.gone = answer.gone;
      answer.events.forEach((event) => take(mine, event));
      if (answer.events.length || !answer.alive) draw(mine);
      if (!answer.alive && !answer.events.length) return;
      await new Promise((wake) => setTimeout(wake, WAIT));
    }
  }

  function add(mine, name, side, x, y) {
    (mine.lines[name] ??= { side, points: [] }).points.push([x, y]);
  }

  function take(mine, event) {
    if (event.kind === "step") {
      mine.last = event;
      for (const side of ["numpy", "torch"]) add(mine, `loss ${side}`, side, event.step, event.loss[side]);
      add(mine, "used", "allowance", event.step, 100 * event.used);
      if (event.divergence && !mine.divergence) mine.divergence = event;
      if (event.noise && !mine.noise) mine.noise = event.step;
    } else if (event.kind === "point") {
      mine[event.split] = event;
      for (const side of ["numpy", "torch"]) {
        add(mine, `${event.split} loss ${side}`, side, event.step, event.loss[side]);
        add(mine, `${event.split} accuracy ${side}`, side, event.step, 100 * event.accuracy[side]);
      }
    } else if (event.kind === "weights") mine.weights = event;
    else mine.end = event;
  }

  /** The lines of a chart: those of the run and, faint, those of the pinned runs. */
  function lines(mine, wanted) {
    const of = (one, faint) => wanted.map(([key, name, dashed]) => ({ name: faint ? `${one.name}: ${name}` : name, dashed, faint, side: one.lines[key]?.side, points: one.lines[key]?.points ?? [] }));
    return [...runs.flatMap((one) => of(one, true).filter((line) => line.side === "numpy")), ...of(mine, false)];
  }

  function draw(mine) {
    const both = (key, name, dashed) => ["numpy", "torch"].map((side) => [`${key} ${side}`, `${NAMES[side]}, ${name}`, dashed]);
    loss.update(lines(mine, [...both("loss", "batch"), ...both("held-out loss", "held-out", true)].filter(([key]) => mine.lines[key] || runs.length)));
    accuracy.update(lines(mine, [...both("training accuracy", "training", true), ...both("held-out accuracy", "held-out")]));
    allowance.update([{ name: "largest of the step", side: "allowance", points: mine.lines.used?.points ?? [] }]);
    progress.max = mine.about.steps;
    progress.value = mine.last?.step ?? 0;
    drawWeights(mine);
    drawStatus(mine);
    drawButtons();
  }

  function drawStatus(mine) {
    const { last, about } = mine;
    const point = mine["held-out"];
    const words = [];
    if (last) words.push(`Step ${last.step.toLocaleString()} of ${about.steps.toLocaleString()}`, `loss ${written(last.loss.numpy, 5)} NumPy, ${written(last.loss.torch, 5)} PyTorch`);
    if (point) words.push(`${about.held_out} accuracy ${percent(point.accuracy.numpy, 2)} NumPy, ${percent(point.accuracy.torch, 2)} PyTorch`);
    if (mine.divergence) words.push(`parity does not hold: first at step ${mine.divergence.step}, ${mine.divergence.divergence}`);
    else if (mine.noise) words.push(`parity holds; noise horizon at step ${mine.noise}`);
    else if (last) words.push("parity holds so far");
    if (mine.end?.kind === "error") words.push(`stopped: ${mine.end.message}`);
    else if (mine.end) words.push(`ended after ${mine.end.seconds.toFixed(1)} s`);
    else if (mine.gone) words.push("the server does not know this run any more: start it again");
    else if (!mine.alive) words.push("stopped");
    else if (!last) words.push("starting");
    status.textContent = `${words.join(" · ")}.`;
    status.classList.toggle("bad", Boolean(mine.divergence) || mine.end?.kind === "error");
  }

  function drawWeights(mine) {
    if (!mine.weights || mine.weights === mine.drawn) return;
    mine.drawn = mine.weights;
    fill(weights, ["numpy", "torch"].map((side) => {
      const array = unpack(mine.weights[side]);
      const canvas = h("canvas", { class: "weights", role: "img", "aria-label": `${NAMES[side]}: first-layer weights after step ${mine.weights.step}` });
      mosaic(canvas, array, mine.weights[side].shape, signed(array.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
      return h("figure", { class: side }, h("figcaption", {}, NAMES[side]), h("div", { class: "frame" }, canvas));
    }));
  }

  function drawButtons() {
    const alive = Boolean(run?.alive);
    buttons.start.textContent = run ? "Start again" : "Start";
    buttons.pause.disabled = buttons.stop.disabled = !alive;
    buttons.pause.textContent = run?.paused && alive ? "Go on" : "Pause";
    buttons.pin.disabled = !run?.last || runs.some((one) => one.number === run.number);
  }

  function pin() {
    const chosen = Object.entries(run.settings).filter(([name, value]) => value && name !== "recipe").map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
    runs.push({ ...run, name: `run ${runs.length + 1}`, text: `${run.settings.recipe}, ${chosen.join(", ")}` });
    drawPinned();
    drawButtons();
  }

  function drawPinned() {
    if (!runs.length) return void fill(pinned, h("p", { class: "muted" }, "Pin a run, change a setting and start again: its curves stay, faint, behind the new ones."));
    fill(pinned, h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Pinned runs" }, h("table", { class: "list" },
      h("thead", {}, h("tr", {}, ["run", "settings", "steps", "loss NumPy", "PyTorch", "held-out accuracy NumPy", "PyTorch", "parity", ""].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, runs.map((one, k) => h("tr", {},
        h("th", { scope: "row" }, one.name), h("td", {}, h("a", { href: `/train?${new URLSearchParams(one.settings)}` }, one.text)), h("td", {}, String(one.last.step)),
        h("td", {}, written(one.last.loss.numpy, 5)), h("td", {}, written(one.last.loss.torch, 5)),
        h("td", {}, percent(one["held-out"].accuracy.numpy, 2)), h("td", {}, percent(one["held-out"].accuracy.torch, 2)),
        h("td", {}, one.divergence ? "no" : "holds"),
        h("td", {}, h("button", { type: "button", class: "small", "aria-label": `Unpin ${one.name}`, onclick: () => { runs.splice(k, 1); drawPinned(); draw(run); } }, "✕"))))))));
  }

  const bye = () => { if (run?.alive) navigator.sendBeacon("/api/train/command", JSON.stringify({ command: "stop" })); };
  window.addEventListener("pagehide", bye);
  drawControls();
  drawPinned();
  fill(copies, h("p", { class: "muted" }, "Each run gives its command line and a notebook cell here."));
  return () => { gone = true; bye(); window.removeEventListener("pagehide", bye); };
}
