"""The rule of `parity.tolerance`, applied to the tensors of a step in the order of computation."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from math import expm1

import numpy as np
from numpy import ndarray

from parity.errors import BadCaseError
from parity.tolerance import allowance, distance, worst_element
from parity.tolerance.table import BASE, HORIZON, SMALLEST

__all__ = ["KINDS", "Comparison", "Divergence", "Key", "StepReport", "Tensors", "locate"]

Key = tuple[str, str]  # (phase, tensor), such as ("backward", "fc1.weight")
Tensors = Mapping[Key, ndarray]

SMALL = 4096  # numbers

KINDS = ("logits", "loss", "gradients", "weights")
LOSS: Key = ("loss", "loss")
LOGITS: Key = ("forward", "logits")  # the input of a softmax and a cross-entropy
KIND_OF_PHASE = dict(zip(("forward", "loss", "backward", "step"), KINDS, strict=True))


@dataclass(frozen=True)
class Divergence:
    """The first tensor that is too far from the reference, at its worst element."""

    step: int
    phase: str  # forward, loss, backward or step
    tensor: str
    index: tuple[int, ...]
    numpy: float
    torch: float
    truth: float
    tolerance: float  # NumPy may be this far from the truth, in absolute terms


def zeros() -> dict[str, float]:
    """A zero for each kind of tensor."""
    return dict.fromkeys(KINDS, 0.0)


@dataclass
class StepReport:
    """The worst of one step over the tensors of each kind, relative to each tensor's scale."""

    number: int
    loss: dict[str, float]  # of "numpy" and "torch", as it is
    difference: dict[str, float] = field(default_factory=zeros)  # NumPy from PyTorch
    numpy_error: dict[str, float] = field(default_factory=zeros)  # NumPy from the reference
    torch_error: dict[str, float] = field(default_factory=zeros)  # PyTorch from the reference
    used: dict[str, float] = field(default_factory=zeros)  # numpy_error over what the rule allows
    used_by_tensor: dict[Key, float] = field(default_factory=dict)  # the same, in their order
    divergence: Divergence | None = None  # the first of this step
    drifted: bool = False  # an equally valid run is out of tolerance, or beyond the horizon


class Comparison:
    """Holds the steps of a run against the rule, one after the other.

    Remembers how far equally valid runs have been from the reference, for that is what the rule
    allows, and how large each tensor has been; so the steps have to come in order. Of the tensors
    in `zero` it is meant that their gradient, or they, are zero.

    While it is `resting`, PyTorch's own run is given as the reference. NumPy may then be as far
    from it as the rule allows, less PyTorch's largest error so far: whatever PyTorch's error e is
    now, and f was so far, base + 3 f + e is at most base + 4 max(e, f).
    """

    def __init__(self, dtype: str, zero: Collection[str] = ()) -> None:
        self.dtype, self.name, self.horizon = np.dtype(dtype), dtype, HORIZON[dtype]
        self.zero = zero
        self.resting = False  # PyTorch stands in for the truth
        self.farthest: dict[Key, float] = defaultdict(float)
        self.farthest_torch: dict[Key, float] = defaultdict(float)
        self.largest: dict[Key, float] = {}  # the scale, where it compared something
        self.scale: dict[Key, float] = {}  # of the last step
        self.scratch: dict[tuple[int, ...], ndarray] = {}

    def step(
        self,
        number: int,
        numpy: Tensors,
        torch: Tensors,
        permuted: Tensors,
        reference: Tensors,
        alone: Tensors | None = None,
    ) -> StepReport:
        """Compare one step's tensors; the mappings have the same keys in the same order.

        One run may stand in for another: it is the same mapping then, and is not compared again.

        PyTorch's run is an equally valid run. If it is under test as well, as on several processes,
        that is the one `alone`, and `torch` is held to the same allowance as `numpy`.

        Raises
        ------
        BadCaseError
            If a tensor of the reference compares nothing (see `empty`), and has not compared
            anything in an earlier step either; or if one is not finite, or one of an equally valid
            run, for that would allow everything.
        """
        others = () if alone is None else (alone,)
        sizes, apart = self.distances(reference, numpy, torch, permuted, *others)
        keys = tuple(reference)
        scale = self.scales(number, dict(zip(keys, sizes.tolist(), strict=True)), reference)
        torch_error = apart(torch, reference) / scale
        permuted_error = torch_error if permuted is torch else apart(permuted, reference) / scale
        valid_error = torch_error if alone is None else apart(alone, reference) / scale
        if not np.isfinite(valid_error + permuted_error).all():
            where = int(np.argmin(np.isfinite(valid_error + permuted_error)))
            raise BadCaseError(f"{at(number, keys[where])} is not finite in PyTorch")
        without_noise = allowance(self.name, 1.0, remember(self.farthest_torch, keys, valid_error))
        farthest = remember(self.farthest, keys, np.maximum(valid_error, permuted_error))
        allowed = allowance(self.name, 1.0, farthest)
        if self.resting:
            allowed -= farthest  # which PyTorch's own unknown error may be
        numpy_error = apart(numpy, reference) / scale
        difference = numpy_error
        if torch_error.any():
            difference = apart(numpy, torch) / scale
        tested = [(numpy, numpy_error)] + ([] if alone is None else [(torch, torch_error)])
        used = reduce(np.maximum, [error for _, error in tested]) / allowed  # NaN if one is

        losses = float(numpy[LOSS]), float(torch[LOSS])
        report = StepReport(number, dict(zip(("numpy", "torch"), losses, strict=True)))
        report.drifted = bool(
            (permuted_error > np.minimum(without_noise, self.horizon)).any()
            or (valid_error > self.horizon).any()
        )
        wrong = ~(used <= 1)  # NaN is not <= anything
        if wrong.any():
            where = int(np.argmax(wrong))
            key, most = keys[where], float(allowed[where] * scale[where])
            whose = next(run for run, it in tested if not it[where] <= allowed[where])
            report.divergence = locate(
                number, key, numpy[key], torch[key], reference[key], most, whose[key]
            )
        worst = by_kind(keys, np.array([difference, numpy_error, torch_error, used]))
        report.difference, report.numpy_error, report.torch_error, report.used = worst
        report.used_by_tensor = dict(zip(keys, used.tolist(), strict=True))
        return report

    def scales(self, number: int, sizes: Mapping[Key, float], reference: Tensors) -> ndarray:
        """What the differences of each tensor are relative to; `sizes` are the largest numbers.

        Raises BadCaseError as `step` does.
        """
        for key, size in sizes.items():
            if not size < np.inf:
                raise BadCaseError(f"{at(number, key)} is not finite in PyTorch")
        steepest = max([0.0, *(size for key, size in sizes.items() if key[0] == "backward")])
        why_empty = self.empty(reference, sizes, steepest)
        # The loss is a difference of logits: it has their rounding, however small it is itself.
        # So do the probabilities. Of softmax - onehot, a difference of numbers of order one, no
        # more than 1 - exp(-loss) is left where the model is sure and right.
        logits, rounding = 0.0, 1.0
        if LOGITS in reference:
            logits = max(sizes[LOGITS], 1.0)
            left = max(-expm1(-float(reference[LOSS])), BASE[self.name])
            rounding = max(logits, 1 / left)  # of the gradients
        for key, scale in sizes.items():
            gradient = key[0] == "backward"
            if key not in why_empty:
                self.largest[key] = max(scale, self.largest.get(key, 0.0))
                scale *= rounding if gradient else 1.0
            elif key[1] in self.zero:
                scale = max(scale, steepest if gradient else 1.0)
            elif key in self.largest:
                scale = max(scale, self.largest[key])
            else:
                raise BadCaseError(f"{at(number, key)} {why_empty[key]}, which compares nothing")
            if key == LOSS:
                scale = max(scale, logits)
            self.scale[key] = max(scale, SMALLEST[self.name])
        return np.array([self.scale[key] for key in sizes])

    def empty(
        self, reference: Tensors, scales: Mapping[Key, float], steepest: float
    ) -> dict[Key, str]:
        """The tensors that compare nothing, with the reason: what they hold is no more than noise.

        A gradient is noise if it is to the step's `steepest` gradient what a difference within the
        tolerance is to its tensor. So are all of them where the softmax is saturated: every row has
        one probability that differs from 1 by less than the tolerance.
        """
        base = BASE[self.name]
        saturated = LOGITS in reference and is_saturated(reference[LOGITS], base)
        reasons = {}
        for key, scale in scales.items():
            gradient = key[0] == "backward"
            if scale == 0 and key[0] != "loss":
                reasons[key] = "is zero throughout"
            elif gradient and scale <= base * steepest:
                reasons[key] = f"is at most {scale:.1e} beside gradients of {steepest:.1e}"
            elif gradient and saturated:
                reasons[key] = "follows from a softmax that is saturated in every row"
        return reasons

    def widen(self, run: Tensors, reference: Tensors) -> None:
        """Allow for how far one more equally valid run of the last step is from the reference."""
        for key, exact in reference.items():
            truth = np.asarray(exact, self.dtype)
            error = self.distance(run[key], truth) / self.scale[key]
            self.farthest[key] = max(self.farthest[key], error)

    def distances(
        self, truth: Tensors, *runs: Tensors
    ) -> tuple[ndarray, Callable[[Tensors, Tensors], ndarray]]:
        """The largest numbers of the truth, and what gives the largest differences of two runs.

        Both are by tensor. Small tensors are laid end to end: a call of NumPy takes longer than
        their sums.
        """
        small, large, starts = by_size(tuple(array.size for array in truth.values()))

        def laid_out(run: Tensors) -> tuple[ndarray, list[ndarray]]:
            arrays = list(run.values())
            end_to_end = np.concatenate([arrays[at] for at in small], axis=None)
            return end_to_end, [np.ascontiguousarray(arrays[at]) for at in large]

        each = {id(run): run for run in (truth, *runs)}
        laid = {which: laid_out(run) for which, run in each.items()}
        # Rounding the truth to the dtype under test costs half a unit in the last place, far
        # below the base tolerance, and halves the memory traffic of what follows.
        flat, arrays = laid[id(truth)]
        with np.errstate(over="ignore"):  # what is too large for the dtype is refused
            flat, *arrays = (np.asarray(array, self.dtype) for array in (flat, *arrays))
        laid[id(truth)] = flat, arrays
        sizes = np.zeros(len(truth))
        sizes[small] = np.maximum.reduceat(np.abs(flat), starts)
        sizes[large] = [size_of(array) for array in arrays]

        def apart(one: Tensors, other: Tensors) -> ndarray:
            found = np.zeros(len(truth))
            if one is other:
                return found
            (mine, mine_large), (theirs, theirs_large) = laid[id(one)], laid[id(other)]
            found[small] = np.maximum.reduceat(np.abs(mine - theirs), starts)
            found[large] = list(map(self.distance, mine_large, theirs_large))
            return found

        return sizes, apart

    def distance(self, value: ndarray, other: ndarray) -> float:
        """The largest absolute difference of two arrays of one shape."""
        return distance(value, other, out=self.buffer(value.shape))

    def buffer(self, shape: tuple[int, ...]) -> ndarray:
        """Memory for a difference: allocating it anew each time would cost more than the maths."""
        if shape not in self.scratch:
            self.scratch[shape] = np.empty(shape, self.dtype)
        return self.scratch[shape]


def size_of(array: ndarray) -> float:
    """The largest absolute value, NaN if there is one."""
    return max(float(array.max()), -float(array.min()))


@lru_cache(maxsize=64)  # the same at each step, but for a smaller last batch
def by_size(sizes: tuple[int, ...]) -> tuple[ndarray, ndarray, ndarray]:
    """Which arrays are small, which are large, and where small ones begin, laid end to end."""
    is_small = np.array(sizes) <= SMALL
    small = np.flatnonzero(is_small & (np.array(sizes) > 0))
    large = np.flatnonzero(~is_small)
    return small, large, np.cumsum([0, *(sizes[at] for at in small)])[:-1]


def is_saturated(logits: ndarray, tolerance: float) -> bool:
    """Whether each row's largest logit is so far above the others that their odds are below."""
    if logits.ndim != 2:
        return False
    if logits.shape[1] == 1:
        return True
    second, first = np.partition(logits, -2)[:, -2:].T
    return bool((first - second > -np.log(tolerance)).all())


def remember(largest: dict[Key, float], keys: Sequence[Key], values: ndarray) -> ndarray:
    """Keep the largest value of each key so far, and return these."""
    found = np.maximum([largest[key] for key in keys], values)
    largest.update(zip(keys, found.tolist(), strict=True))
    return found


def by_kind(keys: tuple[Key, ...], rows: ndarray) -> list[dict[str, float]]:
    """The largest of each row (rows, tensors) over the tensors of each kind, NaN if one is."""
    kinds, order, starts = in_kinds(keys)
    largest = np.maximum.reduceat(rows[:, order], starts, axis=1)
    return [zeros() | dict(zip(kinds, row, strict=True)) for row in largest.tolist()]


@lru_cache(maxsize=64)  # the same at each step
def in_kinds(keys: tuple[Key, ...]) -> tuple[list[str], ndarray, ndarray]:
    """The kinds that are there, the order of the tensors by kind, and where each kind begins."""
    kinds = np.array([KINDS.index(KIND_OF_PHASE[phase]) for phase, _ in keys])
    order = np.argsort(kinds)
    there, starts = np.unique(kinds[order], return_index=True)
    return [KINDS[kind] for kind in there], order, starts


def at(step: int, key: Key) -> str:
    """Where a tensor is."""
    return f"step {step}, {key[0]}: {key[1]}"


def locate(
    step: int,
    key: Key,
    numpy: ndarray,
    torch: ndarray,
    truth: ndarray,
    tolerance: float,
    tested: ndarray,
) -> Divergence:
    """The divergence where the run under test, one of the two, is farthest from the truth."""
    index = worst_element(tested, truth)
    phase, tensor = key
    return Divergence(
        step,
        phase,
        tensor,
        index,
        numpy=float(numpy[index]),
        torch=float(torch[index]),
        truth=float(truth[index]),
        tolerance=tolerance,
    )
