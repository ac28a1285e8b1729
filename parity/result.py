"""What `compare` found, in numbers: filled step by step, shown by report, plots and JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any

from parity.comparison import Divergence, StepReport
from parity.experiment import Experiment
from parity.tolerances import KINDS

__all__ = ["CompareResult", "Epoch"]

BySide = dict[str, float]  # "numpy" and "torch"
ByKind = dict[str, float]  # logits, loss, gradients, weights


@dataclass(frozen=True)
class Epoch:
    """Test loss and accuracy after an epoch, and the worst of its steps."""

    number: int
    last_step: int
    loss: BySide
    accuracy: BySide
    difference: ByKind  # NumPy from PyTorch, relative to each tensor's scale
    used: ByKind  # NumPy's error over what the rule allows it


@dataclass
class CompareResult:
    """Everything a comparison measured; parity holds if no step diverged."""

    experiment: Experiment
    steps: list[StepReport] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    prediction_agreement: float = 0.0
    seconds: BySide = field(default_factory=dict)

    @property
    def first_divergence(self) -> Divergence | None:
        """The first tensor that was out of tolerance, if any was."""
        return next((step.divergence for step in self.steps if step.divergence), None)

    @property
    def parity(self) -> bool:
        """Whether every tensor of every step was within tolerance."""
        return self.first_divergence is None

    def worst(self, quantity: str, first: int = 0) -> ByKind:
        """The largest `quantity` of each kind from step index `first` on; NaN if one is."""
        return {
            kind: max_or_nan([getattr(step, quantity)[kind] for step in self.steps[first:]])
            for kind in KINDS
        }

    def as_json(self) -> dict[str, Any]:
        """The answer under the contract's names; differences are relative to the tensor's scale."""
        settings, last = self.experiment.settings, self.epochs[-1]
        divergence = self.first_divergence
        return {
            "recipe": self.experiment.recipe.name,
            "data": settings.data,
            "dtype": settings.dtype,
            "seed": settings.seed,
            "device": settings.device,
            "parity": self.parity,
            "steps": len(self.steps),
            "first_divergence": divergence and asdict(divergence),
            "max_difference": self.worst("difference"),
            "max_error": {
                "numpy": self.worst("numpy_error"),
                "torch": self.worst("torch_error"),
            },
            "accuracy": last.accuracy,
            "loss": last.loss,
            "prediction_agreement": self.prediction_agreement,
            "seconds": self.seconds,
            "published": [],
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }


def max_or_nan(values: list[float]) -> float:
    """The maximum, or NaN if one of the values is, which Python's own max may pass over."""
    return float("nan") if any(value != value for value in values) else max(values)
