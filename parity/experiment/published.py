"""The published figures of a recipe beside our own, and the tolerance between them.

The seeds of the published runs are unknown. So a published figure and ours are two draws from the
same distribution, and the standard deviation of their difference is √2 times that of one draw. That
one is measured over seeds (`python -m maintenance.spread` writes it to spread.json beside this
file). A figure is reproduced if ours differs by at most five standard deviations of the difference,
plus half of the last printed digit.
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
    """Loss and accuracy on a whole split after `step` training steps, by backend."""

    step: int
    split: str
    loss: dict[str, float]
    accuracy: dict[str, float]


@dataclass(frozen=True)
class PublishedRow:
    """One published figure, those of both backends, and whether both are within the tolerance."""

    where: str
    metric: str
    published: float
    numpy: float
    torch: float
    tolerance: float
    within: bool


def published_rows(experiment: Experiment, checkpoints: Iterable[Checkpoint]) -> list[PublishedRow]:
    """A row for each published figure whose step this run reached.

    The list is empty if the run is not the published one: if it has other data, or other settings
    than the seed, the dtype and the number of epochs.
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
    """By recipe and figure: "mean" and "std" of our own values, and the number of "seeds"."""
    measured: dict[str, dict[str, dict[str, float]]] = json.loads(SPREAD_FILE.read_text())
    return measured
