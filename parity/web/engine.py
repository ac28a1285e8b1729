"""All that this room asks of the rooms below about data and runs, behind a few verbs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from numpy import ndarray

import numpy_impl.functional
from parity import datasets
from parity.backends import NUM_CLASSES, Side, make_side
from parity.comparison.train import train
from parity.datasets.loading import resolve_root
from parity.datasets.mnist import COLLECTIONS
from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES

__all__ = [
    "DATA",
    "NUM_CLASSES",
    "RECIPE_NAMES",
    "Trained",
    "available",
    "experiment_of",
    "trained",
]

DATA = datasets.NAMES
RECIPE_NAMES = tuple(RECIPES)


def available() -> tuple[str, ...]:
    """The data sets whose files are here."""
    root = resolve_root(None)
    found = (name for name, one in COLLECTIONS.items() if one.raw_folder(root).is_dir())
    return ("digits", *found)


@lru_cache(maxsize=2)
def dataset(name: str) -> datasets.Dataset:
    """A data set, loaded once."""
    return datasets.load(name)


@lru_cache(maxsize=4)
def experiment_of(recipe: str, **choices: Any) -> Experiment:
    """A recipe with its images and its initial weights; `choices` are those of `Settings`.

    Raises what `prepare` raises.
    """
    settings = Settings(**choices)
    return prepare(recipe, settings, dataset(settings.data))


@dataclass(frozen=True)
class Trained:
    """A trained model on both sides, with the data that it was trained on."""

    experiment: Experiment
    weights: dict[str, ndarray]
    sides: dict[str, Side]  # "numpy" and "torch", with these weights

    def probabilities(self, images: ndarray) -> dict[str, ndarray]:
        """The softmax (N, C) of either side."""
        logits = {name: side.predict(images) for name, side in self.sides.items()}
        return {
            "numpy": numpy_impl.functional.softmax(logits["numpy"]),
            "torch": torch.from_numpy(logits["torch"]).softmax(dim=1).numpy(),
        }


# Enough training for a drawing to be read; the recipes' own schedules are those of their sources.
SCHEDULES: dict[str, dict[str, Any]] = {
    "tutorial": {"lr": 0.5, "batch_size": 16, "epochs": 15},
    "logistic": {"lr": 0.5, "batch_size": 16, "epochs": 15},
    "feedforward": {"lr": 0.5, "batch_size": 16, "epochs": 20},
    "linear-adam": {"epochs": 15},
    "cnn-adam": {"lr": 0.01, "batch_size": 32, "epochs": 40},
}
LARGE_LR = {
    "tutorial": 0.1,
    "logistic": 0.1,
    "feedforward": 0.5,
    "cnn-adam": 0.003,
}  # for MNIST's 60,000 images


@lru_cache(maxsize=4)
def trained(recipe: str, data: str) -> Trained:
    """The recipe's model, trained by hand in a few seconds; asked for again it is there at once."""
    schedule = SCHEDULES[recipe]
    if data != "digits":
        schedule = {"batch_size": 64, "epochs": 2, "lr": LARGE_LR.get(recipe)}
    experiment = experiment_of(recipe, data=data, **schedule)
    weights = {
        name: array.copy() for name, array in train(experiment, "numpy").side.weights().items()
    }
    settings = experiment.settings
    sides = {
        name: make_side(name, experiment.recipe, settings.dtype, settings.seed, settings.device)
        for name in ("numpy", "torch")
    }
    for side in sides.values():
        side.load(weights)
    return Trained(experiment, weights, sides)
