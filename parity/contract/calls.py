"""A call to check, and the values it is made of."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.random import Generator

__all__ = ["Call", "cast", "integers", "numbers", "strided"]


@dataclass(frozen=True)
class Call:
    """Arguments for one call of a subject, of the file's and of PyTorch's alike."""

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)  # may be missing in the file
    file_options: dict[str, Any] = field(default_factory=dict)  # asked of the file alone
    reference_options: dict[str, Any] = field(default_factory=dict)  # what the file takes for given
    label: str = ""  # what is special about it
    may_raise: bool = False  # a file that refuses it is not wrong, only less general
    may_assert: bool = False  # one that asserts it cannot take these sizes is only less general
    extreme: bool = False  # a file that is wrong here alone is unstable, not wrong
    goes_back: bool = True  # the backward of the same arguments is worth a call, too

    @property
    def all_options(self) -> dict[str, Any]:
        """What the reference and the mistakes are given."""
        return {**self.options, **self.reference_options}

    def with_args(self, *args: Any) -> "Call":
        """The same call with other arguments."""
        return replace(self, args=args)


def numbers(rng: Generator, *shape: int) -> ndarray:
    """Numbers of two decimals, to be read; none near 0, where ReLU has its kink."""
    return rng.uniform(0.1, 2, shape).round(2) * rng.choice([-1, 1], shape)


def strided(array: ndarray) -> ndarray:
    """The same numbers with gaps between them in memory."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


def integers(rng: Generator, count: int, below: int) -> ndarray:
    """Class indices, the last class and another one first, the rest drawn."""
    drawn = rng.integers(below, size=count)
    drawn[:2] = [below - 1, 0][:count]
    return drawn


def cast(value: Any, dtype: Any) -> Any:
    """The value with its float arrays in another precision."""
    if isinstance(value, ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value
    if isinstance(value, tuple | list):
        return type(value)(cast(item, dtype) for item in value)
    if isinstance(value, dict):
        return {name: cast(item, dtype) for name, item in value.items()}
    return value
