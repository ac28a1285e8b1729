"""Measure how far our own figures spread over seeds: `python -m parity.spread` (real MNIST).

Writes spread.json, from which the tolerances of the published figures are taken.
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev

import tyro

from parity.console import console
from parity.experiment import prepare
from parity.published import SPREAD_FILE, figure_name
from parity.recipes import RECIPES
from parity.settings import Settings
from parity.threads import limit_threads
from parity.train import train


def main(seeds: int = 10, data_root: Path | None = None) -> None:
    """Train each recipe that has published figures with every seed, by hand, in float32.

    Args:
        seeds: How many seeds, from 0 on; at least 5.
        data_root: The folder of the images; None for PARITY_DATA_ROOT.
    """
    if seeds < 5:
        sys.exit(f"seeds is {seeds}, expected at least 5")
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
    SPREAD_FILE.write_text(json.dumps(spread, indent=1) + "\n")


if __name__ == "__main__":
    with limit_threads():
        tyro.cli(main)
