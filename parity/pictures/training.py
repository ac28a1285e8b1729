"""The pictures of a comparison."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from parity.comparison.result import CompareResult
from parity.comparison.steps import KINDS
from parity.errors import InputError
from parity.pictures.saving import save

__all__ = ["make_folder", "training_curves"]

NUMPY_COLOR, TORCH_COLOR = "#4c9be8", "#d1495b"
BROAD: dict[str, Any] = {"linewidth": 5, "alpha": 0.6}  # so that the other line shows on top
FINE: dict[str, Any] = {"linewidth": 1.2}


def training_curves(result: CompareResult, path: Path) -> None:
    """Both sides' loss and accuracy on one plot, and below it how much of the allowance is used."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    recipe, settings = result.experiment.recipe, result.experiment.settings
    verdict = "parity holds" if result.parity else "parity does not hold"
    figure.suptitle(f"{recipe.name} on {settings.data}, {settings.dtype}: {verdict}", fontsize=16)
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
    plot_loss(figure.add_subplot(grid[0, 0]), result)
    plot_accuracy(figure.add_subplot(grid[0, 1]), result)
    plot_difference(figure.add_subplot(grid[1, :]), result)
    save(figure, path, "report", dpi=120)


def make_folder(path: Path) -> Path:
    """The folder for pictures, made if it is not there.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise InputError(f"report: cannot write to {path}: {error.strerror}") from error


def plot_loss(axes: Axes, result: CompareResult) -> None:
    """Training loss at each step: PyTorch's dashes on NumPy's broad line."""
    numbers = [step.number for step in result.steps]
    numpy, torch = ([step.loss[side] for step in result.steps] for side in ("numpy", "torch"))
    axes.plot(numbers, numpy, "-", color=NUMPY_COLOR, **BROAD, label="NumPy")
    axes.plot(numbers, torch, "--", color=TORCH_COLOR, **FINE, label="PyTorch")
    axes.set(title="Training loss", xlabel="step", ylabel="cross-entropy of the batch")
    axes.legend(fontsize=12)
    axes.grid(alpha=0.3)


def plot_accuracy(axes: Axes, result: CompareResult) -> None:
    """Accuracy on held-out images as training goes on."""
    split = result.experiment.held_out
    curve = result.curve(split)
    numbers = [point.step for point in curve]
    numpy, torch = ([100 * point.accuracy[side] for point in curve] for side in ("numpy", "torch"))
    axes.plot(numbers, numpy, "o-", color=NUMPY_COLOR, **BROAD, markersize=10, label="NumPy")
    axes.plot(numbers, torch, "x--", color=TORCH_COLOR, **FINE, label="PyTorch")
    axes.set(title=f"{split.capitalize()} accuracy", xlabel="step", ylabel="right answers, %")
    axes.legend(fontsize=12, loc="lower right")
    axes.grid(alpha=0.3)


def plot_difference(axes: Axes, result: CompareResult) -> None:
    """NumPy's error over what the rule allows, by kind, at each step: parity is below 1."""
    numbers = [step.number for step in result.steps]
    for kind in KINDS:
        used = np.array([step.used[kind] for step in result.steps])
        axes.plot(numbers, np.where(used > 0, used, np.nan), linewidth=1, label=kind)
    axes.axhline(1, color="black", linewidth=2, label="limit")
    axes.set(
        title="How much of the allowed difference is used",
        xlabel="step",
        ylabel="error / allowance",
        yscale="log",
    )
    axes.legend(fontsize=12, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    axes.grid(alpha=0.3)
