"""The rule of `parity.tolerance`, applied to the tensors of a step in the order of computation."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
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
    """

    def __init__(self, dtype: str, zero: Collection[str] = ()) -> None:
        self.dtype, self.name, self.horizon = np.dtype(dtype), dtype, HORIZON[dtype]
        self.zero = zero
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
        # Rounding the truth to the dtype under test costs half a unit in the last place, far
        # below the base tolerance, and halves the memory traffic of what follows.
        with np.errstate(over="ignore"):  # what is too large for the dtype is refused below
            truth = {key: np.asarray(exact, self.dtype) for key, exact in reference.items()}
        runs = {"numpy": numpy, "torch": torch, "permuted": permuted, "truth": truth}
        apart = self.distances(runs if alone is None else {**runs, "alone": alone})
        sizes, of_numpy, of_torch = apart("truth"), apart("numpy", "truth"), apart("torch", "truth")
        of_permuted = apart("permuted", "truth")
        of_valid = of_torch if alone is None else apart("alone", "truth")
        differences = of_numpy if not any(of_torch.values()) else apart("numpy", "torch")
        scales = self.scales(number, sizes, reference)
        losses = float(numpy[LOSS]), float(torch[LOSS])
        report = StepReport(number, dict(zip(("numpy", "torch"), losses, strict=True)))
        for key, scale in scales.items():
            valid_error, permuted_error = of_valid[key] / scale, of_permuted[key] / scale
            if not isfinite(valid_error + permuted_error):
                raise BadCaseError(f"{at(number, key)} is not finite in PyTorch")
            self.farthest_torch[key] = max(self.farthest_torch[key], valid_error)
            self.farthest[key] = max(self.farthest[key], valid_error, permuted_error)
            without_noise = allowance(self.name, 1.0, self.farthest_torch[key])
            if permuted_error > min(without_noise, self.horizon) or valid_error > self.horizon:
                report.drifted = True
            allowed = allowance(self.name, 1.0, self.farthest[key])
            numpy_error, torch_error = of_numpy[key] / scale, of_torch[key] / scale
            tested = {"numpy": numpy_error} | ({} if alone is None else {"torch": torch_error})
            for name, error in tested.items():
                if not error <= allowed:  # NaN is not <= anything
                    report.divergence = report.divergence or locate(
                        number, key, numpy[key], torch[key], reference[key], allowed * scale, name
                    )
            kind = KIND_OF_PHASE[key[0]]
            raise_to(report.difference, kind, differences[key] / scale)
            raise_to(report.numpy_error, kind, numpy_error)
            raise_to(report.torch_error, kind, torch_error)
            used = float(np.max(list(tested.values()))) / allowed  # NaN if one is
            raise_to(report.used, kind, used)
            report.used_by_tensor[key] = used
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

    def distances(self, runs: Mapping[str, Tensors]) -> Callable[..., dict[Key, float]]:
        """What gives the largest differences of two runs, or the largest numbers of one, by tensor.

        Small tensors are laid side by side: a call of NumPy takes longer than their sums.
        """
        shapes = next(iter(runs.values()))
        small = [key for key, array in shapes.items() if 0 < array.size <= SMALL]
        large = [key for key, array in shapes.items() if not 0 < array.size <= SMALL]
        ends = np.cumsum([shapes[key].size for key in small])
        starts = [0, *ends[:-1].tolist()]
        side_by_side = {
            name: np.concatenate([run[key].ravel() for key in small]) for name, run in runs.items()
        }

        def apart(one: str, other: str = "") -> dict[Key, float]:
            mine, theirs = runs[one], runs.get(other)
            if theirs is not None and all(array is theirs[key] for key, array in mine.items()):
                return dict.fromkeys(mine, 0.0)
            flat = side_by_side[one]
            with np.errstate(invalid="ignore"):  # inf - inf
                flat = flat if theirs is None else flat - side_by_side[other]
            found = dict(
                zip(small, np.maximum.reduceat(np.abs(flat), starts).tolist(), strict=True)
            )
            for key in large:
                value = mine[key]
                found[key] = size_of(value) if theirs is None else self.distance(value, theirs[key])
            return {key: found[key] for key in mine}

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


def raise_to(worst: dict[str, float], kind: str, value: float) -> None:
    """Keep the larger of the two, or NaN if one is."""
    if value > worst[kind] or value != value:
        worst[kind] = value


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
