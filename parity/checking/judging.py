"""Is what came back right? Shape and dtype first, then the values, to the precision they have.

The rule is that of `parity.tolerance`, with one addition, for probes are made to be awkward: to
what rounding may cost belongs what a change of the inputs by a unit in their last place does to
PyTorch's own result. Code that subtracts large numbers is not blamed for what they do to it.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from parity.contract.calls import Call, cast
from parity.contract.reference import reference
from parity.contract.subject import Subject
from parity.tolerance import allowance, is_close, scale_of, worst_element
from parity.tolerance.perturbed import RUNS, rounded

__all__ = ["Expected", "Mismatch", "as_arrays", "close", "expect", "find_mismatch"]

LARGE = 2**18  # bytes of arguments whose answer is not remembered
FAR = 1e-2  # of the scale: no probe is so awkward that rounding could cost as much
PRECISIONS = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
DIFFERENCES = ("log_softmax", "cross_entropy")  # whose outputs may be x - x
OWN = slice(1)  # the first of the equally valid runs in float32: PyTorch's, of the same inputs


class Expected:
    """The right arrays of a call, and how far from each a right result may be.

    `perturbed(dtype)` computes what equally valid runs in that dtype come to, in float32 PyTorch's
    own first. It costs several runs and is asked only where a result is off by more than a few
    units in the last place.
    """

    def __init__(
        self,
        compute: Callable[[], list[ndarray]],
        perturbed: Callable[[str], list[list[ndarray]]],
        single: bool,
        inputs: float = 0.0,
    ) -> None:
        self.compute = compute
        self.single = single  # the call has numbers in single precision
        self.inputs = inputs  # the largest number that goes in, if the outputs are differences
        self.perturbed = cache(perturbed)

    @cached_property
    def arrays(self) -> list[ndarray]:
        """The right arrays."""
        return self.compute()

    def base(self, dtype: str, output: int) -> float:
        """What rounding may cost anybody."""
        return allowance(dtype, scale_of(self.arrays[output]))

    def allowed(self, dtype: str, output: int, runs: slice = slice(None)) -> float:
        """What it may cost in this call; the `runs` are those of the equally valid ones."""
        exact = self.arrays[output]
        valid = [run[output] for run in self.perturbed(dtype)[runs]]
        farthest = max(scale_of(difference(array, exact)) for array in valid)
        return allowance(dtype, scale_of(exact), farthest)

    def agrees(self, got: ndarray, output: int, dtype: str) -> bool:
        """Whether an array is right to the precision of `dtype`.

        An output may be what rounding left of zero, as where a gradient cancels over the batch.
        Then what it may be off by is measured by the largest of all outputs, or if all are zero, as
        is the log_softmax of one number, by what they are differences of. In single precision it
        may be as far off as PyTorch's own, as where every sigmoid rounds to 1.
        """
        exact = self.arrays[output]
        scale, largest = scale_of(exact), max(map(scale_of, self.arrays))
        if scale <= allowance(dtype, largest):
            scale = largest

        def within(allowed: float) -> bool:
            return close(got, exact, allowed)

        if within(self.base(dtype, output) if scale else allowance(dtype, self.inputs)):
            return True
        if within(FAR * scale):
            return within(self.allowed(dtype, output))
        return dtype == "float32" and within(self.allowed(dtype, output, OWN))


@dataclass(frozen=True)
class Mismatch:
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


def expect(
    subject: Subject, call: Call, view: Callable[[list[ndarray]], list[ndarray]]
) -> Expected:
    """What PyTorch computes for the call, in the conventions that `view` turns it into."""

    def compute(call: Call, dtype: str = "float64") -> list[ndarray]:
        return view(answer(subject.name, dtype, call.args, call.all_options))

    def perturbed(dtype: str) -> list[list[ndarray]]:
        rng = np.random.default_rng(0)
        if dtype == "float32":  # options, too, may be kept in single precision
            defaults = subject.defaults if subject.role == "step" else {}
            options = cast_numbers({**defaults, **call.options}, np.float32)
            runs = [compute(call, dtype), compute(replace(call, options=options))]
        else:  # what rounding costs on the way shows in single precision
            runs = [list(map(scaled_down, compute(call), compute(call, "float32")))]
        for _ in range(RUNS):
            runs.append(compute(call.with_args(*rounded(call.args, dtype, rng))))
        return runs

    inputs = scale_of(call.args[0]) if subject.name in DIFFERENCES else 0.0
    return Expected(lambda: compute(call), perturbed, is_single(call.args), inputs)


def scaled_down(exact: ndarray, single: ndarray) -> ndarray:
    """The result in single precision, as far off as it would be in double precision."""
    return np.asarray(
        exact + PRECISIONS * np.nan_to_num(difference(single, exact), posinf=0, neginf=0)
    )


def answer(subject: str, dtype: str, args: Any, options: dict[str, Any]) -> list[ndarray]:
    """What PyTorch computes, not to be written to: the next file of a class asks the same."""
    pickled = pickle.dumps((args, options))
    if len(pickled) > LARGE:
        return as_arrays(reference(subject, dtype)(*args, **options))
    return list(remembered(subject, dtype, pickled))


@lru_cache(maxsize=16384)
def remembered(subject: str, dtype: str, pickled: bytes) -> tuple[ndarray, ...]:
    """The answer to arguments that can be looked up."""
    args, options = pickle.loads(pickled)
    arrays = tuple(as_arrays(reference(subject, dtype)(*args, **options)))
    for array in arrays:
        array.flags.writeable = False
    return arrays


def cast_numbers(options: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The options with their numbers rounded to `dtype`."""

    def rounded_to(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(rounded_to, value))
        return float(dtype(value)) if isinstance(value, float) else value

    return {name: rounded_to(value) for name, value in options.items()}


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


def difference(array: ndarray, other: ndarray) -> ndarray:
    """The difference; NaN where both are infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(array - other)


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
    return bool(is_close(got, expected, allowed).all())


def find_mismatch(
    arrays: Sequence[ndarray | None], expected: Expected, dtype: str | None = None
) -> Mismatch | None:
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
            return Mismatch("shape", output, (), got.shape, exact.shape)
        if got.dtype == np.float16:
            return Mismatch("dtype", output, (), got.dtype, "float32 or float64")
    for output, got, exact in pairs:
        if not expected.agrees(got, output, dtype or precision(got, expected)):
            index = worst_element(got, exact)
            return Mismatch("values", output, index, got[index].item(), exact[index].item())
    return None
