"""The rule of `parity.tolerances`, applied to the tensors of a step in the order of computation."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from parity.errors import BadCaseError
from parity.tolerances import BASE, FACTOR, KINDS

__all__ = ["Comparison", "Divergence", "Key", "StepReport", "Tensors"]

Key = tuple[str, str]  # (phase, tensor), such as ("backward", "fc1.weight")
Tensors = Mapping[Key, ndarray]

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
    divergence: Divergence | None = None  # the first of this step
    drifted: bool = False  # an equally valid run, too, is farther off than a single step explains


class Comparison:
    """Holds the steps of a run against the rule, one after the other.

    Remembers how far equally valid runs have been from the reference, for that is what the rule
    allows; so the steps have to come in order.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.base = BASE[dtype]
        self.farthest: dict[Key, float] = defaultdict(float)
        self.farthest_torch: dict[Key, float] = defaultdict(float)
        self.scratch: dict[tuple[int, ...], ndarray] = {}

    def step(
        self, number: int, numpy: Tensors, torch: Tensors, permuted: Tensors, reference: Tensors
    ) -> StepReport:
        """Compare one step's tensors; the four mappings have the same keys in the same order.

        Raises
        ------
        BadCaseError
            If a tensor of the reference is zero throughout, for that compares nothing.
        """
        loss = ("loss", "loss")
        report = StepReport(number, {"numpy": float(numpy[loss]), "torch": float(torch[loss])})
        for key, exact in reference.items():
            # Rounding the truth to the dtype under test costs half a unit in the last place,
            # far below the base tolerance, and halves the memory traffic of what follows.
            truth = exact.astype(self.dtype, copy=False)
            scale = float(np.abs(truth, out=self.buffer(truth.shape)).max())
            if scale == 0:
                raise BadCaseError(
                    f"step {number}, {key[0]}: {key[1]} is zero throughout, which compares nothing"
                )
            kind = KIND_OF_PHASE[key[0]]
            if kind == "loss":  # a difference of numbers of order one, however small it is itself
                scale = max(scale, 1.0)
            torch_error = self.distance(torch[key], truth) / scale
            permuted_error = self.distance(permuted[key], truth) / scale
            self.farthest_torch[key] = max(self.farthest_torch[key], torch_error)
            self.farthest[key] = max(self.farthest[key], torch_error, permuted_error)
            without_noise = self.base[kind] + FACTOR * self.farthest_torch[key]
            report.drifted = report.drifted or permuted_error > without_noise
            allowed = self.base[kind] + FACTOR * self.farthest[key]

            numpy_error = self.distance(numpy[key], truth) / scale
            if not numpy_error <= allowed and report.divergence is None:  # NaN is not <= anything
                report.divergence = locate(
                    number, key, numpy[key], torch[key], exact, allowed * scale
                )
            difference = self.distance(numpy[key], torch[key]) / scale
            raise_to(report.difference, kind, difference)
            raise_to(report.numpy_error, kind, numpy_error)
            raise_to(report.torch_error, kind, torch_error)
            raise_to(report.used, kind, numpy_error / allowed)
        return report

    def distance(self, value: ndarray, other: ndarray) -> float:
        """The largest absolute difference of two arrays of one shape; 0 for one and the same."""
        if value is other:
            return 0.0
        difference = np.subtract(value, other, out=self.buffer(value.shape))
        return float(np.abs(difference, out=difference).max())

    def buffer(self, shape: tuple[int, ...]) -> ndarray:
        """Memory for a difference: allocating it anew each time would cost more than the maths."""
        if shape not in self.scratch:
            self.scratch[shape] = np.empty(shape, self.dtype)
        return self.scratch[shape]


def raise_to(worst: dict[str, float], kind: str, value: float) -> None:
    """Keep the larger of the two, or NaN if one is."""
    if not value <= worst[kind]:
        worst[kind] = value


def locate(
    step: int, key: Key, numpy: ndarray, torch: ndarray, truth: ndarray, tolerance: float
) -> Divergence:
    """The divergence at the element where NumPy is farthest from the truth."""
    error = np.abs(numpy - truth)
    flat = int(np.where(np.isnan(error), np.inf, error).argmax())
    index = tuple(int(i) for i in np.unravel_index(flat, error.shape))
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
