"""Is what came back right? Shape and dtype first, then the values, to the precision they have.

The rule is that of `parity.tolerances`, with one addition, for probes are made to be awkward: to
what rounding may cost belongs what a change of the inputs by a unit in their last place does to
PyTorch's own result. Code that subtracts large numbers is not blamed for what they do to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.calls import Call, cast
from parity.checking.reference import reference
from parity.tolerances import BASE, FACTOR, SMALLEST

__all__ = ["Expected", "Misfit", "as_arrays", "close", "expect", "find_misfit"]

FAR = 1e-2  # of the scale: no probe is so awkward that rounding could cost as much
NEIGHBOURS = 8  # how many changed inputs are looked at


class Expected:
    """The right arrays of a call, and how far from each a right result may be.

    `neighbours(dtype)` computes what equally valid runs in that dtype come to. It costs several
    runs and is asked only where a result is off by more than a few units in the last place.
    """

    def __init__(
        self,
        compute: Callable[[], list[ndarray]],
        neighbours: Callable[[str], list[list[ndarray]]],
        single: bool,
    ) -> None:
        self.compute = compute
        self.single = single  # the call has numbers in single precision
        self.neighbours = cache(neighbours)

    @cached_property
    def arrays(self) -> list[ndarray]:
        """The right arrays."""
        return self.compute()

    def base(self, dtype: str, output: int) -> float:
        """What rounding may cost anybody."""
        return BASE[dtype]["gradients"] * max(scale(self.arrays[output]), SMALLEST[dtype])

    def allowed(self, dtype: str, output: int) -> float:
        """What it may cost in this call."""
        exact = self.arrays[output]
        farthest = max(distance(run[output], exact) for run in self.neighbours(dtype))
        return self.base(dtype, output) + FACTOR * farthest

    def agrees(self, got: ndarray, output: int, dtype: str) -> bool:
        """Whether an array is right to the precision of `dtype`."""
        exact = self.arrays[output]
        return close(got, exact, self.base(dtype, output)) or (
            close(got, exact, FAR * scale(exact)) and close(got, exact, self.allowed(dtype, output))
        )


@dataclass(frozen=True)
class Misfit:
    """How one call's result differs from what was expected."""

    kind: str  # "raises", "shape", "dtype" or "values"
    output: int = 0
    index: tuple[int, ...] = ()
    got: Any = None
    expected: Any = None


def as_arrays(value: Any) -> list[ndarray]:
    """What a function of the contract returns, one array or a tuple of them, as a list."""
    items = value if isinstance(value, tuple | list) else (value,)
    return [np.asarray(item) for item in items]


def expect(subject: str, call: Call, view: Callable[[list[ndarray]], list[ndarray]]) -> Expected:
    """What PyTorch computes for the call, in the conventions that `view` turns it into."""

    def compute(call: Call, dtype: str = "float64") -> list[ndarray]:
        return view(as_arrays(reference(subject, dtype)(*call.args, **call.all_options)))

    def neighbours(dtype: str) -> list[list[ndarray]]:
        eps = float(np.finfo(dtype).eps)
        rng = np.random.default_rng(0)
        runs = [compute(call, "float32")] if dtype == "float32" else []
        for _ in range(NEIGHBOURS):
            runs.append(compute(call.with_args(*nudged(call.args, eps, rng))))
        return runs

    return Expected(lambda: compute(call), neighbours, is_single(call.args))


def is_single(value: Any) -> bool:
    """Whether there is an array in single precision."""
    if isinstance(value, ndarray):
        return value.dtype == np.float32
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, tuple | list) and any(map(is_single, value))


def single_call(call: Call) -> Call:
    """The call with its arrays in single precision."""
    return call.with_args(*cast(call.args, np.float32))


def nudged(value: Any, eps: float, rng: np.random.Generator) -> Any:
    """The value with the numbers of its float arrays changed by ±`eps` of themselves or not."""
    if isinstance(value, ndarray) and value.dtype.kind == "f":
        return value * rng.choice([1 - eps, 1, 1 + eps], value.shape)
    if isinstance(value, tuple | list):
        return type(value)(nudged(item, eps, rng) for item in value)
    if isinstance(value, dict):
        return {name: nudged(item, eps, rng) for name, item in value.items()}
    return value


def scale(array: ndarray) -> float:
    """The largest absolute value, of those that are finite."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def distance(array: ndarray, other: ndarray) -> float:
    """The largest absolute difference."""
    with np.errstate(invalid="ignore"):
        return scale(np.asarray(array - other))


def precision(array: ndarray, expected: Expected) -> str:
    """The dtype whose tolerance an array is held to: float32 also for its numbers in float64."""
    if expected.single:
        return "float32"
    with np.errstate(over="ignore"):
        narrowed = array.astype(np.float32)
    return "float32" if np.array_equal(narrowed, array, equal_nan=True) else "float64"


def close(got: ndarray, expected: ndarray, allowed: float) -> bool:
    """Whether all numbers agree, NaN and infinities with themselves."""
    if got.shape != expected.shape:
        return False
    with np.errstate(invalid="ignore"):
        return bool(np.all(agree(got, expected, allowed)))


def agree(got: ndarray, expected: ndarray, allowed: float) -> Any:
    """Which numbers agree."""
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return same | (np.isfinite(expected) & (np.abs(got - expected) <= allowed))


def find_misfit(
    arrays: list[ndarray | None], expected: Expected, dtype: str | None = None
) -> Misfit | None:
    """The first thing that is wrong: shapes and dtypes of all outputs, then values in their order.

    Each array is held to the tolerance of `dtype`, or by default of its own.
    """
    pairs = [
        (output, got, exact)
        for output, (got, exact) in enumerate(zip(arrays, expected.arrays, strict=True))
        if got is not None
    ]
    for output, got, exact in pairs:
        if got.shape != exact.shape:
            return Misfit("shape", output, (), got.shape, exact.shape)
        if got.dtype == np.float16:
            return Misfit("dtype", output, (), got.dtype, "float32 or float64")
    for output, got, exact in pairs:
        if not expected.agrees(got, output, dtype or precision(got, expected)):
            index = worst(got, exact)
            return Misfit("values", output, index, got[index].item(), exact[index].item())
    return None


def worst(got: ndarray, exact: ndarray) -> tuple[int, ...]:
    """The index of the number that is farthest off; a NaN or an infinity is, but not where due."""
    with np.errstate(invalid="ignore"):
        error = np.where(agree(got, exact, 0.0), 0, np.abs(got - exact))
    # NaN is more than any number to argmax.
    return tuple(int(i) for i in np.unravel_index(error.argmax(), error.shape))
