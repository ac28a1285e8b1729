"""The picture of a sweep: held-out accuracy as training goes on, a curve for each cell.

The setting with the most values gives the colors; every combination of the others has a panel of
its own, so that a large sweep is as readable as a small one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from parity.comparison.sweep import Cell
from parity.pictures.saving import save
from parity.pictures.training import BROAD, FINE

__all__ = ["sweep_curves"]

SPELLED = {
    "batch_size": "batch size",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "train_size": "training images",
}


def sweep_curves(title: str, cells: Sequence[Cell], path: Path) -> None:
    """Draw all cells, NumPy as a broad line and PyTorch as dashes on it."""
    names = list(cells[0].choices)
    values = {name: list(dict.fromkeys(cell.choices[name] for cell in cells)) for name in names}
    colored = max(names, key=lambda name: len(values[name]), default="")
    shades = values.get(colored, [None])
    colors = dict(zip(shades, palette(len(shades)), strict=True))
    others = [name for name in names if name != colored and len(values[name]) > 1]
    panels: dict[str, list[Cell]] = {}
    for cell in cells:
        heading = "\n".join(f"{SPELLED[name]} {cell.choices[name]:g}" for name in others)
        panels.setdefault(heading, []).append(cell)

    columns = len(values[others[-1]]) if others else 1
    rows = len(panels) // columns
    figure = Figure(
        figsize=(max(4.6 * columns, 6) + 2.6, 3.2 * rows + 0.3 * rows * len(others) + 1.0),
        layout="constrained",
    )
    figure.suptitle(title, fontsize=16)
    grid: Any = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (heading, members) in zip(grid.flat, panels.items(), strict=True):
        axes.set_title(heading, fontsize=13)
        for cell in members:
            plot_cell(axes, cell, colors[cell.choices.get(colored)])
        axes.set_xlabel("epoch", fontsize=13)
        axes.set_ylabel(f"{cells[0].split} accuracy, %", fontsize=13)
        axes.label_outer()
        axes.grid(alpha=0.3)
    legend = [Line2D([], [], color="black", label="NumPy", **BROAD)]
    legend += [Line2D([], [], color="black", linestyle="--", label="PyTorch", **FINE)]
    if colored:
        legend += [
            Line2D([], [], color=color, label=f"{SPELLED[colored]} {value:g}", linewidth=5)
            for value, color in colors.items()
        ]
    figure.legend(handles=legend, loc="outside right upper", fontsize=13)
    save(figure, path, "report", dpi=110)


def plot_cell(axes: Axes, cell: Cell, color: Any) -> None:
    """Both sides' accuracy over the epochs; nothing for a cell that was stopped."""
    epochs = [point.step / cell.steps * cell.epochs for point in cell.curve]
    numpy, torch = ([100 * p.accuracy[side] for p in cell.curve] for side in ("numpy", "torch"))
    axes.plot(epochs, numpy, color=color, **BROAD)
    axes.plot(epochs, torch, "--", color=0.5 * np.asarray(color[:3]), **FINE)  # darker


def palette(count: int) -> list[Any]:
    """`count` colors from dark to light, for values that have an order."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0.1, 0.9, count)))
