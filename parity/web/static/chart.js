// A line chart as plain SVG: axes with round numbers, a legend, and what the lines say under the pointer.
import { fill, h, written } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 300, 56, 12, 10, 36];
const MOST = 500; // points of a line that are drawn; a run may have more steps than the screen pixels

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(low, high, count = 5) {
  const raw = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** At most `MOST` points of a line, the lowest and the highest of each stretch among them. */
function thinned(points) {
  if (points.length <= MOST) return points;
  const size = Math.ceil((2 * points.length) / MOST);
  const kept = [];
  for (let start = 0; start < points.length; start += size) {
    const part = points.slice(start, start + size);
    const low = part.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = part.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low[0] < high[0] ? [low, high] : [high, low]));
  }
  kept.push(points[points.length - 1]);
  return kept;
}

/** A chart of `lines`: {name, points: [[x, y], ...], side, dashed, faint}; `update(lines)` draws others. */
export function chart(title, x, y, { log = false, low, high } = {}) {
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "chart" });
  const legend = h("div", { class: "legend" });
  const reading = h("div", { class: "reading" });
  let shown = [];
  let place = null;

  function update(lines) {
    shown = lines.filter((line) => line.points.length).map((line) => ({ ...line, points: line.points.filter(([, value]) => Number.isFinite(value) && (!log || value > 0)) }));
    const all = shown.flatMap((line) => thinned(line.points));
    svg.replaceChildren();
    fill(legend, shown.map((line) => h("span", { class: `key ${line.side} ${line.dashed ? "dashed" : ""} ${line.faint ? "faint" : ""}` }, line.name)));
    svg.setAttribute("aria-label", `${title}. ${shown.filter((line) => line.points.length).map((line) => `${line.name}: ${written(line.points.at(-1)[1], 4)} at ${x} ${line.points.at(-1)[0]}`).join("; ") || "nothing yet"}`);
    const scale = (value) => (log ? Math.log10(value) : value);
    const xs = all.map((point) => point[0]);
    const ys = all.map((point) => scale(point[1]));
    const [right, bottom, top] = [Math.max(...xs, 1), low ?? Math.min(...ys, log ? 0 : Infinity), high ?? Math.max(...ys, -Infinity)];
    const [b, t] = Number.isFinite(bottom) && Number.isFinite(top) ? (top > bottom ? [bottom, top] : [bottom - 0.5, top + 0.5]) : [0, 1];
    place = ([px, py]) => [LEFT + (px / right) * (WIDTH - LEFT - RIGHT), TOP + (1 - (scale(py) - b) / (t - b)) * (HEIGHT - TOP - BOTTOM)];
    for (const tick of log ? ticks(b, t, 5).filter(Number.isInteger) : ticks(b, t)) {
      const py = TOP + (1 - (tick - b) / (t - b)) * (HEIGHT - TOP - BOTTOM);
      svg.append(s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: py, y2: py, class: "grid" }), s("text", { x: LEFT - 6, y: py + 4, class: "tick end" }, log ? `1e${tick}` : String(tick)));
    }
    for (const tick of ticks(0, right)) {
      const [px] = place([tick, log ? 10 ** b : b]);
      svg.append(s("text", { x: px, y: HEIGHT - BOTTOM + 16, class: "tick middle" }, tick.toLocaleString("en")));
    }
    svg.append(s("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, class: "tick end" }, x), s("text", { x: 4, y: TOP + 8, class: "tick" }, y));
    for (const line of shown) {
      const path = thinned(line.points).map((point) => place(point).map((v) => v.toFixed(1)).join(",")).join(" ");
      svg.append(s("polyline", { points: path, class: `curve ${line.side} ${line.dashed ? "dashed" : ""} ${line.faint ? "faint" : ""}` }));
      if (line.points.length === 1) {
        const [cx, cy] = place(line.points[0]);
        svg.append(s("circle", { cx, cy, r: 3, class: `dot ${line.side}` }));
      }
    }
  }

  svg.addEventListener("pointermove", (event) => {
    if (!place || !shown.length) return;
    const box = svg.getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * WIDTH;
    const nearest = shown.filter((line) => line.points.length).map((line) => [line, line.points.reduce((a, b) => (Math.abs(place(b)[0] - px) < Math.abs(place(a)[0] - px) ? b : a))]);
    fill(reading, nearest.slice(0, 6).map(([line, point]) => h("span", { class: line.side }, `${line.name} ${written(point[1], 5)} at ${point[0]}  `)));
  });
  svg.addEventListener("pointerleave", () => fill(reading));
  update([]);
  return { element: h("figure", { class: "plot" }, h("figcaption", {}, title), legend, svg, reading), update };
}
