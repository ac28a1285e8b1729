"""The picture of a user's own pair: the losses of both programs, and the allowance used."""

from typing import Any

import numpy as np

from parity.comparison.pair_result import PairResult
from parity.pictures.saving import Picture
from parity.pictures.style import BACKENDS, legend_below
from parity.pictures.training import mark, plot_allowance

__all__ = ["pair_curves"]


def pair_curves(result: PairResult, title: str) -> Picture:
    """Loss of both programs at each step, and how much of the allowed difference is used."""
    figure = Picture(figsize=(11, 8.5), layout="constrained")
    figure.suptitle(f"{title}, {result.dtype}\n{result.in_short}", fontsize=15)
    both: Any = figure.subplots(2, 1)
    loss, allowance = both
    numbers = [step.number for step in result.steps]
    point = "o" if len(numbers) == 1 else None  # a line of one point cannot be seen
    for backend, style in BACKENDS.items():
        losses = np.array([step.loss[backend] for step in result.steps])
        loss.plot(numbers, losses, marker=point, **style)
    loss.set(title="Training loss at each step", ylabel="loss")
    plot_allowance(allowance, result)
    for axes in both:
        axes.grid(alpha=0.3)
        axes.set_xlabel("step")
        mark(axes, result, named=True)
        legend_below(axes, 7)
    return figure
