"""A small chart for a notebook: SVG that needs no style and no script around it."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from parity.system.html import Line, key, limits, mark_style, marked, path_of, points_of

__all__ = ["drawing"]

WIDTH, HEIGHT, LEFT, BOTTOM = 560, 200, 70, 36


def drawing(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    marks: Mapping[str, float] | None = None,
) -> str:
    """Curves of two points or more, with the ends of both axes; `marks` are named verticals."""
    drawn = [(line, *points_of(line, log=False)) for line in lines]
    x = np.concatenate([found[1] for found in drawn])
    y = np.concatenate([found[2] for found in drawn])
    (x0, x1), (y0, y1) = (float(x.min()), float(x.max())), limits(y[np.isfinite(y)])
    shapes = [path_of(line, x, y) for line, x, y in drawn] + marked(marks or {}, x1, y0, y1)
    ends = [
        (LEFT - 6, 12, "end", f"{y1:.3g}"),
        (LEFT - 6, HEIGHT, "end", f"{y0:.3g}"),
        (LEFT, HEIGHT + 16, "start", f"{x0:g}"),
        (LEFT + WIDTH, HEIGHT + 16, "end", f"{x1:g}"),
        (LEFT + WIDTH / 2, HEIGHT + 16, "middle", x_label),
    ]
    legend = [key(line.name, line.color, line.dashes) for line in lines]
    legend += [key(name, *mark_style(name)) for name in marks or {}]
    return (
        f"<div><b>{escape(title)}</b><br>"
        f'<svg width="{LEFT + WIDTH}" height="{HEIGHT + BOTTOM}" font-size="12" '
        'font-family="sans-serif" style="background: white">'
        f'<svg x="{LEFT}" width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none" '
        f'viewBox="{x0:g} {-y1:g} {x1 - x0:g} {y1 - y0:g}">{"".join(shapes)}</svg>'
        f'<rect x="{LEFT}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>'
        + "".join(
            f'<text x="{x:g}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
            for x, y, anchor, text in ends
        )
        + f"</svg><br>{' &nbsp; '.join(legend)}</div>"
    )
