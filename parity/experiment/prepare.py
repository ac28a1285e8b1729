"""What a run needs before its first step, drawn once and given to both backends."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from parity import datasets
from parity.backends import NumpyBackend
from parity.errors import InputError
from parity.experiment.settings import Settings
from parity.experiment.weights import load
from parity.recipes import Recipe, find

__all__ = ["Experiment", "changes", "prepare"]

PORTION = 5_000  # images of an evaluation: a multiple of 1,000, see `RecipeBackend.evaluate`
MOST_STEPS = 10_000_000  # the order of all their batches is drawn before the first
HIDDEN = ("hidden_features", "activation")  # of a feed-forward net
MOST_HIDDEN = 10_000  # units; with their gradients a few hundred MiB for each program

Arrays = tuple[ndarray, ndarray]  # images (N, 784) and labels (N,)


@dataclass(frozen=True)
class Experiment:
    """A recipe with its images, the order of its batches and its initial weights."""

    recipe: Recipe
    settings: Settings
    splits: dict[str, datasets.Split]  # "training" and "validation", "test" or both; float32 images
    initial: dict[str, ndarray]
    cast: dict[tuple[str, str], Arrays] = field(default_factory=dict)

    @property
    def held_out(self) -> str:
        """The split that the model is evaluated on during training."""
        return "validation" if "validation" in self.splits else "test"

    @cached_property
    def steps_per_epoch(self) -> int:
        """The number of batches in an epoch."""
        return datasets.num_batches(
            len(self.splits["training"]), self.recipe.batch_size, 1, self.recipe.drop_last
        )

    @property
    def num_steps(self) -> int:
        """The number of batches in all epochs."""
        return self.steps_per_epoch * self.recipe.epochs

    def batches(self) -> list[ndarray]:
        """The index arrays of all epochs, in order."""
        recipe = self.recipe
        return list(
            datasets.batches(
                len(self.splits["training"]),
                recipe.batch_size,
                recipe.epochs,
                self.settings.seed,
                recipe.drop_last,
            )
        )

    def portions(self, split: str, dtype: str) -> Iterator[Arrays]:
        """A split's images and labels, some at a time: no more of them are ever in memory."""
        for start in range(0, len(self.splits[split]), PORTION):
            yield self.take(dtype, slice(start, start + PORTION), split)

    def take(self, dtype: str, rows: ndarray | slice, split: str = "training") -> Arrays:
        """These images (n, 784) of a split in `dtype`, and their labels (n,)."""
        chosen = self.splits[split]
        return chosen.take(rows).astype(dtype, copy=False), chosen.labels[rows]

    def evaluated_after(self, step: int) -> list[str]:
        """The splits to evaluate on after `step` training steps; 0 is before the first."""
        every = self.recipe.evaluate_every or self.steps_per_epoch
        due = step % every == 0 or step % self.steps_per_epoch == 0
        splits = [self.held_out] if due else []
        if due and self.recipe.evaluate_training:
            splits.append("training")
        if step == self.num_steps and self.held_out == "validation" and "test" in self.splits:
            splits.append("test")
        return splits

    def arrays(self, split: str, dtype: str) -> Arrays:
        """A split's images (N, 784) in `dtype`, cast once, and its labels (N,); do not change them.

        Raises KeyError for a split that the recipe does not have.
        """
        if (split, dtype) not in self.cast:
            images = self.splits[split].images.astype(dtype, copy=False)
            self.cast[split, dtype] = images, self.splits[split].labels
        return self.cast[split, dtype]


def prepare(
    recipe_name: str, settings: Settings, dataset: datasets.Dataset | None = None
) -> Experiment:
    """Load the data (unless it is given), apply the settings to the recipe, draw the weights.

    Raises
    ------
    InputError, datasets.DataError
        If a setting is unknown or impossible, or data is missing.
    """
    recipe = replace(find(recipe_name).settings_for(settings.data), **changes(settings))
    check_choices(recipe, settings)
    dataset = dataset or datasets.load(settings.data, settings.data_root)
    splits = divide(recipe, dataset, settings.seed)
    if settings.train_size is not None:
        limit = len(splits["training"])
        check_at_most("train-size", settings.train_size, limit)
        splits["training"] = splits["training"][: settings.train_size]
    check_at_most("batch-size", recipe.batch_size, len(splits["training"]))
    experiment = Experiment(recipe, settings, splits, initial_weights(recipe, settings))
    if experiment.num_steps > MOST_STEPS:
        most = MOST_STEPS // experiment.steps_per_epoch
        raise InputError(
            f"epochs is {recipe.epochs}, expected at most {most} of "
            f"{experiment.steps_per_epoch:,} steps"
        )
    return experiment


def changes(settings: Settings) -> dict[str, Any]:
    """The training settings that the user chose instead of the recipe's own."""
    names = ("epochs", "batch_size", "lr", "weight_decay", "init", *HIDDEN)
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def divide(recipe: Recipe, loaded: datasets.Dataset, seed: int) -> dict[str, datasets.Split]:
    """The splits of the recipe: of the first images of a data set that is larger.

    One that is smaller is divided in the same proportion.
    """
    pool, test = loaded.train, {"test": loaded.test}
    if recipe.pool == "train+test":
        used = (recipe.train_size or 0) + (recipe.validation_size or 0)  # none of them is 0
        train = loaded.train[: min(used, len(loaded.train))]  # no more than that is copied
        pool, test = datasets.concatenate(train, loaded.test), {}
    if recipe.denominator != 255:
        pool = divided_by(recipe.denominator, pool)
    if recipe.train_size is None or recipe.validation_size is None:
        return {"training": pool, **test}
    wanted = recipe.train_size + recipe.validation_size
    used = min(wanted, len(pool))
    train_size = recipe.train_size * used // wanted
    if not 0 < train_size < used:
        raise datasets.DataError(
            f"{loaded.name}: got {used} images, too few for {recipe.name} to divide into training "
            "and validation images"
        )
    pool = pool[:used]
    if recipe.random_split:
        training, validation = datasets.random_split(pool, [train_size, used - train_size], seed)
    else:
        training, validation = pool[:train_size], pool[train_size:]
    return {"training": training, "validation": validation, **test}


def divided_by(denominator: int, split: datasets.Split) -> datasets.Split:
    """The same bytes divided by another number than 255."""
    if split.pixels.dtype == np.uint8:
        return replace(split, divisor=denominator)
    pixels = np.rint(split.images * np.float32(255)) / np.float32(denominator)
    return datasets.Split(pixels, split.labels)


def initial_weights(recipe: Recipe, settings: Settings) -> dict[str, ndarray]:
    """The weights in the file `settings.load`, if there is one; else drawn as the recipe says.

    "default" draws as PyTorch does by default. "xavier" draws weights randn / sqrt(fan_in), and
    sets biases to zero.
    """
    weights = NumpyBackend(recipe, settings.dtype, settings.seed).weights()
    if settings.load is not None:
        return load(settings.load, like=weights)
    if recipe.init == "default":
        return weights
    rng = np.random.default_rng(settings.seed)
    for name, array in weights.items():
        fan_in = array[0].size
        bias = name.endswith("bias")
        array[...] = 0 if bias else rng.standard_normal(array.shape) / np.sqrt(fan_in)
    return weights


def check_choices(recipe: Recipe, settings: Settings) -> None:
    """Raise InputError if a setting is out of range, or two settings exclude each other."""
    for name, value in (
        ("epochs", recipe.epochs),
        ("batch-size", recipe.batch_size),
        ("train-size", settings.train_size),
        ("hidden-features", recipe.hidden_features),
    ):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}, expected at least 1")
    if recipe.hidden_features > MOST_HIDDEN:
        raise InputError(
            f"hidden-features is {recipe.hidden_features}, expected at most {MOST_HIDDEN}"
        )
    if not 0 < recipe.lr < np.inf:
        raise InputError(f"lr is {recipe.lr}, expected a finite number above 0")
    if not 0 <= recipe.weight_decay < np.inf:
        raise InputError(
            f"weight-decay is {recipe.weight_decay}, expected a finite number of at least 0"
        )
    for name in HIDDEN if recipe.model != "FeedForward" else ():
        if (value := getattr(settings, name)) is not None:
            option = name.replace("_", "-")
            raise InputError(f"{option} is {value!r}, but {recipe.name} has no hidden layer to set")
    if settings.load is not None and settings.init is not None:
        raise InputError(f"init is {settings.init!r}, but the initial weights are loaded")
    if not 0 <= settings.seed < 2**64:  # what torch.manual_seed takes
        raise InputError(f"seed is {settings.seed}, expected at least 0 and below 2**64")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but PyTorch finds no CUDA device here")


def check_at_most(name: str, value: int, limit: int) -> None:
    """Raise InputError if a size is larger than the data."""
    if value > limit:
        raise InputError(f"{name} is {value}, expected at most the {limit} training images")
