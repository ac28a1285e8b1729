"""Perturbed runs: the same computation with numbers or an order that differ by rounding alone.

How far such a run is from the reference is how far an equally valid program may be.
"""

from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["RUNS", "moved", "reordered", "rounded"]

RUNS = 8  # where a few perturbed runs of one computation are looked at


def rounded(value: Any, dtype: str, rng: np.random.Generator) -> Any:
    """The value with each number of its float arrays moved by ±eps of itself, or not at all.

    `eps` is that of `dtype`. Tuples, lists and dicts are walked through; integers stay.
    """
    if isinstance(value, ndarray) and value.dtype.kind == "f":
        eps = float(np.finfo(dtype).eps)
        return value * rng.choice([1 - eps, 1, 1 + eps], value.shape)
    if isinstance(value, tuple | list):
        return type(value)(rounded(item, dtype, rng) for item in value)
    if isinstance(value, dict):
        return {name: rounded(item, dtype, rng) for name, item in value.items()}
    return value


def moved(array: ndarray, drift: float, rng: np.random.Generator) -> ndarray:
    """The array in float64 with each number moved by up to `drift` of the array's scale.

    `drift` is at least the unit in the last place of the array's dtype.
    """
    reach = max(float(np.finfo(array.dtype).eps), drift) * float(np.abs(array).max())
    return rng.uniform(-reach, reach, array.shape) + array


def reordered(batch: ndarray, order: ndarray) -> ndarray:
    """The batch of indices in another order, so that sums over it round otherwise.

    A batch of one or two is repeated three times: no order changes the rounding of so few, and the
    mean of the repeated batch is the same but for rounding.
    """
    return np.tile(batch[order], 1 if len(batch) > 2 else 3)
