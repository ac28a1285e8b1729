"""The one rule for what counts as equal.

A result is right if its largest absolute difference from the reference, which is PyTorch's result
in float64, is at most

    BASE x scale + FACTOR x the farthest that an equally valid run is from the reference,

where the scale is the largest absolute value of the reference, or the smallest normal number if
that is more. In float32, PyTorch's own run is an equally valid run (this is the truth test: NumPy
must be about as near to the truth as PyTorch is). So is a run that differs by nothing but rounding:
see `parity.tolerance.perturbed`.
"""

from typing import overload

import numpy as np
from numpy import ndarray

from parity.tolerance.table import BASE, FACTOR, SMALLEST

__all__ = ["allowance", "distance", "is_close", "scale_of"]


@overload
def allowance(dtype: str, scale: float, farthest: float = 0.0) -> float: ...
@overload
def allowance(dtype: str, scale: float, farthest: ndarray) -> ndarray: ...
def allowance(dtype: str, scale: float, farthest: float | ndarray = 0.0) -> float | ndarray:
    """How far a result in `dtype` may be from the reference.

    Parameters
    ----------
    dtype
        "float32" or "float64".
    scale
        The largest absolute value of the reference.
    farthest
        The distance from the reference of the farthest equally valid run, in the unit of `scale`;
        or an array of such distances, for the allowance at each.
    """
    return BASE[dtype] * max(scale, SMALLEST[dtype]) + FACTOR * farthest


def distance(value: ndarray, other: ndarray | int, out: ndarray | None = None) -> float:
    """The largest absolute difference of two arrays of one shape; NaN if one difference is.

    `out` is memory for the difference: where arrays are large, new memory costs more than the sum.
    """
    if value is other or value.size == 0:
        return 0.0
    with np.errstate(invalid="ignore"):  # inf - inf
        difference = np.subtract(value, other, out=out)
    return float(np.abs(difference, out=out).max())


def scale_of(array: ndarray) -> float:
    """The largest absolute value of those that are finite; 0 if there is none."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def is_close(value: ndarray, reference: ndarray, allowed: float) -> ndarray:
    """Which numbers are within `allowed` of the reference; NaN and infinities equal themselves."""
    with np.errstate(invalid="ignore"):
        same = (value == reference) | (np.isnan(value) & np.isnan(reference))
        near = np.isfinite(reference) & (np.abs(value - reference) <= allowed)
        return np.asarray(same | near)
