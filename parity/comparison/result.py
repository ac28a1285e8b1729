"""What `compare` found, in numbers: filled step by step, shown by report, plots and JSON."""

from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from parity.backends import RecipeBackend
from parity.comparison.reproduce import Reproduction
from parity.comparison.steps import KINDS, Divergence, StepReport
from parity.experiment.prepare import Experiment
from parity.experiment.published import Checkpoint, PublishedRow, published_rows
from parity.system import html
from parity.system.palette import NAMES
from parity.tolerance import element_name

__all__ = ["CompareResult", "Epoch", "Result", "divergence_lines"]

ByBackend = dict[str, float]  # "numpy" and "torch"
ByKind = dict[str, float]  # logits, loss, gradients, weights


@dataclass(frozen=True)
class Epoch:
    """Loss and accuracy on the held-out images after an epoch, and the worst of its steps."""

    number: int
    last_step: int
    training_loss: ByBackend  # the mean over the epoch's steps
    loss: ByBackend
    accuracy: ByBackend
    difference: ByKind  # NumPy from PyTorch, relative to each tensor's scale
    used: ByKind  # NumPy's error over what the rule allows it


@dataclass(repr=False)
class Result:
    """What a comparison of two programs measured; parity holds if no step diverged."""

    dtype: str
    resync: bool = False
    steps: list[StepReport] = field(default_factory=list)
    seconds: ByBackend = field(default_factory=dict)  # in training steps alone
    reproduction: Reproduction | None = None  # what reproduces the first divergence
    interrupted: bool = False  # before its last step

    @property
    def first_divergence(self) -> Divergence | None:
        """The first tensor that was out of tolerance, if any was."""
        return next((step.divergence for step in self.steps if step.divergence), None)

    @property
    def parity(self) -> bool:
        """Whether every tensor of every step was within tolerance."""
        return self.first_divergence is None

    @property
    def noise_horizon(self) -> int | None:
        """The first step at which rounding alone moved an equally valid run too far off.

        That is out of tolerance, or beyond half of the dtype's digits. From there on only its
        size separates a bug from drift.
        """
        return next((step.number for step in self.steps if step.drifted), None)

    @property
    def jumps(self) -> int:
        """The steps at which rounding alone moved an equally valid run too far off."""
        return sum(step.drifted for step in self.steps)

    @property
    def extent(self) -> str:
        """Of which steps parity is claimed."""
        steps, horizon = len(self.steps), self.noise_horizon
        if horizon is None:
            return f"all {steps:,} steps" if steps > 1 else "the only step"
        if self.resync:
            return f"{steps - self.jumps:,} of {steps:,} steps, each taken alone"
        return f"the first {horizon - 1:,} steps"

    @property
    def marks(self) -> dict[str, float]:
        """The steps to draw a line at: of the noise horizon and of the first divergence."""
        marks: dict[str, float] = {}
        if self.noise_horizon is not None and not self.resync:
            marks["noise horizon"] = float(self.noise_horizon)
        if self.first_divergence is not None:
            marks["first divergence"] = float(self.first_divergence.step)
        return marks

    @property
    def in_short(self) -> str:
        """The verdict in one line; it claims no more than the curves show."""
        found, horizon = self.first_divergence, self.noise_horizon
        if found is not None:
            said = f"parity does not hold: step {found.step:,}, {found.phase}, {found.tensor}"
        else:
            said = f"parity holds at {self.extent}"
            if horizon is not None and not self.resync:
                said += f"; from step {horizon:,} on rounding decides (noise horizon)"
        return f"interrupted; {said}" if self.interrupted else said

    def worst(self, quantity: str, first: int = 0) -> ByKind:
        """The largest `quantity` of each kind from step index `first` on; NaN if one is."""
        return {
            kind: max_or_nan([getattr(step, quantity)[kind] for step in self.steps[first:]])
            for kind in KINDS
        }

    def summary(self) -> dict[str, Any]:
        """The figures of every comparison; differences are relative to the tensor's scale."""
        divergence = self.first_divergence
        return {
            "dtype": self.dtype,
            "parity": self.parity,
            "steps": len(self.steps),
            "resync": self.resync,
            "first_divergence": divergence and asdict(divergence),
            "noise_horizon": self.noise_horizon,
            "max_difference": self.worst("difference"),
            "max_error": {
                "numpy": self.worst("numpy_error"),
                "torch": self.worst("torch_error"),
            },
            "seconds": self.seconds,
        }


@dataclass(kw_only=True, repr=False)
class CompareResult(Result):
    """What the comparison of a recipe's two backends measured."""

    experiment: Experiment
    file: str = ""  # whose network is compared, if it is not `numpy_impl`'s
    checkpoints: list[Checkpoint] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    backends: dict[str, RecipeBackend] = field(default_factory=dict)  # as they were trained
    prediction_agreement: float = 0.0  # on the held-out images
    first_answers: tuple[list[int], list[int], list[int]] = ([], [], [])  # labels, NumPy, PyTorch

    @property
    def published(self) -> list[PublishedRow]:
        """The recipe's published figures beside both backends' own."""
        return published_rows(self.experiment, self.checkpoints)

    @property
    def title(self) -> str:
        """What was compared."""
        settings = self.experiment.settings
        whose = f" of {self.file}" if self.file else ""
        return f"{self.experiment.recipe.name}{whose} on {settings.data}, {settings.dtype}"

    def __repr__(self) -> str:
        return f"<CompareResult {self.title}: {self.in_short}>"

    def _repr_html_(self) -> str:
        """The verdict and a row for each epoch, in a notebook."""
        return f"<p><b>{self.title}: {self.in_short}</b></p>{self.epochs_as_html()}"

    def epochs_as_html(self) -> str:
        """A table with a row for each epoch."""
        header = (
            "epoch",
            *(f"{metric} {NAMES[backend]}" for metric in ("loss", "accuracy") for backend in NAMES),
            *(f"Δ {kind}" for kind in KINDS),
            "allowance used",
        )
        rows = [
            (
                epoch.number,
                *(f"{epoch.loss[backend]:.4f}" for backend in NAMES),
                *(f"{epoch.accuracy[backend]:.2%}" for backend in NAMES),
                *(f"{epoch.difference[kind]:.1e}" for kind in KINDS),
                f"{max(epoch.used.values()):.0%}",
            )
            for epoch in self.epochs
        ]
        return html.table(header, rows)

    def curve(self, split: str) -> list[Checkpoint]:
        """The checkpoints of one split, in order."""
        return [checkpoint for checkpoint in self.checkpoints if checkpoint.split == split]

    def end_epoch(self) -> None:
        """Close an epoch: its last step and its last checkpoint have been added."""
        first = self.epochs[-1].last_step if self.epochs else 0
        last = self.curve(self.experiment.held_out)[-1]
        self.epochs.append(
            Epoch(
                number=len(self.epochs) + 1,
                last_step=len(self.steps),
                training_loss={
                    backend: fmean(step.loss[backend] for step in self.steps[first:])
                    for backend in last.loss
                },
                loss=last.loss,
                accuracy=last.accuracy,
                difference=self.worst("difference", first),
                used=self.worst("used", first),
            )
        )

    def as_json(self) -> dict[str, Any]:
        """The answer under the contract's names; differences are relative to the tensor's scale."""
        settings, last = self.experiment.settings, self.epochs[-1]
        return {
            "recipe": self.experiment.recipe.name,
            **({"file": self.file} if self.file else {}),
            "data": settings.data,
            "seed": settings.seed,
            "device": settings.device,
            "interrupted": self.interrupted,
            **self.summary(),
            "accuracy": last.accuracy,
            "loss": last.loss,
            "prediction_agreement": self.prediction_agreement,
            "published": [asdict(row) for row in self.published],
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "checkpoints": [asdict(checkpoint) for checkpoint in self.checkpoints],
        }


def divergence_lines(found: Divergence, other_name: str = "") -> list[str]:
    """Where the two first parted, and by how much; the tensor has perhaps another name in NumPy."""
    known = f" ({other_name} in NumPy)" if other_name else ""
    where = element_name(found.tensor, found.index)
    return [
        f"first divergence: step {found.step}, {found.phase}, {where}{known}",
        f"  NumPy     {found.numpy!r}",
        f"  PyTorch   {found.torch!r}",
        f"  truth     {found.truth!r}",
        f"  off by    {abs(found.numpy - found.truth):.3e}, allowed {found.tolerance:.3e}",
    ]


def max_or_nan(values: list[float]) -> float:
    """The maximum, or NaN if one of the values is, which Python's own max may pass over."""
    return float("nan") if any(value != value for value in values) else max(values)
