"""The picture of a sweep: held-out accuracy and loss as training goes on, a curve for each cell.

The setting with the most values gives the colors; every combination of the others has a panel of
its own, so that a large sweep is as readable as a small one.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from parity.comparison.sweep import Cell
from parity.pictures.saving import Picture

__all__ = ["sweep_curves"]

Style = dict[str, Any]

BROAD: dict[str, Any] = {"linewidth": 5, "alpha": 0.6}  # so that the other line shows on top
FINE: dict[str, Any] = {"linewidth": 1.2, "linestyle": "--"}
SPELLED = {
    "batch_size": "batch size",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "train_size": "training images",
}


def sweep_curves(title: str, cells: Sequence[Cell]) -> Picture:
    """Accuracy and, below it, loss of all cells: a broad line for NumPy, dashes for PyTorch."""
    names = list(cells[0].choices)
    values = {name: list(dict.fromkeys(cell.choices[name] for cell in cells)) for name in names}
    colored = max(names, key=lambda name: len(values[name]), default="")
    shades = values.get(colored, [None])
    styles = dict(zip(shades, palette(len(shades)), strict=True))
    others = [name for name in names if name != colored and len(values[name]) > 1]
    panels: dict[str, list[Cell]] = {}
    for cell in cells:
        heading = "\n".join(f"{SPELLED[name]} {cell.choices[name]:g}" for name in others)
        panels.setdefault(heading, []).append(cell)

    columns = len(values[others[-1]]) if others else 1
    rows = -(-len(panels) // columns)
    figure = Picture(
        figsize=(max(4.6 * columns, 6) + 2.6, 5.6 * rows + 0.3 * rows * len(others) + 1.0),
        layout="constrained",
    )
    figure.suptitle(title, fontsize=16)
    grid: Any = figure.subplots(2 * rows, columns, squeeze=False, sharex=True)
    for index, (heading, members) in enumerate(panels.items()):
        row, column = divmod(index, columns)
        accuracy, loss = grid[2 * row, column], grid[2 * row + 1, column]
        accuracy.set_title(heading, fontsize=13)
        for axes, metric, factor in ((accuracy, "accuracy", 100.0), (loss, "loss", 1.0)):
            for cell in members:
                plot_cell(axes, cell, metric, factor, styles[cell.choices.get(colored)])
            axes.grid(alpha=0.3)
        accuracy.set_ylabel(f"{cells[0].split} accuracy, %", fontsize=13)
        loss.set(yscale="log")
        loss.set_ylabel(f"{cells[0].split} loss", fontsize=13)
    for axes in grid[-1]:
        axes.set_xlabel("epoch", fontsize=13)
    legend = [Line2D([], [], color="black", label="NumPy", **BROAD)]
    legend += [Line2D([], [], color="black", label="PyTorch", **FINE)]
    if colored:
        legend += [
            Line2D([], [], label=f"{SPELLED[colored]} {value:g}", **BROAD | style)
            for value, style in styles.items()
        ]
    figure.legend(handles=legend, loc="outside right upper", fontsize=13)
    return figure


def plot_cell(axes: Axes, cell: Cell, metric: str, factor: float, style: Style) -> None:
    """Both backends' figures over the epochs; nothing for a cell that was stopped at once."""
    epochs = [point.step / cell.steps * cell.epochs for point in cell.curve]
    numpy, torch = (
        [factor * getattr(point, metric)[backend] for point in cell.curve]
        for backend in ("numpy", "torch")
    )
    every = max(1, len(epochs) // 8)
    axes.plot(epochs, numpy, markevery=every, **BROAD | style)
    axes.plot(epochs, torch, color=0.5 * np.asarray(style["color"][:3]), **FINE)  # darker


def palette(count: int) -> list[Style]:
    """`count` colors from dark to light, for values that have an order, each with a marker."""
    colors = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.9, count))
    return [
        {"color": tuple(color), "marker": marker, "markersize": 10}
        for color, marker in zip(colors, cycle("osD^vP"), strict=False)
    ]
