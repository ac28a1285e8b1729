"""The rule of `parity.tolerance`, applied to the tensors of a step in the order of computation."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import expm1, isfinite

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

        PyTorch's run is an equally valid run. If it is under test as well, as on several processes,
        that is the one `alone`, and `torch` is held to the same allowance as `numpy`.

        Raises
        ------
        BadCaseError
            If a tensor of the reference compares nothing (see `empty`), and has not compared
            anything in an earlier step either; or if one is not finite, or one of an equally valid
            run, for that would allow everything.
        """
        apart = self.distances(
            {
                "numpy": numpy,
                "torch": torch,
                "permuted": permuted,
                "valid": torch if alone is None else alone,
                "truth": reference,
            }
        )
        keys = list(reference)
        scales = self.scales(
            number, dict(zip(keys, apart("truth").tolist(), strict=True)), reference
        )
        scale = np.array([scales[key] for key in keys])
        torch_error, permuted_error = (apart(run, "truth") / scale for run in ("torch", "permuted"))
        valid_error = torch_error if alone is None else apart("valid", "truth") / scale
        if not np.isfinite(valid_error + permuted_error).all():
            where = int(np.argmin(np.isfinite(valid_error + permuted_error)))
            raise BadCaseError(f"{at(number, keys[where])} is not finite in PyTorch")
        without_noise = self.allowed(remember(self.farthest_torch, keys, valid_error))
        farthest = remember(self.farthest, keys, np.maximum(valid_error, permuted_error))
        allowed = self.allowed(farthest)
        if self.resting:
            allowed -= farthest  # which PyTorch's own unknown error may be
        numpy_error = apart("numpy", "truth") / scale
        difference = numpy_error
        if torch_error.any():
            difference = apart("numpy", "torch") / scale
        tested = {"numpy": numpy_error} | ({} if alone is None else {"torch": torch_error})
        used = np.max(list(tested.values()), axis=0) / allowed  # NaN if one is

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
            name = next(
                name for name, error in tested.items() if not error[where] <= allowed[where]
            )
            report.divergence = locate(
                number, key, numpy[key], torch[key], reference[key], most, name
            )
        worst = by_kind(keys, np.array([difference, numpy_error, torch_error, used]))
        report.difference, report.numpy_error, report.torch_error, report.used = worst
        report.used_by_tensor = dict(zip(keys, used.tolist(), strict=True))
        return report

    def scales(
        self, number: int, sizes: Mapping[Key, float], reference: Tensors
    ) -> dict[Key, float]:
        """What the differences of each tensor are relative to; `sizes` are the largest numbers.

        Raises BadCaseError as `step` does.
        """
        for key, size in sizes.items():
            if not isfinite(size):
                raise BadCaseError(f"{at(number, key)} is not finite in PyTorch")
        why_empty = self.empty(reference, sizes)
        # The loss is a difference of logits: it has their rounding, however small it is itself.
        # So do the probabilities. Of softmax - onehot, a difference of numbers of order one, no
        # more than 1 - exp(-loss) is left where the model is sure and right.
        logits = max(sizes.get(LOGITS, 0.0), 1.0)
        left = max(-expm1(-float(reference[LOSS])), BASE[self.name])
        rounding = max(logits, 1 / left) if LOGITS in reference else 1.0  # of the gradients
        steepest = max_of(sizes, "backward")
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
            if key == LOSS and LOGITS in reference:
                scale = max(scale, logits)
            self.scale[key] = max(scale, SMALLEST[self.name])
        return {key: self.scale[key] for key in sizes}

    def empty(self, reference: Tensors, scales: Mapping[Key, float]) -> dict[Key, str]:
        """The tensors that compare nothing, with the reason: what they hold is no more than noise.

        A gradient is noise if it is to the step's largest gradient what a difference within the
        tolerance is to its tensor. So are all of them where the softmax is saturated: every row has
        one probability that differs from 1 by less than the tolerance.
        """
        steepest = max_of(scales, "backward")
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

    def allowed(self, farthest: ndarray) -> ndarray:
        """What the rule allows of each tensor's scale, given the farthest valid runs."""
        return np.array([allowance(self.name, 1.0, far) for far in farthest.tolist()])

    def distances(self, runs: Mapping[str, Tensors]) -> Callable[..., ndarray]:
        """What gives the largest differences of two runs, or the largest numbers of one, by tensor.

        One of the runs is the "truth". Small tensors are laid side by side: a call of NumPy takes
        longer than their sums.
        """
        arrays = {name: list(run.values()) for name, run in runs.items()}
        sizes = np.array([array.size for array in arrays["truth"]])
        small = np.flatnonzero((sizes > 0) & (sizes <= SMALL))
        large = np.flatnonzero(sizes > SMALL)
        starts = np.cumsum([0, *sizes[small]])[:-1]
        side_by_side = {
            name: np.concatenate([run[at].ravel() for at in small]) for name, run in arrays.items()
        }
        # Rounding the truth to the dtype under test costs half a unit in the last place, far
        # below the base tolerance, and halves the memory traffic of what follows.
        with np.errstate(over="ignore"):  # what is too large for the dtype is refused
            side_by_side["truth"] = np.asarray(side_by_side["truth"], self.dtype)
            for where in large:
                arrays["truth"][where] = np.asarray(arrays["truth"][where], self.dtype)

        def apart(one: str, other: str = "") -> ndarray:
            mine, theirs = arrays[one], arrays.get(other, [])
            found = np.zeros(len(mine))
            if theirs and all(a is b for a, b in zip(mine, theirs, strict=True)):
                return found
            flat = side_by_side[one]
            with np.errstate(invalid="ignore"):  # inf - inf
                flat = flat - side_by_side[other] if theirs else flat
            found[small] = np.maximum.reduceat(np.abs(flat), starts)
            for at in large:
                found[at] = self.distance(mine[at], theirs[at]) if theirs else size_of(mine[at])
            return found

        return apart

    def distance(self, value: ndarray, other: ndarray) -> float:
        """The largest absolute difference of two arrays of one shape."""
        return distance(value, other, out=self.buffer(value.shape))

    def buffer(self, shape: tuple[int, ...]) -> ndarray:
        """Memory for a difference: allocating it anew each time would cost more than the maths."""
        if shape not in self.scratch:
            self.scratch[shape] = np.empty(shape, self.dtype)
        return self.scratch[shape]


def size_of(array: ndarray) -> float:
    """The largest absolute value, NaN if there is one; 0 of an empty array."""
    return max(float(array.max()), -float(array.min())) if array.size else 0.0


def max_of(scales: Mapping[Key, float], phase: str) -> float:
    """The largest scale of a phase's tensors."""
    return max((scale for key, scale in scales.items() if key[0] == phase), default=0.0)


def is_saturated(logits: ndarray, tolerance: float) -> bool:
    """Whether each row's largest logit is so far above the others that their odds are below."""
    if logits.ndim != 2:
        return False
    if logits.shape[1] == 1:
        return True
    second, first = np.partition(logits, (-2, -1))[:, -2:].T
    return bool((first - second > -np.log(tolerance)).all())


def remember(largest: dict[Key, float], keys: Sequence[Key], values: ndarray) -> ndarray:
    """Keep the largest value of each key so far, and return these."""
    found = np.maximum([largest[key] for key in keys], values)
    largest.update(zip(keys, found.tolist(), strict=True))
    return found


def by_kind(keys: Sequence[Key], rows: ndarray) -> list[dict[str, float]]:
    """The largest of each row (rows, tensors) over the tensors of each kind, NaN if one is."""
    kinds = [KINDS.index(KIND_OF_PHASE[phase]) for phase, _ in keys]
    order = np.argsort(kinds, kind="stable")
    there, starts = np.unique(np.array(kinds)[order], return_index=True)
    largest = np.maximum.reduceat(rows[:, order], starts, axis=1)
    names = [KINDS[kind] for kind in there]
    return [zeros() | dict(zip(names, row.tolist(), strict=True)) for row in largest]


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
    tested: str = "numpy",
) -> Divergence:
    """The divergence at the element where the run under test is farthest from the truth."""
    index = worst_element(numpy if tested == "numpy" else torch, truth)
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
