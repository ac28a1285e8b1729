"""Measure how our own figures vary with the seed: `python -m maintenance.spread` (real MNIST).

Writes spread.json. The tolerances of the published figures are computed from it.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from parity.cli.parsing import script
from parity.comparison.train import train
from parity.errors import InputError
from parity.experiment.prepare import prepare
from parity.experiment.published import SPREAD_FILE, figure_name
from parity.experiment.settings import Settings
from parity.recipes import RECIPES
from parity.system import files
from parity.system.console import console
from parity.system.threads import limit_threads


@dataclass(kw_only=True)
class Spread:
    """Train each recipe that has published figures with every seed, in NumPy and float32."""

    seeds: int = 10
    """How many seeds, beginning with 0; at least 5."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT."""

    def run(self) -> int:
        """Exit code 0."""
        if self.seeds < 5:
            raise InputError(f"seeds is {self.seeds}, expected at least 5")
        with limit_threads():
            spread = measure(self.seeds, self.data_root)
        files.write(SPREAD_FILE, f"{json.dumps(spread, indent=1)}\n".encode(), "spread")
        return 0


def measure(seeds: int, data_root: Path | None) -> dict[str, dict[str, dict[str, float]]]:
    """By recipe and figure: "mean" and "std" of our own values, and the number of "seeds"."""
    spread = {}
    for recipe in RECIPES.values():
        if not recipe.published:
            continue
        figures: dict[str, list[float]] = {figure_name(figure): [] for figure in recipe.published}
        for seed in range(seeds):
            console.print(f"{recipe.name}, seed {seed}")
            experiment = prepare(
                recipe.name, Settings(data="mnist", data_root=data_root, seed=seed)
            )
            run = train(experiment, "numpy")
            measured = {(point.step, point.split): point for point in run.checkpoints}
            for figure in recipe.published:
                point = measured[figure.step, figure.split]
                figures[figure_name(figure)].append(getattr(point, figure.metric)["numpy"])
        spread[recipe.name] = {
            name: {"mean": round(mean(values), 6), "std": round(stdev(values), 6), "seeds": seeds}
            for name, values in figures.items()
        }
    return spread


if __name__ == "__main__":
    sys.exit(script(Spread, "python -m maintenance.spread"))
