"""The published figures of a recipe beside our own, and how near is near.

The seeds of the published runs are unknown, so a published figure and ours are two draws from one
spread, and their difference has √2 times its standard deviation. The spread is measured over seeds
(`python -m maintenance.spread` writes it into spread.json beside this file); a figure is reproduced
if ours is within five standard deviations of the difference, plus half of the last printed digit.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from parity.experiment.prepare import Experiment
from parity.recipes import Published

__all__ = ["FACTOR", "SPREAD_FILE", "Checkpoint", "PublishedRow", "figure_name", "published_rows"]

FACTOR = 5 * math.sqrt(2)
HALF_DIGIT = 0.00005  # all figures were printed with four decimals
SPREAD_FILE = Path(__file__).with_name("spread.json")


@dataclass(frozen=True)
class Checkpoint:
    """Loss and accuracy on a whole split after so many training steps, by side."""

    step: int
    split: str
    loss: dict[str, float]
    accuracy: dict[str, float]


@dataclass(frozen=True)
class PublishedRow:
    """One published figure, both sides' own, and whether both are within the tolerance."""

    where: str
    metric: str
    published: float
    numpy: float
    torch: float
    tolerance: float
    within: bool


def published_rows(experiment: Experiment, checkpoints: Iterable[Checkpoint]) -> list[PublishedRow]:
    """A row for each published figure whose step this run reached.

    None for a run that is not the published one: on other data, or with other choices than the
    seed, the dtype and the number of epochs.
    """
    settings, recipe = experiment.settings, experiment.recipe
    choices = (
        "lr",
        "batch_size",
        "weight_decay",
        "train_size",
        "init",
        "hidden_features",
        "activation",
        "load",
    )
    if settings.data != "mnist" or any(getattr(settings, name) is not None for name in choices):
        return []
    measured = {(point.step, point.split): point for point in checkpoints}
    rows = []
    for figure in recipe.published:
        point = measured.get((figure.step, figure.split))
        if point is None:
            continue
        ours = getattr(point, figure.metric)
        tolerance = FACTOR * spread()[recipe.name][figure_name(figure)]["std"] + HALF_DIGIT
        within = all(abs(value - figure.value) <= tolerance for value in ours.values())
        metric = f"{figure.split} {figure.metric}"
        rows.append(
            PublishedRow(
                figure.where, metric, figure.value, **ours, tolerance=tolerance, within=within
            )
        )
    return rows


def figure_name(figure: Published) -> str:
    """The figure's name in spread.json."""
    return f"{figure.where}: {figure.split} {figure.metric}"


@cache
def spread() -> dict[str, dict[str, dict[str, float]]]:
    """By recipe and figure: "mean" and "std" of our own values over "seeds" seeds."""
    measured: dict[str, dict[str, dict[str, float]]] = json.loads(SPREAD_FILE.read_text())
    return measured
