"""Experiments that are small enough to be run many times."""

from typing import Any

from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings


def small(recipe: str = "feedforward", **choices: Any) -> Experiment:
    """Two epochs, each with a smaller last batch, with weight decay."""
    defaults = {"train_size": 150, "batch_size": 64, "epochs": 2, "weight_decay": 0.01}
    return prepare(recipe, Settings(**(defaults | choices)))
