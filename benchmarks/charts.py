"""The two pictures: the time of a step against the batch size, and the cost against the images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import TITLES, line_through, threads
from parity.pictures.saving import save

__all__ = ["scaling", "steps"]

STYLES: dict[str, dict[str, Any]] = {
    "numpy": {"color": "#1b6ca8", "marker": "o", "linewidth": 3.5},
    "torch": {"color": "#d1495b", "marker": "s", "linewidth": 3.5},
    "tuned": {"color": "#d1495b", "marker": "s", "linewidth": 1.5, "linestyle": "--"},
    "compile": {"color": "#8d5a97", "marker": "D", "linewidth": 1.5},
    "tutorial": {"color": "#e08e2b", "marker": "^", "linewidth": 1.5},
    "floor": {"color": "#333333", "marker": "_", "linewidth": 2, "linestyle": ":"},
    "jax": {"color": "#3a9d5d", "marker": "v", "linewidth": 1.5},
    "sklearn": {"color": "#8a8a8a", "marker": "P", "linewidth": 1.5},
    "cuda": {"color": "#76b900", "marker": "X", "linewidth": 1.5},
}
FONT = 15  # readable at half the size

Answer = Mapping[str, Any]


def steps(answers: Sequence[Answer], path: Path) -> None:
    """Draw a panel for each recipe, and a row of panels for each number of threads."""
    recipes = recipes_of(answers)
    figure, grid = panels(len(answers), len(recipes))
    for answer, line in zip(answers, grid, strict=True):
        for recipe, axes in zip(recipes, line, strict=True):
            rows = [row for row in answer["rows"] if row["recipe"] == recipe]
            plot_steps(axes, rows)
            axes.set_title(f"{recipe}, {threads(answer)}", fontsize=FONT + 2)
    finish(figure, grid, "batch size (images)", "time of a training step (µs)", path)


def plot_steps(axes: Axes, rows: Sequence[Answer]) -> None:
    """Draw a line for each program, with the quartiles as a shade."""
    sizes = [row["batch_size"] for row in rows]
    for name in (name for name in TITLES if name in rows[0]["us_per_step"]):
        style = {"markersize": 8, **STYLES[name]}
        axes.plot(sizes, [row["us_per_step"][name] for row in rows], **style, label=TITLES[name])
        low, high = zip(*(row["quartiles"][name] for row in rows), strict=True)
        axes.fill_between(sizes, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)


def scaling(answers: Sequence[Answer], path: Path) -> None:
    """Draw the seconds of an epoch, and the straight line through the origin that fits best."""
    recipes = recipes_of(answers)
    figure, grid = panels(len(answers), len(recipes))
    for answer, line in zip(answers, grid, strict=True):
        for recipe, axes in zip(recipes, line, strict=True):
            rows = [row for row in answer["rows"] if row["recipe"] == recipe and "scaling" in row]
            for row in rows:
                plot_scaling(axes, row["scaling"])
            axes.set_title(f"{recipe}, {threads(answer)}", fontsize=FONT + 2)
    finish(figure, grid, "training images (thousands)", "time of an epoch (s)", path)


def plot_scaling(axes: Axes, scaling: Answer) -> None:
    """Draw the measured points and the line."""
    thousands = [images / 1000 for images in scaling["images"]]
    for name, seconds in scaling["seconds"].items():
        style = {**STYLES[name], "linestyle": "none", "markersize": 10}
        axes.plot(thousands, seconds, **style, label=TITLES[name])
        slope, *_ = line_through(scaling["images"], seconds)
        ends = [0, thousands[-1]]
        label = f"{TITLES[name]}, straight line"
        line = [1000 * slope * end for end in ends]
        axes.plot(ends, line, color=style["color"], linewidth=1.5, label=label)
    axes.set(xlim=(0, None), ylim=(0, None))


def recipes_of(answers: Sequence[Answer]) -> list[str]:
    """The recipes, in the order of the rows."""
    return list(dict.fromkeys(row["recipe"] for answer in answers for row in answer["rows"]))


def panels(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure with this many panels."""
    figure = Figure(figsize=(1 + 4.5 * columns, 1.6 + 4.2 * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False).tolist()


def finish(figure: Figure, grid: list[list[Axes]], x: str, y: str, path: Path) -> None:
    """Name the axes, put one legend above all panels, save."""
    for line in grid:
        for axes in line:
            axes.tick_params(labelsize=FONT - 2)
            axes.grid(alpha=0.3)
    figure.supxlabel(x, fontsize=FONT + 1)
    figure.supylabel(y, fontsize=FONT + 1)
    handles, labels = grid[0][0].get_legend_handles_labels()
    widest = 0.7 + 0.115 * max(map(len, labels))  # inches
    columns = min(len(labels), 5, int(figure.get_figwidth() / widest))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=FONT)
    save(figure, path, "report", dpi=100)
