"""What a program trains: one recipe at one batch size, and its images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Self

import numpy as np
from numpy import ndarray

from parity import datasets
from parity.recipes import Recipe

__all__ = ["Case", "Work"]


@dataclass(frozen=True)
class Work:
    """A recipe with its training images in memory; float32, read only."""

    recipe: Recipe
    model_arguments: tuple[int, ...]
    initial: Mapping[str, ndarray]
    seed: int
    threads: int
    images: ndarray  # (M, 784)
    labels: ndarray  # (M,)

    def epoch(self) -> list[ndarray]:
        """The index arrays of an epoch, without a smaller last batch: all steps are alike."""
        size, batch_size = len(self.labels), self.recipe.batch_size
        return list(datasets.batches(size, batch_size, 1, self.seed, drop_last=True))

    def batches(self) -> Iterator[ndarray]:
        """The same epoch over and over."""
        return cycle(self.epoch())

    def first(self, count: int) -> Self:
        """The same work on the first `count` images only."""
        return replace(self, images=self.images[:count], labels=self.labels[:count])


@dataclass(frozen=True)
class Case:
    """Work as it is sent to a process; the images stay in a file."""

    recipe: Recipe
    model_arguments: tuple[int, ...]
    initial: Mapping[str, ndarray]
    seed: int
    threads: int
    num_images: int
    folder: Path

    @property
    def steps_per_epoch(self) -> int:
        """How many whole batches there are."""
        return self.num_images // self.recipe.batch_size

    def store(self, images: ndarray, labels: ndarray) -> None:
        """Write the images (M, 784) and labels (M,) for `load`."""
        np.save(self.folder / "images.npy", images)
        np.save(self.folder / "labels.npy", labels)

    def load(self) -> Work:
        """The work, with its images read from the file."""
        images, labels = (np.load(self.folder / f"{name}.npy") for name in ("images", "labels"))
        arguments = (self.recipe, self.model_arguments, self.initial, self.seed, self.threads)
        return Work(*arguments, images, labels)
