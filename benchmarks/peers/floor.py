"""The least that a step can cost in NumPy: its matrix products and the gathering of its batch."""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

import numpy_impl.models
from benchmarks.peers import base
from benchmarks.work import Work
from numpy_impl.functional import blocks

__all__ = ["Peer"]

Product = tuple[ndarray, ndarray, ndarray]  # two factors, and the memory for their product


class Peer(base.Peer):
    """All into memory that is there already, with nothing between the products: it learns nothing.

    A convolution is counted as the product of its weights with the unfolded images (out, C kH kW)
    times (C kH kW, Ho Wo N); the unfolding is not.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.input = np.empty((work.recipe.batch_size, work.images.shape[1]), np.float32)
        self.target = np.empty(work.recipe.batch_size, work.labels.dtype)
        convolves = work.recipe.model == "ConvNet"
        self.products = list(convolutions(work) if convolves else linears(work, self.input))
        self.steps = self.train()

    def train(self) -> Iterator[None]:
        """One step at each `next`."""
        images, labels = self.work.images, self.work.labels
        for indices in self.work.batches():
            # By default `take` would gather into a copy first, in case an index is out of range.
            images.take(indices, axis=0, out=self.input, mode="clip")
            labels.take(indices, out=self.target, mode="clip")
            for left, right, product in self.products:
                np.matmul(left, right, out=product)
            yield


def linears(work: Work, input: ndarray) -> Iterator[Product]:
    """Of each layer y = x Wᵀ, dW = dyᵀ x and dx = dy W; nobody asks for the first layer's dx.

    In the portions and with the memory order that are fastest, which are those of `numpy_impl`.
    """
    N = len(input)
    for number, weight in enumerate(matrices(work)):
        x = ones(N, weight.shape[1]) if number else input
        dy = ones(N, len(weight))
        y, portions = np.empty_like(dy), blocks(x, weight)
        yield from ((x[rows], weight.T, y[rows]) for rows in portions)
        yield from ((dy[rows].T, x[rows], np.empty_like(weight)) for rows in portions)
        if number:
            yield dy, weight, np.empty_like(x)


def convolutions(work: Work) -> Iterator[Product]:
    """Of each layer, with the unfolded images u, y = W u, dW = dy uᵀ and du = Wᵀ dy."""
    side = 28
    for number, weight in enumerate(matrices(work)):
        side = (side + 1) // 2  # stride 2, padding 1
        u = ones(weight.shape[1], side * side * work.recipe.batch_size)
        dy = ones(len(weight), u.shape[1])
        yield weight, u, np.empty_like(dy)
        yield dy, u.T, np.empty_like(weight)
        if number:
            yield weight.T, dy, np.empty_like(u)


def matrices(work: Work) -> list[ndarray]:
    """The weights without the biases, each as (out, the rest)."""
    model = getattr(numpy_impl.models, work.recipe.model)(*work.model_arguments)
    weights = [parameter.data for parameter in model.parameters()]
    return [array.reshape(len(array), -1) for array in weights if array.ndim > 1]


def ones(*shape: int) -> ndarray:
    """Numbers that are quick to multiply: what memory happens to hold may be slow (denormal)."""
    return np.ones(shape, np.float32)
