"""All that this room asks of the rooms below about data and runs, behind a few verbs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from numpy import ndarray

import numpy_impl.functional
from parity import datasets
from parity.backends import RecipeBackend, make_backend
from parity.comparison.compare import lockstep_of
from parity.comparison.train import train
from parity.datasets.loading import resolve_root
from parity.datasets.mnist import COLLECTIONS, NUM_CLASSES
from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES
from parity.web.packing import Packed, pack

__all__ = [
    "DATA",
    "NUM_CLASSES",
    "RECIPE_NAMES",
    "Trained",
    "available",
    "experiment_of",
    "run",
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
    """A trained model in both programs, with the data that it was trained on."""

    experiment: Experiment
    weights: dict[str, ndarray]
    backends: dict[str, RecipeBackend]  # "numpy" and "torch", with these weights

    def probabilities(self, images: ndarray) -> dict[str, ndarray]:
        """The softmax (N, C) of either backend."""
        logits = {name: backend.predict(images) for name, backend in self.backends.items()}
        return {
            "numpy": numpy_impl.functional.softmax(logits["numpy"]),
            "torch": torch.from_numpy(logits["torch"]).softmax(dim=1).numpy(),
        }


# On the 60,000 images of MNIST: seconds, where the recipes take their sources' minutes.
SHORT: dict[str, dict[str, Any]] = {
    "tutorial": {"lr": 0.1},
    "logistic": {"lr": 0.1},
    "feedforward": {"lr": 0.5},
    "linear-adam": {},
    "cnn-adam": {"lr": 0.003},
}


@lru_cache(maxsize=4)
def trained(recipe: str, data: str) -> Trained:
    """The recipe's model, trained by hand in a few seconds; asked for again it is there at once."""
    schedule = {} if data == "digits" else {"batch_size": 64, "epochs": 2, **SHORT[recipe]}
    experiment = experiment_of(recipe, data=data, **schedule)
    weights = {
        name: array.copy() for name, array in train(experiment, "numpy").backend.weights().items()
    }
    settings = experiment.settings
    backends = {
        name: make_backend(name, experiment.recipe, settings.dtype, settings.seed, settings.device)
        for name in ("numpy", "torch")
    }
    for backend in backends.values():
        backend.load(weights)
    return Trained(experiment, weights, backends)


POINTS = 40  # evaluations of a run
JUDGED = 2000  # training images that its accuracy is measured on
UNITS = 20  # whose first-layer weights are shown


def run(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """The events of a comparison of both programs, step by step: what the page draws."""
    both, lockstep = lockstep_of(experiment)
    every = max(1, experiment.num_steps // POINTS)
    yield from evaluated(experiment, both, 0)
    for report in lockstep.steps():
        yield {
            "kind": "step",
            "step": report.number,
            "loss": report.loss,
            "used": max(report.used.values()),
            "difference": max(report.difference.values()),
            "divergence": report.divergence and report.divergence.tensor,
            "noise": report.drifted,
        }
        if report.number % every == 0 or report.number == experiment.num_steps:
            yield from evaluated(experiment, both, report.number)


def evaluated(
    experiment: Experiment, backends: dict[str, RecipeBackend], step: int
) -> Iterator[dict[str, Any]]:
    """Loss and accuracy on held-out and training images, and the first weights as images."""
    dtype = experiment.settings.dtype
    for split in ("training", experiment.held_out):
        images, labels = experiment.arrays(split, dtype)
        part = slice(JUDGED if split == "training" else None)
        found = {
            name: backend.evaluate([(images[part], labels[part])])
            for name, backend in backends.items()
        }
        yield {
            "kind": "point",
            "step": step,
            "split": "training" if split == "training" else "held-out",
            "loss": {name: float(loss) for name, (loss, _) in found.items()},
            "accuracy": {name: float(accuracy) for name, (_, accuracy) in found.items()},
        }
    yield {"kind": "weights", "step": step, **first_weights(backends)}


def first_weights(backends: dict[str, RecipeBackend]) -> dict[str, Packed]:
    """The weights of the first layer's first units, by backend."""
    return {
        name: pack(next(iter(backend.weights().values()))[:UNITS])
        for name, backend in backends.items()
    }
