"""Colors and line styles, alike in pictures and pages.

The colors are of the palette by Okabe and Ito, which colour-blind people tell apart; every line has
a style of its own as well.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from parity.tolerance.table import KINDS

__all__ = ["DIVERGENCE", "HORIZON", "KIND_STYLES", "SIDES", "legend_below", "smoothed"]

SIDES: dict[str, dict[str, Any]] = {  # a broad line, so that the other shows on it
    "numpy": {"label": "NumPy", "color": "#0072B2", "linewidth": 5, "alpha": 0.55},
    "torch": {"label": "PyTorch", "color": "#D55E00", "linewidth": 1.4, "linestyle": "--"},
}
KIND_STYLES: dict[str, dict[str, Any]] = {
    kind: {"label": kind, "color": color, "linestyle": line}
    for kind, color, line in zip(
        KINDS,
        ("#0072B2", "#E69F00", "#009E73", "#CC79A7"),
        ("-", "--", "-.", ":"),
        strict=True,
    )
}
HORIZON: dict[str, Any] = {"color": "#555555", "linestyle": (0, (6, 3)), "linewidth": 1.5}
DIVERGENCE: dict[str, Any] = {"color": "#D55E00", "linestyle": (0, (1, 1)), "linewidth": 2.5}


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
