"""The rule of `parity.tolerance`, applied to the tensors of a step in the order of computation."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from parity.errors import BadCaseError
from parity.tolerance import allowance, distance, worst_element
from parity.tolerance.table import BASE, HORIZON, SMALLEST

__all__ = ["KINDS", "Comparison", "Divergence", "Key", "StepReport", "Tensors"]

Key = tuple[str, str]  # (phase, tensor), such as ("backward", "fc1.weight")
Tensors = Mapping[Key, ndarray]

KINDS = ("logits", "loss", "gradients", "weights")
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
        self.dtype = np.dtype(dtype)
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
        loss = ("loss", "loss")
        report = StepReport(number, {"numpy": float(numpy[loss]), "torch": float(torch[loss])})
        # Rounding the truth to the dtype under test costs half a unit in the last place, far
        # below the base tolerance, and halves the memory traffic of what follows.
        with np.errstate(over="ignore"):  # what is too large for the dtype is refused below
            truths = {key: np.asarray(exact, self.dtype) for key, exact in reference.items()}
        scales = {key: self.distance(truth, 0) for key, truth in truths.items()}
        for (phase, tensor), scale in scales.items():
            if not np.isfinite(scale):
                raise BadCaseError(f"step {number}, {phase}: {tensor} is not finite in PyTorch")
        why_empty = self.empty(reference, scales)
        # The loss is a difference of logits: it has their rounding, however small it is itself.
        # So do the probabilities. Of softmax - onehot, a difference of numbers of order one, no
        # more than 1 - exp(-loss) is left where the model is sure and right.
        logits = max(scales.get(LOGITS, 0.0), 1.0)
        left = max(-float(np.expm1(-reference[loss])), BASE[self.dtype.name])
        rounding = max(logits, 1 / left) if LOGITS in reference else 1.0  # of the gradients
        steepest = max_of(scales, "backward")
        for key, truth in truths.items():
            kind = KIND_OF_PHASE[key[0]]
            scale, where = scales[key], f"step {number}, {key[0]}: {key[1]}"
            if key not in why_empty:
                self.largest[key] = max(scale, self.largest.get(key, 0.0))
                scale *= rounding if kind == "gradients" else 1.0
            elif key[1] in self.zero:
                scale = max(scale, steepest if kind == "gradients" else 1.0)
            elif key in self.largest:
                scale = max(scale, self.largest[key])
            else:
                raise BadCaseError(f"{where} {why_empty[key]}, which compares nothing")
            if kind == "loss" and LOGITS in reference:
                scale = max(scale, logits)
            self.scale[key] = scale = max(scale, SMALLEST[self.dtype.name])
            torch_error = self.distance(torch[key], truth) / scale
            permuted_error = self.distance(permuted[key], truth) / scale
            valid_error = torch_error if alone is None else self.distance(alone[key], truth) / scale
            if not np.isfinite(valid_error + permuted_error):
                raise BadCaseError(f"{where} is not finite in PyTorch")
            self.farthest_torch[key] = max(self.farthest_torch[key], valid_error)
            self.farthest[key] = max(self.farthest[key], valid_error, permuted_error)
            horizon = HORIZON[self.dtype.name]
            without_noise = allowance(self.dtype.name, 1.0, self.farthest_torch[key])
            if permuted_error > min(without_noise, horizon) or valid_error > horizon:
                report.drifted = True
            allowed = allowance(self.dtype.name, 1.0, self.farthest[key])

            numpy_error = self.distance(numpy[key], truth) / scale
            tested = {"numpy": numpy_error} | ({} if alone is None else {"torch": torch_error})
            for name, error in tested.items():
                if not error <= allowed and report.divergence is None:  # NaN is not <= anything
                    report.divergence = locate(
                        number, key, numpy[key], torch[key], reference[key], allowed * scale, name
                    )
            difference = self.distance(numpy[key], torch[key]) / scale
            raise_to(report.difference, kind, difference)
            raise_to(report.numpy_error, kind, numpy_error)
            raise_to(report.torch_error, kind, torch_error)
            used = float(np.max(list(tested.values()))) / allowed  # NaN if one is
            raise_to(report.used, kind, used)
            report.used_by_tensor[key] = used
        return report

    def empty(self, reference: Tensors, scales: Mapping[Key, float]) -> dict[Key, str]:
        """The tensors that compare nothing, with the reason: what they hold is no more than noise.

        A gradient is noise if it is to the step's largest gradient what a difference within the
        tolerance is to its tensor. So are all of them where the softmax is saturated: every row has
        one probability that differs from 1 by less than the tolerance.
        """
        steepest = max_of(scales, "backward")
        base = BASE[self.dtype.name]
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

    def distance(self, value: ndarray, other: ndarray | int) -> float:
        """The largest absolute difference of two arrays of one shape."""
        return distance(value, other, out=self.buffer(value.shape))

    def buffer(self, shape: tuple[int, ...]) -> ndarray:
        """Memory for a difference: allocating it anew each time would cost more than the maths."""
        if shape not in self.scratch:
            self.scratch[shape] = np.empty(shape, self.dtype)
        return self.scratch[shape]


def max_of(scales: Mapping[Key, float], phase: str) -> float:
    """The largest scale of a phase's tensors."""
    return max((scale for key, scale in scales.items() if key[0] == phase), default=0.0)


def is_saturated(logits: ndarray, tolerance: float) -> bool:
    """Whether each row's largest logit is so far above the others that their odds are below."""
    if logits.ndim != 2:
        return False
    if logits.shape[1] == 1:
        return True
    second, first = np.sort(logits)[:, -2:].T
    return bool((first - second > -np.log(tolerance)).all())


def raise_to(worst: dict[str, float], kind: str, value: float) -> None:
    """Keep the larger of the two, or NaN if one is."""
    worst[kind] = float(np.maximum(worst[kind], value))


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
