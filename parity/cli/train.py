"""`parity train`: train one side alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

import tyro
from rich.table import Table

from parity.experiment.settings import Settings

__all__ = ["Train"]


@dataclass(kw_only=True)
class Train(Settings):
    """Train one side, and print its loss and accuracy after each epoch."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: tutorial, logistic, feedforward, linear-adam or cnn-adam."""
    impl: Literal["numpy", "torch"]
    """Which implementation."""
    save: Path | None = None
    """Write the trained weights to this file, for both sides: FILE.safetensors."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 once it is trained."""
        from parity.comparison import report
        from parity.comparison.train import train
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.system import jsonfile
        from parity.system.console import console, track
        from parity.system.threads import limit_threads

        jsonfile.check_writable(self.json)
        weights.check_writable(self.save)
        experiment = prepare(self.recipe, self)
        console.print(f"{report.headline(experiment)}, {self.impl} alone")
        with limit_threads(), track("training", experiment.num_steps) as advance:
            run = train(experiment, self.impl, advance)
        table, split, every = Table(), experiment.held_out, experiment.steps_per_epoch
        for title in ("epoch", "training loss", f"{split} loss", f"{split} accuracy"):
            table.add_column(title, justify="right")
        for point in run.checkpoints:
            if point.split == split and point.step and point.step % every == 0:
                table.add_row(
                    str(point.step // every),
                    f"{fmean(run.losses[point.step - every : point.step]):.4f}",
                    f"{point.loss[self.impl]:.4f}",
                    f"{point.accuracy[self.impl]:.2%}",
                )
        console.print(table)
        console.print(f"{run.seconds:.2f} s in {experiment.num_steps:,} training steps")
        if self.save is not None:
            weights.save(self.save, run.side.weights())
            console.print(f"weights: {self.save}")
        if self.json is not None:
            last = [point for point in run.checkpoints if point.split == split][-1]
            answer = {
                "recipe": experiment.recipe.name,
                "impl": self.impl,
                "data": self.data,
                "dtype": self.dtype,
                "seed": self.seed,
                "device": self.device,
                "steps": experiment.num_steps,
                "accuracy": last.accuracy[self.impl],
                "loss": last.loss[self.impl],
                "seconds": run.seconds,
                "checkpoints": [asdict(point) for point in run.checkpoints],
            }
            jsonfile.write(self.json, answer)
        return 0
