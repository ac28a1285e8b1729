"""What the comparison of a user's two programs found."""

from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from parity.comparison.location import Location
from parity.comparison.reproduce import save
from parity.comparison.result import Result, divergence_lines
from parity.comparison.steps import KINDS, Divergence
from parity.errors import InputError
from parity.system.drawing import drawing
from parity.system.html import Line
from parity.system.palette import BACKENDS, NAMES
from parity.tolerance.table import FACTOR

__all__ = ["PairResult"]


@dataclass(repr=False)
class PairResult(Result):
    """The verdict on a NumPy program and a PyTorch program, and where they first differ."""

    names: dict[str, str] = field(default_factory=dict)  # PyTorch's to NumPy's, .T if transposed
    notes: list[str] = field(default_factory=list)  # what was not compared, or could not be done
    location: Location | None = None  # of the mistake behind the first divergence
    measured: int | None = None  # steps that the float64 run went along with; None for all
    evaluation: tuple[int, Divergence | None] = (0, None)  # outputs compared, the first wrong one

    @property
    def first_divergence(self) -> Divergence | None:
        """The first tensor that was out of tolerance, in training or in the evaluation after it."""
        return super().first_divergence or self.evaluation[1]

    @property
    def layer(self) -> str:
        """PyTorch's name of the layer in which the first wrong tensor is; empty if none is."""
        return self.location.layer if self.location else ""

    def __repr__(self) -> str:
        return f"<PairResult {self.dtype}: {self.in_short}>"

    def __str__(self) -> str:
        """The verdict in a few lines."""
        steps, found = len(self.steps), self.first_divergence
        if found is None:
            lines = [self.success()]
        else:
            extent = f"{steps:,} step{'s' * (steps != 1)}"
            lines = [f"parity does not hold in {self.dtype} ({extent}).", *self.explained(found)]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def success(self) -> str:
        """What holds, and how far it can be told."""
        outputs, horizon = self.evaluation[0], self.noise_horizon
        line = f"parity holds: every tensor agrees to rounding at {self.extent}"
        if outputs:
            line += f" and on {outputs} evaluated output{'s' * (outputs != 1)}"
        line += f", {self.dtype}."
        if horizon is not None and self.resync:
            line += (
                f" At the other {self.jumps:,}, first at step {horizon:,}, rounding alone takes "
                "equally valid runs out of tolerance."
            )
        elif horizon is not None:
            line += (
                f" Step {horizon:,} is the noise horizon: from there on rounding alone takes "
                f"equally valid runs out of tolerance. The steps to {len(self.steps):,} stay "
                "within that noise; resync=True compares each step alone."
            )
        elif self.dtype == "float32":
            known = Result(self.dtype, steps=self.steps[: self.measured])
            mine, theirs = (max(known.worst(f"{it}_error").values()) for it in ("numpy", "torch"))
            line += (
                f" Farthest from a float64 run: NumPy {mine:.1e}, PyTorch {theirs:.1e} of a "
                f"tensor's scale (at most {FACTOR:g} times as far is allowed, plus rounding)."
            )
            if self.measured is not None:
                most = max(self.worst("difference", self.measured).values())
                line += (
                    f" That is of the first {self.measured} steps; after them the two differ by at "
                    f"most {most:.1e}, which the rule allows without that run."
                )
        return line

    def explained(self, found: Divergence) -> list[str]:
        """The first divergence."""
        other = self.names.get(found.tensor, "")
        lines = divergence_lines(found, other if other != found.tensor else "")
        return [*lines, *([self.location.sentence] if self.location else [])]

    def assert_parity(self) -> None:
        """Raise AssertionError with the verdict if parity does not hold."""
        if not self.parity:
            raise AssertionError(str(self))

    def save(self, path: str | Path) -> None:
        """Write the step that first went wrong to an .npz file.

        `parity.reproduce.load` reads its tensors, `parity.compare(..., replay=path)` runs it again.

        Raises
        ------
        InputError
            If there is none, or the file cannot be written.
        """
        if self.reproduction is None:
            raise InputError("save: no step went wrong")
        save(self.reproduction, Path(path))

    def as_json(self) -> dict[str, Any]:
        """The answer for machines; differences are relative to the tensor's scale."""
        return {
            **self.summary(),
            "location": self.location and asdict(self.location),
            "names": self.names,
            "notes": self.notes,
            "measured_steps": len(self.steps) if self.measured is None else self.measured,
            "evaluated": self.evaluation[0],
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{kind}</td><td>{self.worst('difference')[kind]:.1e}</td>"
            f"<td>{self.worst('used')[kind]:.0%}</td></tr>"
            for kind in KINDS
        )
        color = "green" if self.parity else "crimson"
        style = f"border-left: 4px solid {color}; padding-left: 8px; white-space: pre-wrap"
        steps = [step.number for step in self.steps]
        lines = [
            Line(NAMES[it], steps, [step.loss[it] for step in self.steps], BACKENDS[it], *look)
            for it, look in (("numpy", (6.0, "", 0.5)), ("torch", (1.5, "7 5", 1.0)))
        ]
        curves = drawing("Loss", lines, x_label="step", marks=self.marks) if steps[1:] else ""
        return (
            f"<pre style='{style}'>{escape(str(self))}</pre>{curves}"
            "<table><tr><th>tensors</th><th>largest difference</th>"
            f"<th>allowance used</th></tr>{rows}</table>"
        )
