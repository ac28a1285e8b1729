"""Line styles: every line has one of its own as well as a color."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from parity.comparison.steps import KINDS
from parity.system.palette import AMBER, BLUE, GREEN, GREY, NAMES, ORANGE, PINK

__all__ = ["DIVERGENCE", "HORIZON", "KIND_STYLES", "BACKENDS", "legend_below", "smoothed"]

BACKENDS: dict[str, dict[str, Any]] = {  # a broad line, so that the other shows on it
    "numpy": {"label": NAMES["numpy"], "color": BLUE, "linewidth": 5, "alpha": 0.55},
    "torch": {"label": NAMES["torch"], "color": ORANGE, "linewidth": 1.4, "linestyle": "--"},
}
KIND_STYLES: dict[str, dict[str, Any]] = {
    kind: {"label": kind, "color": color, "linestyle": line}
    for kind, color, line in zip(
        KINDS,
        (BLUE, AMBER, GREEN, PINK),
        ("-", "--", "-.", ":"),
        strict=True,
    )
}
HORIZON: dict[str, Any] = {"color": GREY, "linestyle": (0, (6, 3)), "linewidth": 1.5}
DIVERGENCE: dict[str, Any] = {"color": ORANGE, "linestyle": (0, (1, 1)), "linewidth": 2.5}


def legend_below(axes: Axes, columns: int) -> None:
    """A legend under the axes, where it hides no data."""
    axes.legend(
        fontsize=11, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False
    )


def smoothed(values: ndarray, parts: int = 50) -> tuple[ndarray, ndarray]:
    """(indices, means) of `values` (N,) over a moving window of a `parts`-th of them."""
    window = max(1, len(values) // parts)
    means = np.convolve(values, np.full(window, 1 / window), mode="valid")
    return np.arange(len(means)) + (window - 1) / 2, means
