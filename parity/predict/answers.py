"""The answers of both backends with the same trained weights, and whether they agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from numpy_impl import functional as F
from parity.backends import NumpyBackend, TorchBackend
from parity.errors import InputError
from parity.experiment.prepare import Experiment
from parity.experiment.settings import Settings
from parity.tolerance import allowance, distance, scale_of

__all__ = ["Answers", "ask", "check_settings"]

TRAINING = ("epochs", "batch_size", "lr", "weight_decay", "train_size", "init")


@dataclass(frozen=True)
class Answers:
    """The probabilities of N images by side; parity holds if they are equal but for rounding."""

    probabilities: dict[str, ndarray]  # (N, C) of "numpy" and "torch"
    parity: bool
    max_difference: float  # between the two backends' probabilities

    @property
    def classes(self) -> dict[str, ndarray]:
        """The likeliest class (N,) of each image, by side."""
        return {name: p.argmax(axis=1) for name, p in self.probabilities.items()}

    @property
    def confidence(self) -> dict[str, ndarray]:
        """The probability (N,) of the likeliest class, by side."""
        return {name: p.max(axis=1) for name, p in self.probabilities.items()}


def check_settings(settings: Settings) -> None:
    """Raise InputError for a choice about training when there will be none."""
    for name in TRAINING:
        if settings.load is not None and getattr(settings, name) is not None:
            option = name.replace("_", "-")
            raise InputError(
                f"{option} is {getattr(settings, name)}, but a model that is loaded is not trained"
            )


def ask(experiment: Experiment, weights: dict[str, ndarray], images: ndarray) -> Answers:
    """Give both backends the same weights and the same images (N, 784)."""
    recipe, settings = experiment.recipe, experiment.settings
    numpy = NumpyBackend(recipe, settings.dtype, settings.seed)
    theirs = TorchBackend(recipe, settings.dtype, settings.seed, settings.device)
    exact = TorchBackend(recipe, "float64", settings.seed, settings.device)
    for backend in (numpy, theirs, exact):
        backend.load(weights)
    images = images.astype(settings.dtype)
    logits = {"numpy": numpy.predict(images), "torch": theirs.predict(images)}
    truth = exact.predict(images.astype(np.float64))
    probabilities = {"numpy": F.softmax(logits["numpy"]), "torch": torch_softmax(logits["torch"])}
    agree = agrees(**logits, truth=truth) and agrees(**probabilities, truth=torch_softmax(truth))
    return Answers(probabilities, agree, distance(probabilities["numpy"], probabilities["torch"]))


def agrees(numpy: ndarray, torch: ndarray, truth: ndarray) -> bool:
    """Whether NumPy is about as near to the float64 truth as PyTorch, by the rule."""
    allowed = allowance(numpy.dtype.name, scale_of(truth), farthest=distance(torch, truth))
    return distance(numpy, truth) <= allowed


def torch_softmax(logits: ndarray) -> Any:
    """PyTorch's softmax over the classes, as a NumPy array."""
    return torch.from_numpy(logits).softmax(dim=1).numpy()
