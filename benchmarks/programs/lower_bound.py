"""The least that a step can cost in NumPy: its matrix products and the gathering of its batch."""

import timeit
from collections.abc import Iterable, Iterator

import numpy as np
from numpy import ndarray

import numpy_impl.models
from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program"]

Product = tuple[ndarray, ndarray, ndarray]  # two factors, and the memory for their product
Way = list[Product]  # to multiply all that a layer has to


class Program(base.Program):
    """All into memory that is there already, with nothing between the products: it learns nothing.

    Each layer is multiplied in the way that was the fastest of several at the start. A convolution
    is counted as the products of its weights with the unfolded images; the unfolding is not.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.input = ones(work.recipe.batch_size, work.images.shape[1])
        self.target = np.empty(work.recipe.batch_size, work.labels.dtype)
        convolves = work.recipe.model == "ConvNet"
        layers = convolutions(work) if convolves else linears(work, self.input)
        self.products = [product for ways in layers for product in min(ways, key=seconds)]
        self.steps = self.train()

    def train(self) -> Iterator[None]:
        """One step at each `next`."""
        images, labels = self.work.images, self.work.labels
        for indices in self.work.batches():
            # By default `take` would gather into a copy first, in case an index is out of range.
            images.take(indices, axis=0, out=self.input, mode="clip")
            labels.take(indices, out=self.target, mode="clip")
            multiply(self.products)
            yield


def multiply(products: Iterable[Product]) -> None:
    """One after the other."""
    for left, right, product in products:
        np.matmul(left, right, out=product)


def seconds(way: Way) -> float:
    """How long it takes at best."""
    return min(timeit.repeat(lambda: multiply(way), number=3, repeat=5))


def linears(work: Work, input: ndarray) -> Iterator[list[Way]]:
    """For each layer: whole or in portions of the batch, the weights as (out, in) or (in, out)."""
    N = len(input)
    for number, weight in enumerate(matrices(work)):
        x = ones(N, weight.shape[1]) if number else input
        dy = ones(N, len(weight))
        portions = [N, *(size for size in (32, 64, 96, 128) if size < N)]
        weights = [np.asarray(weight, order="C"), np.asarray(weight, order="F")]
        yield [list(linear(x, w, dy, size, number > 0)) for w in weights for size in portions]


def linear(
    x: ndarray, weight: ndarray, dy: ndarray, size: int, needs_input_grad: bool
) -> Iterator[Product]:
    """y = x Wᵀ and dW = dyᵀ x, by `size` rows at a time, and dx = dy W unless nobody needs it."""
    y = np.empty_like(dy)
    rows = [slice(start, start + size) for start in range(0, len(x), size)]
    yield from ((x[it], weight.T, y[it]) for it in rows)
    yield from ((dy[it].T, x[it], np.empty_like(weight)) for it in rows)
    if needs_input_grad:
        yield dy, weight, np.empty_like(x)


def convolutions(work: Work) -> Iterator[list[Way]]:
    """For each layer: the images unfolded into one wide matrix, or into one for each stop."""
    side, N = 28, work.recipe.batch_size
    for number, weight in enumerate(matrices(work)):
        side = (side + 1) // 2  # stride 2, padding 1
        shapes = [(1, side * side * N), (side * side, N)]
        yield [convolution(weight, stops, width, number > 0) for stops, width in shapes]


def convolution(weight: ndarray, stops: int, width: int, needs_input_grad: bool) -> Way:
    """With the unfolded images u, y = W u, dW = dy uᵀ and du = Wᵀ dy at each stop."""
    out, K = weight.shape
    u, dy = ones(stops, K, width), ones(stops, out, width)
    way = [
        (weight, u, np.empty_like(dy)),
        (dy, u.swapaxes(1, 2), np.empty((stops, out, K), np.float32)),
    ]
    return [*way, (weight.T, dy, np.empty_like(u))] if needs_input_grad else way


def matrices(work: Work) -> list[ndarray]:
    """The weights without the biases, each as (out, the rest)."""
    model = getattr(numpy_impl.models, work.recipe.model)(*work.model_arguments)
    weights = [parameter.data for parameter in model.parameters()]
    return [array.reshape(len(array), -1) for array in weights if array.ndim > 1]


def ones(*shape: int) -> ndarray:
    """Numbers that are quick to multiply: what memory happens to hold may be slow (denormal)."""
    return np.ones(shape, np.float32)
