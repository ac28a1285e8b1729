"""`parity train`: train one side alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.table import Table

from parity.settings import Settings

__all__ = ["Train"]


@dataclass(kw_only=True)
class Train(Settings):
    """Train one side, and print its loss and accuracy after each epoch."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: logistic or feedforward."""
    impl: Literal["numpy", "torch"]
    """Which implementation."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 once it is trained."""
        from parity import jsonfile, report
        from parity.console import console, track
        from parity.experiment import prepare
        from parity.threads import limit_threads
        from parity.train import train

        jsonfile.check_writable(self.json)
        experiment = prepare(self.recipe, self)
        console.print(f"{report.headline(experiment)}, {self.impl} alone")
        with limit_threads(), track("training", experiment.num_steps) as advance:
            epochs, seconds = train(experiment, self.impl, advance)
        table = Table()
        for title in ("epoch", "training loss", "test loss", "test accuracy"):
            table.add_column(title, justify="right")
        for epoch in epochs:
            table.add_row(
                str(epoch.number),
                f"{epoch.training_loss:.4f}",
                f"{epoch.test_loss:.4f}",
                f"{epoch.test_accuracy:.2%}",
            )
        console.print(table)
        console.print(f"{seconds:.2f} s in {experiment.num_steps:,} training steps")
        if self.json is not None:
            answer = {
                "recipe": experiment.recipe.name,
                "impl": self.impl,
                "data": self.data,
                "dtype": self.dtype,
                "seed": self.seed,
                "device": self.device,
                "steps": experiment.num_steps,
                "accuracy": epochs[-1].test_accuracy,
                "loss": epochs[-1].test_loss,
                "seconds": seconds,
                "epochs": [asdict(epoch) for epoch in epochs],
            }
            jsonfile.write(self.json, answer)
        return 0
