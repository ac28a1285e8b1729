"""`parity compare`: train both sides in lock-step and say whether they are the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from parity.experiment.settings import Settings

__all__ = ["Compare"]


@dataclass(kw_only=True)
class Compare(Settings):
    """Train both sides in lock-step, compare every tensor of every step, write the report."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: tutorial, logistic, feedforward, linear-adam or cnn-adam."""
    resync: bool = False
    """Give both sides PyTorch's state after each step: tells a bug in one step from drift."""
    save: Path | None = None
    """Write the trained weights (NumPy's) to this file: FILE.safetensors."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""
    report: Path = Path("reports")
    """The folder of the picture; made if it is not there."""

    def run(self) -> int:
        """Exit code 0 if parity holds, 1 if not."""
        from parity.comparison import report, reproduce
        from parity.comparison.compare import compare
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.pictures import training
        from parity.system import jsonfile
        from parity.system.console import console, track
        from parity.system.threads import limit_threads

        jsonfile.check_writable(self.json)
        weights.check_writable(self.save)
        picture = training.make_folder(self.report) / f"{self.recipe}-{self.data}-{self.dtype}.png"
        experiment = prepare(self.recipe, self)
        console.print(report.headline(experiment))
        with limit_threads(), track("comparing", experiment.num_steps) as advance:
            result = compare(experiment, advance, self.resync)
        console.print(report.epoch_table(result))
        if result.published:
            console.print(report.published_table(result.published))
        console.print(report.verdict(result))
        training.training_curves(result, picture)
        console.print(f"picture: {picture}")
        if result.case is not None and result.first_divergence is not None:
            case = picture.with_suffix(".npz")
            reproduce.save(result.case, case)
            console.print(f"inputs: {case}\nrun the step again:", style="bold")
            console.print(reproduce.snippet(result.first_divergence, case), markup=False)
        if self.save is not None:
            weights.save(self.save, result.sides["numpy"].weights())
            console.print(f"weights: {self.save}")
        if self.json is not None:
            jsonfile.write(self.json, result.as_json())
            console.print(f"json: {self.json}")
        return 0 if result.parity else 1
