"""Pages that need nothing but themselves: tables, charts to zoom into, heat maps, images.

A chart is SVG whose inner viewport has the data's own coordinates, so zooming is a change of that
viewport; the script at the end does this, and writes the ticks.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

from parity.system.palette import GREY, ORANGE

__all__ = ["Line", "chart", "heat_map", "image", "page", "picture", "shades", "table"]

WIDTH, HEIGHT = 820, 260  # of a chart, in units that scale with the window
LEFT, BOTTOM, TOP = 150, 40, 8
LOWEST = 1e-4  # the lightest color of a heat map
DARKEST = np.array([0, 50, 90])


@dataclass(frozen=True)
class Line:
    """A curve: where it goes, and how it looks; a NaN leaves a gap."""

    name: str  # in the legend; empty for none
    x: Sequence[Any] | ndarray
    y: Sequence[Any] | ndarray
    color: str
    width: float = 1.5
    dashes: str = ""  # as SVG has them, such as "6 3"
    opacity: float = 1.0
    points: bool = False  # dots instead of a line


def table(header: Sequence[str], rows: Iterable[Sequence[object]], words: bool = False) -> str:
    """A table of numbers, or of words; every cell is escaped."""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    kind = ' class="words"' if words else ""
    return f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
    marks: Mapping[str, float] | None = None,
    limit: float | None = None,
) -> str:
    """Curves over one axis; `log` for a logarithmic y, `marks` are named verticals."""
    drawn = [(line, *points_of(line, log)) for line in lines]
    xs = np.concatenate([x for _, x, _ in drawn]) if drawn else np.zeros(0)
    ys = np.concatenate([y[np.isfinite(y)] for _, _, y in drawn]) if drawn else np.zeros(0)
    if limit is not None:
        ys = np.append(ys, np.log10(limit) if log else limit)
    x0, x1, y0, y1 = *limits(xs), *limits(ys)
    shapes = [path_of(line, x, y) for line, x, y in drawn]
    if limit is not None:
        level = np.log10(limit) if log else limit
        shapes.append(stroke(f"M{x0:g} {-level:g}H{x1:g}", "#000", 2.0))
    shapes += marked(marks or {}, x1, y0, y1)
    legend = [key(line.name, line.color, line.dashes, line.points) for line in lines if line.name]
    legend += [key("limit", "#000", "")] if limit is not None else []
    legend += [key(name, *mark_style(name)) for name in marks or {}]
    return frame(title, shapes, (x0, x1, y0, y1), legend, x_label, y_label, log=log)


def heat_map(
    title: str,
    names: Sequence[str],
    values: ndarray,
    *,
    x_label: str,
    marks: Mapping[str, float] | None = None,
) -> str:
    """Values (rows, steps) on a logarithmic scale; above 1 they are orange, NaN grey."""
    rows, steps = len(values), len(values[0])
    href = png(colored(values))
    shape = (
        f'<image href="{href}" x="0.5" y="{-rows}" width="{steps}" height="{rows}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>'
    )
    ramp = png(colored(np.geomspace(LOWEST, 1, 64)[None]))
    legend = [
        f'<span><img class="ramp" src="{ramp}" alt=""> {LOWEST:g} to 1</span>',
        key("above 1", ORANGE, ""),
        *(key(name, *mark_style(name)) for name in marks or {}),
    ]
    shapes = [shape, *marked(marks or {}, steps + 0.5, 0.0, float(rows))]
    limits = (0.5, steps + 0.5, 0.0, float(rows))
    return frame(title, shapes, limits, legend, x_label, "", names=names)


def image(pixels: ndarray, caption: str = "") -> str:
    """A grey image (H, W) in [0, 1], three times as large, with its caption below it."""
    levels = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    height, width = pixels.shape
    return (
        f'<figure class="digit"><img src="{png(levels)}" width="{3 * width}" '
        f'height="{3 * height}" alt="{escape(caption)}"><figcaption>{escape(caption)}'
        "</figcaption></figure>"
    )


def picture(content: bytes, alt: str) -> str:
    """A PNG file as part of the page."""
    href = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img class="picture" src="{href}" alt="{escape(alt)}">'


def page(title: str, *parts: str) -> str:
    """The whole page, with style and script inside it."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{STYLE}</style>'
        f"</head><body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


# --- the parts of a chart -------------------------------------------------------------------------


def points_of(line: Line, log: bool) -> tuple[ndarray, ndarray]:
    """The curve's coordinates in the chart: on a logarithmic axis what is not above 0 is a gap."""
    x, y = np.asarray(line.x, float), np.asarray(line.y, float)
    if not log:
        return x, y
    with np.errstate(divide="ignore", invalid="ignore"):
        return x, np.where(y > 0, np.log10(y), np.nan)


def limits(values: ndarray) -> tuple[float, float]:
    """A little more than the range of the values."""
    if len(values) == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def path_of(line: Line, x: ndarray, y: ndarray) -> str:
    """The curve as SVG; y grows upwards, so it is negated."""
    parts, pen = [], "M"
    for a, b in zip(x, y, strict=True):
        if not np.isfinite(b):
            pen = "M"
            continue
        parts.append(f"{pen}{a:.6g} {-b:.5g}" + ("h0" if line.points else ""))
        pen = "M" if line.points else "L"
    width = 6 * line.width if line.points else line.width
    return stroke("".join(parts), line.color, width, line.dashes, line.opacity)


def stroke(d: str, color: str, width: float, dashes: str = "", opacity: float = 1.0) -> str:
    """A path whose width does not grow with the zoom."""
    return (
        f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{width:g}" '
        f'stroke-dasharray="{dashes}" opacity="{opacity:g}" stroke-linecap="round" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"/>'
    )


def mark_style(name: str) -> tuple[str, str]:
    """Color and dashes of a named vertical."""
    return (ORANGE, "1 4") if "divergence" in name else (GREY, "8 4")


def marked(marks: Mapping[str, float], x1: float, y0: float, y1: float) -> list[str]:
    """A vertical for each mark; what lies beyond a horizon is shaded."""
    shapes = []
    for name, x in marks.items():
        color, dashes = mark_style(name)
        shapes.append(stroke(f"M{x:g} {-y0:g}V{-y1:g}", color, 2.0, dashes))
        if "horizon" in name:
            shapes.append(
                f'<rect x="{x:g}" y="{-y1:g}" width="{max(0.0, x1 - x):g}" height="{y1 - y0:g}" '
                f'fill="{GREY}" opacity="0.08"/>'
            )
    return shapes


def key(name: str, color: str, dashes: str, points: bool = False) -> str:
    """An entry of the legend."""
    d = "M15 5h0" if points else "M2 5H28"
    line = stroke(d, color, 6.0 if points else 2.5, dashes)
    return f'<span><svg width="30" height="10">{line}</svg> {escape(name)}</span>'


def frame(
    title: str,
    shapes: Sequence[str],
    limits: tuple[float, float, float, float],
    legend: Sequence[str],
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
    names: Sequence[str] = (),
) -> str:
    """The axes round the shapes; `names` are those of the rows, in place of a scale."""
    x0, x1, y0, y1 = limits
    data = escape(json.dumps({"box": [x0, -y1, x1 - x0, y1 - y0], "log": log, "names": [*names]}))
    return (
        f'<figure class="chart" data-chart="{data}"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {LEFT + WIDTH + 10} {TOP + HEIGHT + BOTTOM}">'
        f'<g class="ticks"></g><text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 34}" '
        f'text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(14 {TOP + HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
        f'<svg class="plot" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="{x0:g} {-y1:g} {x1 - x0:g} {y1 - y0:g}" preserveAspectRatio="none">'
        f"{''.join(shapes)}</svg>"
        f'<rect class="drag" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" '
        'stroke="#999" pointer-events="all"/>'
        f'<rect class="chosen" y="{TOP}" height="{HEIGHT}" width="0" fill="#0072B2" '
        'opacity="0.15" pointer-events="none"/></svg>'
        f'<div class="legend">{"".join(legend)}</div></figure>'
    )


def colored(values: ndarray) -> ndarray:
    """Pixels (rows, steps, 3) of values (rows, steps); beyond 2,000 steps the largest of some."""
    if values.shape[1] > 2000:
        starts = np.linspace(0, values.shape[1], 2000, endpoint=False).astype(int)
        values = np.maximum.reduceat(values, starts, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(1 - np.log10(values) / np.log10(LOWEST), 0, 1)[..., None]
    pixels = np.nan_to_num(255 + share * (DARKEST - 255))
    pixels[values > 1] = [int(ORANGE[i : i + 2], 16) for i in (1, 3, 5)]
    pixels[np.isnan(values)] = 128
    return np.rint(pixels).astype(np.uint8)


def shades(count: int) -> list[str]:
    """`count` colors from dark blue to amber, which differ in brightness as well."""
    ends = np.array([[0, 50, 90], [0, 114, 178], [230, 159, 0]])
    at = np.linspace(0, 2, count)
    channels = [np.interp(at, (0, 1, 2), ends[:, channel]) for channel in range(3)]
    return [
        "#" + "".join(f"{round(value):02x}" for value in color)
        for color in zip(*channels, strict=True)
    ]


def png(pixels: ndarray) -> str:
    """Pixels (H, W) or (H, W, 3), uint8, as a data URL."""
    content = BytesIO()
    Image.fromarray(pixels).save(content, format="png")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; max-width: 1000px; margin: 1.5em auto; padding: 0 1em;
       color: #222; background: #fff }
h1 { font-size: 1.4em } h2 { font-size: 1.15em; margin-top: 1.8em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .15em .7em; text-align: right; border-bottom: 1px solid #ddd;
         vertical-align: top }
td { white-space: nowrap } .words td { white-space: normal }
th { border-bottom: 2px solid #888 } .words :is(td, th) { text-align: left }
pre { background: #f4f4f4; padding: .8em; overflow-x: auto; white-space: pre-wrap }
figure { margin: 1em 0 } figcaption { font-weight: 600 }
.chart svg text { font: 12px system-ui, sans-serif; fill: #333 }
.chart svg { width: 100%; height: auto }
.legend { display: flex; flex-wrap: wrap; gap: .2em 1.4em; font-size: .9em }
.legend svg { width: 30px; height: 10px } .ramp { width: 80px; height: 10px }
.digit { display: inline-block; margin: .4em; text-align: center; vertical-align: top }
.digit img { image-rendering: pixelated }
.digit figcaption { font: 12px/1.3 system-ui; white-space: pre }
.picture { max-width: 100% } .drag { cursor: crosshair }
.pass { color: #00664a } .fail { color: #b34700; font-weight: 600 }
"""

# Drag over a chart to zoom in along x, double-click to see all again.
SCRIPT = """
document.querySelectorAll(".chart").forEach(chart => {
  const {box, log, names} = JSON.parse(chart.dataset.chart);
  const plot = chart.querySelector(".plot"), area = chart.querySelector(".drag");
  const ticks = chart.querySelector(".ticks"), chosen = chart.querySelector(".chosen");
  const [left, top, width, height] = ["x", "y", "width", "height"].map(a => +area.getAttribute(a));
  const add = (x, y, text, anchor) => {
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.setAttribute("x", x); label.setAttribute("y", y);
    label.setAttribute("text-anchor", anchor); label.textContent = text; ticks.append(label);
  };
  const steps = (low, high, count) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find(f => f * power >= raw);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
    return found;
  };
  const short = value => String(+value.toPrecision(6));
  const draw = ([x, y, w, h]) => {
    plot.setAttribute("viewBox", [x, y, w, h].join(" "));
    ticks.replaceChildren();
    steps(x, x + w, 8).forEach(v =>
      add(left + (v - x) / w * width, top + height + 16, short(v), "middle"));
    if (names.length) names.forEach((name, i) =>
      add(left - 6, top + (i + .5) / names.length * height + 4, name, "end"));
    else steps(-y - h, -y, log ? 5 : 6).filter(v => !log || Number.isInteger(v)).forEach(v =>
      add(left - 6, top + (-y - v) / h * height + 4, log ? "1e" + v : short(v), "end"));
  };
  const at = event => {
    const svg = chart.querySelector("svg"), shown = svg.getBoundingClientRect();
    const x = (event.clientX - shown.left) / shown.width * svg.viewBox.baseVal.width;
    return Math.min(left + width, Math.max(left, x));
  };
  let now = box, start = null;
  draw(now);
  area.addEventListener("pointerdown", e => {
    start = at(e); area.setPointerCapture(e.pointerId);
  });
  area.addEventListener("pointermove", e => {
    if (start === null) return;
    chosen.setAttribute("x", Math.min(start, at(e)));
    chosen.setAttribute("width", Math.abs(at(e) - start));
  });
  area.addEventListener("pointerup", e => {
    const [a, b] = [Math.min(start, at(e)), Math.max(start, at(e))];
    start = null; chosen.setAttribute("width", 0);
    if (b - a < 8) return;
    now = [now[0] + (a - left) / width * now[2], now[1], (b - a) / width * now[2], now[3]];
    draw(now);
  });
  area.addEventListener("dblclick", () => { now = box; draw(now); });
});
"""
