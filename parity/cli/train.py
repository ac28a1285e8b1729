"""`parity train`: train one backend."""

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

import tyro

from parity.cli.exits import INTERRUPTED
from parity.cli.keeping import Keeping
from parity.cli.outputs import Outputs
from parity.experiment.settings import Settings
from parity.recipes import find

__all__ = ["Train"]


@dataclass(kw_only=True)
class Train(Keeping, Settings):
    """Train one backend, and print its loss and accuracy after each epoch."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: tutorial, logistic, feedforward, linear-adam or cnn-adam."""
    impl: Literal["numpy", "torch"]
    """Which implementation."""
    save: Path | None = None
    """Write the trained weights to this file, for both backends: FILE.safetensors."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 once it is trained, 130 if Ctrl-C ended it."""
        find(self.recipe)  # before the seconds that PyTorch takes to load
        from parity.comparison import report
        from parity.comparison.train import TrainingRun, train
        from parity.experiment import weights
        from parity.experiment.checkpoints import settings_of
        from parity.experiment.prepare import prepare
        from parity.system import files, jsonfile
        from parity.system.console import Rows, console, track, written
        from parity.system.optimizers import spare_compiler
        from parity.system.threads import limit_threads

        weights.check_writable(self.save)
        start = self.load if self.load != self.save else None
        files.check_outputs({"save": self.save, "json": self.json}, {"load": start})
        spare_compiler()
        experiment = prepare(self.recipe, self)
        kept = self.checkpoints(
            settings_of(experiment, command="train", impl=self.impl), experiment.steps_per_epoch
        )
        split, every = experiment.held_out, experiment.steps_per_epoch
        console.print(f"{report.headline(experiment)}, {self.impl} alone")
        titles = ("\nepoch", "training\nloss", f"{split}\nloss", f"{split}\naccuracy")
        rows = Rows([(title, 10) for title in titles], range(len(titles)))

        def show(run: TrainingRun) -> None:
            last, count = run.last(split), len(run.losses)
            rows.add(
                str(-(-count // every)),
                written(fmean(run.losses[(count - 1) // every * every :])),
                written(last.loss[self.impl]),
                f"{last.accuracy[self.impl]:.2%}",
            )

        with limit_threads(), track("training", experiment.num_steps) as advance:
            run = train(experiment, self.impl, advance, show, kept)
        outputs = Outputs(kept)
        outputs.write("weights", self.save, lambda path: weights.save(path, run.backend.weights()))
        ended = "[bold yellow]interrupted[/] after" if run.interrupted else "trained in"
        console.print(f"\n{ended} {len(run.losses):,} steps; {run.seconds:.2f} s in them")
        last = run.last(split)
        answer = {
            "recipe": experiment.recipe.name,
            "impl": self.impl,
            "data": self.data,
            "dtype": self.dtype,
            "seed": self.seed,
            "device": self.device,
            "steps": len(run.losses),
            "interrupted": run.interrupted,
            "accuracy": last.accuracy[self.impl],
            "loss": last.loss[self.impl],
            "seconds": run.seconds,
            "checkpoints": [asdict(point) for point in run.checkpoints],
        }
        outputs.write("json", self.json, lambda path: jsonfile.write(path, answer))
        outputs.finish()
        return INTERRUPTED if run.interrupted else 0
