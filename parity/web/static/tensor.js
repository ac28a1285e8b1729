// A tensor of both sides: as numbers where they fit, else as pictures; and their distance in units in the last place.
import { fill, h, written } from "./dom.js";

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };
const FITS = 64; // numbers that are shown as such
const KINDS = { values: "values", grads: "gradient ∂loss", updated: "after the update" };

/** The numbers of a packed array. */
export function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  return new TYPES[packed.dtype](bytes.buffer);
}

/** The index of each axis for a position in the flat array. */
export function unravel(flat, shape) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  return index;
}

export const spelled = (name, flat, shape) => shape.length ? `${name}[${unravel(flat, shape).join(", ")}]` : name;

/** `tensor` as the server sent it; `edit(flat, value)` where it may be edited. */
export function tensorView(tensor, edit) {
  return h("div", { class: "tensor" }, Object.entries(tensor.pairs).map(([kind, pair]) => {
    const shape = pair.numpy.shape;
    const size = shape.reduce((a, b) => a * b, 1);
    const name = kind === "grads" ? `∂${tensor.name}` : kind === "updated" ? `new ${tensor.name}` : tensor.name;
    const editable = kind === "values" ? edit : undefined;
    const data = { numpy: unpack(pair.numpy), torch: unpack(pair.torch), ulps: unpack(pair.ulps), changed: unpack(pair.changed) };
    const head = h("h3", {}, h("code", {}, name), " ", h("span", { class: "muted" },
      `${KINDS[kind]} · (${shape.join(", ")}) · ${agreement(pair)}`));
    const body = size <= FITS && shape.length <= 2 ? numbers(name, data, shape, editable) : pictures(name, data, shape, editable);
    return h("section", { class: "pair" }, head, body);
  }));
}

function agreement(pair) {
  if (pair.max_ulps === 0) return "the same bit for bit";
  if (typeof pair.of_scale !== "number") return "not finite";
  return `at most ${written(pair.of_scale, 2)} ulp of its largest number apart`;
}

/** The colour of a number: teal above zero, magenta below, stronger the larger. */
function tint(value, scale) {
  const share = scale ? Math.min(1, Math.abs(value) / scale) : 0;
  return `color-mix(in srgb, var(${value < 0 ? "--below" : "--above"}) ${Math.round(55 * share)}%, transparent)`;
}

const largest = (array) => array.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);

function numbers(name, data, shape, edit) {
  const columns = shape.length === 2 ? shape[1] : shape.length ? shape[0] : 1;
  const rows = data.numpy.length / columns;
  const scale = largest(data.torch);
  const table = (side, title) => h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `${name}, ${title}` },
    h("table", { class: `numbers ${side}` }, h("caption", {}, title),
      h("tbody", {}, Array.from({ length: rows }, (_, row) => h("tr", {}, Array.from({ length: columns }, (_, column) => {
        const flat = row * columns + column;
        return cell(side, flat);
      }))))));

  function cell(side, flat) {
    const value = data[side][flat];
    const where = spelled(name, flat, shape);
    const attributes = { title: `${where} = ${exact(data[side], flat)}`, class: data.changed[flat] && side !== "ulps" ? "changed" : undefined };
    let content = side === "ulps" ? ulpText(value) : written(value, 6);
    if (edit && side === "numpy") {
      const input = h("input", { value: written(value, 7), inputmode: "decimal", "aria-label": `${where}, edit`,
        size: Math.max(4, written(value, 7).length), onchange: () => edit(flat, input.value) });
      content = input;
    }
    const td = h("td", attributes, content);
    if (side !== "ulps") td.style.background = tint(value, scale);
    return td;
  }

  return h("div", { class: "sides" }, table("numpy", "NumPy"), table("torch", "PyTorch"), table("ulps", "difference in ulp"));
}

/** A number with all the digits that its type holds. */
const exact = (array, flat) => String(array instanceof Float32Array ? Number(array[flat].toPrecision(9)) : array[flat]);

const ulpText = (value) => (value === 0 ? "0" : Number.isFinite(value) ? written(value, 3) : "?");

/** How a tensor becomes tiles: how many, and their height and width. */
export function tiling(shape) {
  const last = shape[shape.length - 1];
  if (last === 784) return { tiles: shape.slice(0, -1).reduce((a, b) => a * b, 1), height: 28, width: 28 };
  if (shape.length >= 3) {
    const [height, width] = shape.slice(-2);
    return { tiles: shape.slice(0, -2).reduce((a, b) => a * b, 1), height, width };
  }
  if (shape.length === 1) return { tiles: 1, height: Math.ceil(last / 25), width: Math.min(last, 25) };
  return { tiles: 1, height: shape[0], width: last };
}

/** Draws tiles on a canvas; returns what finds the flat index under a point, and the place of an index. */
export function mosaic(canvas, array, shape, paint) {
  const { tiles, height, width } = tiling(shape);
  const across = Math.max(1, Math.min(tiles, Math.round(Math.sqrt((tiles * height * 1.6) / width))));
  const gap = tiles > 1 ? 1 : 0;
  const down = Math.ceil(tiles / across);
  canvas.width = across * (width + gap) - gap;
  canvas.height = down * (height + gap) - gap;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const place = (flat) => {
    const tile = Math.floor(flat / (height * width));
    const inside = flat % (height * width);
    return [(tile % across) * (width + gap) + (inside % width), Math.floor(tile / across) * (height + gap) + Math.floor(inside / width)];
  };
  array.forEach((value, flat) => {
    const [x, y] = place(flat);
    picture.data.set(paint(value), 4 * (y * canvas.width + x));
  });
  context.putImageData(picture, 0, 0);
  const find = (x, y) => {
    const tile = Math.floor(y / (height + gap)) * across + Math.floor(x / (width + gap));
    const [row, column] = [y % (height + gap), x % (width + gap)];
    const flat = tile * height * width + row * width + column;
    return row < height && column < width && flat < array.length ? flat : null;
  };
  return { find, place };
}

/** Paints numbers of either sign: teal above zero, magenta below. */
export function signed(scale) {
  return (value) => {
    const share = scale ? Math.min(1, Math.abs(value) / scale) ** 0.7 : 0;
    return [...(value < 0 ? [190, 50, 140] : [0, 140, 125]), 255 * share];
  };
}

function pictures(name, data, shape, edit) {
  const scale = largest(data.torch);
  const status = h("p", { class: "element", "aria-live": "polite" });
  const field = h("input", { inputmode: "decimal", size: 12, "aria-label": `${name}, new value of the element`, onchange: () => edit?.(at, field.value) });
  const position = h("input", { type: "number", min: 0, max: data.numpy.length - 1, "aria-label": `${name}, position of the element`, oninput: () => select(Number(position.value)) });
  let at = data.numpy.indexOf(data.numpy.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0));
  const marks = [];

  function select(flat) {
    if (!(flat >= 0 && flat < data.numpy.length)) return;
    at = flat;
    position.value = flat;
    field.value = written(data.numpy[flat], 8);
    fill(status, h("code", {}, spelled(name, flat, shape)), " NumPy ", h("b", { class: "numpy" }, exact(data.numpy, flat)),
      " PyTorch ", h("b", { class: "torch" }, exact(data.torch, flat)), ` · ${ulpText(data.ulps[flat])} ulp`,
      data.changed[flat] ? h("span", { class: "tag" }, "changed") : null);
    marks.forEach((mark) => mark());
  }

  function picture(side, title) {
    const canvas = h("canvas", { role: "img", "aria-label": `${name}, ${title}, as a picture` });
    const paint = side === "ulps" ? (value) => [200, 120, 0, value ? Math.min(255, 60 + 30 * Math.log2(1 + value)) : 0] : signed(scale);
    const { find, place } = mosaic(canvas, data[side], shape, paint);
    const mark = h("span", { class: "mark", "aria-hidden": "true" });
    const frame = h("div", { class: "frame" }, canvas, mark);
    const zoom = Math.max(1, Math.min(12, Math.floor(300 / canvas.width)));
    canvas.style.width = `${canvas.width * zoom}px`;
    marks.push(() => {
      const [x, y] = place(at);
      Object.assign(mark.style, { left: `${(100 * x) / canvas.width}%`, top: `${(100 * y) / canvas.height}%`, width: `${100 / canvas.width}%`, height: `${100 / canvas.height}%` });
    });
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const flat = find(Math.floor(((event.clientX - box.left) / box.width) * canvas.width), Math.floor(((event.clientY - box.top) / box.height) * canvas.height));
      if (flat !== null) select(flat);
    });
    return h("figure", { class: `picture ${side}` }, h("figcaption", {}, title), frame);
  }

  const body = h("div", {}, h("div", { class: "sides" }, picture("numpy", "NumPy"), picture("torch", "PyTorch"), picture("ulps", "difference in ulp")),
    h("div", { class: "pick" }, h("label", {}, "element ", position), edit ? h("label", {}, "set to ", field) : null, status));
  select(at);
  return body;
}
