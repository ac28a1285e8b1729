"""Batches in another order: the sums that a program computes then round otherwise."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy import ndarray

from parity.backends import Batch, TrainingStep
from parity.backends.base import map_arrays
from parity.comparison.steps import Key
from parity.tolerance.perturbed import reordered

__all__ = ["Order"]


class Order:
    """How the batches of the permuted run are put in another order, and its results back.

    A batch of one or two goes in three times if `repeat` says that the loss is a mean.
    """

    last: ndarray  # the order of the last batch
    given: int  # its size in that order

    def __init__(self, axis: int = 0, repeat: bool = True, *, seed: int) -> None:
        self.axis, self.repeat, self.seed = axis, repeat, seed
        self.rng = np.random.default_rng(seed)

    def batches(self, batches: Sequence[Batch], done: int = 0) -> Iterator[Batch]:
        """The batches after those `done`, each in the order that it would have among all."""
        return islice(map(self.permuted, batches), done, None)

    def permuted(self, batch: Batch) -> Batch:
        """Every array of the batch that has the size of the first along the axis, reordered."""
        sizes: list[int] = []

        def note(array: ndarray) -> None:
            sizes.extend(array.shape[self.axis : self.axis + 1])

        map_arrays(note, batch)
        size = sizes[0]
        self.last = self.rng.permutation(size)
        taken = reordered(np.arange(size), self.last) if self.repeat else self.last
        self.given = len(taken)
        return map_arrays(lambda array: take(array, taken, self.axis, size), batch)

    def restore(self, tensors: dict[Key, ndarray], step: TrainingStep) -> None:
        """Give outputs, and gradients of outputs, the order of the batch that was permuted."""
        for key in [("forward", name) for name in step.output]:
            tensors[key] = self.restored(tensors[key])
        for phase, names in (("forward", step.layers), ("backward", step.layer_gradients)):
            for name in names:
                key = (phase, f"{name}.output")
                tensors[key] = self.restored(tensors[key], int(name in step.repeated))

    def restored(self, array: ndarray, axis: int = 0) -> ndarray:
        """A result of the permuted batch in the order of the batch itself."""
        return take(array, np.argsort(self.last), self.axis + axis, self.given)


def take(array: ndarray, indices: ndarray, axis: int, size: int) -> ndarray:
    """These entries along the axis, if the array has one for each of `size` examples."""
    has_examples = array.ndim > axis and array.shape[axis] == size
    return array.take(indices, axis) if has_examples else array
