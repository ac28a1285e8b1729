"""`parity compare`: train both sides in lock-step and say whether they are the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from parity.cli.exits import INTERRUPTED
from parity.experiment.settings import Settings
from parity.recipes import find

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
    """The folder of the picture and of the page; made if it is not there."""

    def run(self) -> int:
        """Exit code 0 if parity holds, 1 if not, 130 if Ctrl-C ended it."""
        find(self.recipe)  # before the seconds that PyTorch takes to load
        from parity.comparison import report, reproduce
        from parity.comparison.compare import compare
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.pictures import pages, training
        from parity.pictures.saving import make_folder, save
        from parity.system import jsonfile
        from parity.system.console import console, show_path, track
        from parity.system.threads import limit_threads

        jsonfile.check_writable(self.json)
        weights.check_writable(self.save)
        picture = make_folder(self.report) / f"{self.recipe}-{self.data}-{self.dtype}.png"
        experiment = prepare(self.recipe, self)
        console.print(report.headline(experiment))
        rows = report.epoch_rows(experiment)
        with limit_threads(), track("comparing", experiment.num_steps) as advance:
            result = compare(
                experiment, advance, self.resync, lambda epoch: rows.add(*report.epoch_row(epoch))
            )
        if result.published:
            console.print(report.published_table(result.published))
        console.print()
        console.print(report.verdict(result))
        save(training.training_curves(result), picture, "report")
        show_path("picture", picture)
        page = picture.with_suffix(".html")
        command = f"parity compare {self.recipe}{pages.options(self)}"
        pages.save(pages.compare_page(result, command), page, "report")
        show_path("report", page)
        if result.case is not None and result.first_divergence is not None:
            case = picture.with_suffix(".npz")
            reproduce.save(result.case, case)
            show_path("inputs", case)
            console.print("run the step again:", style="bold")
            lines = reproduce.snippet(result.first_divergence, case)
            console.print(lines, markup=False, soft_wrap=True)
        if self.save is not None:
            weights.save(self.save, result.sides["numpy"].weights())
            show_path("weights", self.save)
        if self.json is not None:
            jsonfile.write(self.json, result.as_json())
            show_path("json", self.json)
        return INTERRUPTED if result.interrupted else 0 if result.parity else 1
