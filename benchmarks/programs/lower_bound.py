"""The least time of a step in NumPy: its matrix products and the gathering of its batch."""

import timeit
from collections.abc import Iterable, Iterator

import numpy as np
from numpy import ndarray

import numpy_impl.models
from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program"]

Product = tuple[ndarray, ndarray, ndarray]  # two factors, and the memory for their product
Way = list[Product]  # one way to compute the products of a layer, or one of them


class Program(base.Program):
    """The products only, written into memory that exists already. It does not learn.

    Each is computed in the way that was the fastest of several at the start. A convolution counts
    as its products with the unfolded images, without the unfolding, of the whole batch or of
    portions of it, which all use the same memory.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.input = ones(work.recipe.batch_size, work.images.shape[1])
        self.target = np.empty(work.recipe.batch_size, work.labels.dtype)
        convolves = work.recipe.model == "ConvNet"
        parts = convolutions(work) if convolves else linears(work, self.input)
        self.products = [product for ways in parts for product in min(ways, key=seconds)]
        self.steps = self.train()

    def train(self) -> Iterator[None]:
        """Compute the products of one step at each `next`."""
        images, labels = self.work.images, self.work.labels
        for indices in self.work.batches():
            # By default `take` would gather into a copy first, in case an index is out of range.
            images.take(indices, axis=0, out=self.input, mode="clip")
            labels.take(indices, out=self.target, mode="clip")
            multiply(self.products)
            yield


def multiply(products: Iterable[Product]) -> None:
    """Compute the products, one after the other."""
    for left, right, product in products:
        np.matmul(left, right, out=product)


def seconds(way: Way) -> float:
    """The shortest time of several runs."""
    return min(timeit.repeat(lambda: multiply(way), number=3, repeat=5))


def linears(work: Work, input: ndarray) -> Iterator[list[Way]]:
    """The ways for each layer: in portions or whole, weights stored (out, in) or (in, out)."""
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
    """y = x Wᵀ and dW = dyᵀ x, `size` rows at a time, and dx = dy W if it is needed."""
    y = np.empty_like(dy)
    rows = [slice(start, start + size) for start in range(0, len(x), size)]
    yield from ((x[it], weight.T, y[it]) for it in rows)
    yield from ((dy[it].T, x[it], np.empty_like(weight)) for it in rows)
    if needs_input_grad:
        yield dy, weight, np.empty_like(x)


def convolutions(work: Work) -> Iterator[list[Way]]:
    """The ways for y, dW and dx of each layer: whole, or in portions that divide the batch."""
    size, N = 28, work.recipe.batch_size  # of the images, in pixels
    counts = [count for count in (1, 2, 4, 8, 16, 32, 64) if N % count == 0 and N // count >= 16]
    for number, weight in enumerate(matrices(work)):
        size = (size + 1) // 2  # stride 2, padding 1
        for ways in (outputs, weight_gradients, input_gradients)[: 3 if number else 2]:
            yield [
                way * count for count in counts or [1] for way in ways(weight, size**2, N // count)
            ]


def outputs(weight: ndarray, positions: int, images: int) -> Iterator[Way]:
    """y = W u for one wide matrix u of unfolded images, or one for each position of the window."""
    out, K = weight.shape
    for count, width in ((1, positions * images), (positions, images)):
        yield [(weight, ones(count, K, width), ones(count, out, width))]


def weight_gradients(weight: ndarray, positions: int, images: int) -> Iterator[Way]:
    """dW = dy uᵀ, or its transpose, for the same matrices."""
    out, K = weight.shape
    for count, width in ((1, positions * images), (positions, images)):
        u, dy = ones(count, K, width), ones(count, out, width)
        yield [(dy, u.swapaxes(1, 2), ones(count, out, K))]
        yield [(u, dy.swapaxes(1, 2), ones(count, K, out))]
        yield [(u, ones(count, width, out), ones(count, K, out))]


def input_gradients(weight: ndarray, positions: int, images: int) -> Iterator[Way]:
    """du = Wᵀ dy for the same matrices, or dx at once.

    In grids of pixels that are two apart, which the window sees through 1, 2, 2 and 4 of its 9
    taps, dx is a product with each position of dy that they are seen from.
    """
    out, K = weight.shape
    for count, width in ((1, positions * images), (positions, images)):
        yield [(weight.T, ones(count, out, width), ones(count, K, width))]
    yield [
        (
            ones(K // 9, taps * out),
            ones(positions, taps * out, images),
            ones(positions, K // 9, images),
        )
        for taps in (1, 2, 2, 4)
    ]


def matrices(work: Work) -> list[ndarray]:
    """The weights without the biases, each as a matrix (out, all other axes)."""
    model = getattr(numpy_impl.models, work.recipe.model)(*work.model_arguments)
    weights = [parameter.data for parameter in model.parameters()]
    return [array.reshape(len(array), -1) for array in weights if array.ndim > 1]


def ones(*shape: int) -> ndarray:
    """An array of ones. Uninitialised memory may hold denormal numbers, which are slow."""
    return np.ones(shape, np.float32)
