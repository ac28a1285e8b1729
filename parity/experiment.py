"""What a run needs before its first step, drawn once and handed to every side."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy import ndarray

import data
from parity.errors import InputError
from parity.recipes import RECIPES, Recipe
from parity.settings import Settings
from parity.sides import NumpySide

__all__ = ["Experiment", "prepare"]


@dataclass(frozen=True)
class Experiment:
    """A recipe with its images, the order of its batches and its initial weights.

    The splits hold float32 images (N, 784); `training_arrays` casts them.
    """

    recipe: Recipe
    settings: Settings
    train: data.Split
    test: data.Split
    initial: dict[str, ndarray]  # float32 or float64, as the settings say

    @property
    def num_steps(self) -> int:
        """How many batches all epochs have."""
        return self.steps_per_epoch * self.recipe.epochs

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has, the last, smaller one included."""
        return data.num_batches(len(self.train), self.recipe.batch_size, 1)

    def training_arrays(self, dtype: str) -> tuple[ndarray, ndarray]:
        """Training images (N, 784) in `dtype`, uncopied where they have it, and labels (N,)."""
        return self.train.images.astype(dtype, copy=False), self.train.labels

    def test_arrays(self, dtype: str) -> tuple[ndarray, ndarray]:
        """Test images (N, 784) in `dtype`, uncopied where they have it, and labels (N,)."""
        return self.test.images.astype(dtype, copy=False), self.test.labels

    def batches(self) -> list[ndarray]:
        """The index arrays of all epochs, in order."""
        return list(
            data.batches(
                len(self.train), self.recipe.batch_size, self.recipe.epochs, self.settings.seed
            )
        )


def prepare(recipe_name: str, settings: Settings) -> Experiment:
    """Load the data, fit the recipe to the settings, draw the weights.

    Raises
    ------
    InputError, data.DataError
        For whatever the user gave that is unknown, impossible or not there.
    """
    if recipe_name not in RECIPES:
        raise InputError(f"recipe is {recipe_name!r}, expected one of {', '.join(RECIPES)}")
    changes = {
        name: value
        for name in ("epochs", "batch_size", "lr", "weight_decay", "train_size")
        if (value := getattr(settings, name)) is not None
    }
    recipe = replace(RECIPES[recipe_name], **changes)
    check_schedule(recipe, settings)
    loaded = data.load(settings.data, settings.data_root)
    train, test = loaded.train, loaded.test
    if recipe.train_size is not None:
        check_at_most("train-size", recipe.train_size, len(train), "training images")
        train = train[: recipe.train_size]
    check_at_most("batch-size", recipe.batch_size, len(train), "training images")
    initial = NumpySide(recipe, settings.dtype, settings.seed).weights()
    return Experiment(recipe, settings, train, test, initial)


def check_schedule(recipe: Recipe, settings: Settings) -> None:
    """Raise InputError for a number that is zero, negative or not finite where it must not be."""
    for name, value in (
        ("epochs", recipe.epochs),
        ("batch-size", recipe.batch_size),
        ("train-size", recipe.train_size),
    ):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}, expected at least 1")
    if not 0 < recipe.lr < np.inf:
        raise InputError(f"lr is {recipe.lr}, expected a finite number above 0")
    if not 0 <= recipe.weight_decay < np.inf:
        raise InputError(
            f"weight-decay is {recipe.weight_decay}, expected a finite number of at least 0"
        )
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but PyTorch finds no CUDA device here")
    if settings.seed < 0:
        raise InputError(f"seed is {settings.seed}, expected at least 0")


def check_at_most(name: str, value: int, limit: int, what: str) -> None:
    """Raise InputError for a size larger than the data."""
    if value > limit:
        raise InputError(f"{name} is {value}, expected at most the {limit} {what}")
