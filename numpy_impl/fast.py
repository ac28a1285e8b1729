"""What is there for speed, or for quiet, and changes no number: the reason stands beside each.

The formulas are in `functional.py`. The figures are of one thread on an AVX-512 machine.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

import numpy as np
from jaxtyping import Float, Int64, Integer
from numpy import ndarray

P = ParamSpec("P")
T = TypeVar("T")

# What the convolutional net keeps of so many images, for the backward, stays in the cache. Batches
# of 1,024 take half of the time in such portions, and a tenth of the memory.
IMAGES_IN_CACHE = 64

SMALL_PRODUCT = 10**6  # multiplications; OpenBLAS does not pack the factors of such a product
ROWS_OF_KERNELS = 32  # what its kernels take at a time, or a part of it
FEW_ROWS = 64  # fewer at a time cost more than they save


@functools.cache
def blocks(length: int, size: int) -> list[slice]:
    """The rows of an input in the portions in which they are best multiplied by `size` weights.

    With few outputs the packing of the factors costs OpenBLAS as much as the product itself. On
    AVX-512 it skips that for products of up to 10⁶ multiplications, and a batch of MNIST is
    multiplied in such portions twice as fast as whole. On AVX2 both take the same time.
    """
    rows = SMALL_PRODUCT // max(1, size) // ROWS_OF_KERNELS * ROWS_OF_KERNELS
    if rows < FEW_ROWS or length * size <= SMALL_PRODUCT:
        return [slice(None)]
    return [slice(start, start + rows) for start in range(0, length, rows)]


def matmul(input: Float[ndarray, "N in"], weight: Float[ndarray, "out in"]) -> ndarray:
    """x Wᵀ (N, out), in blocks of rows."""
    parts = blocks(len(input), weight.size)
    if len(parts) == 1:
        return np.matmul(input, weight.T, order="C")
    output = np.empty((len(input), len(weight)), input.dtype)
    for rows in parts:
        np.matmul(input[rows], weight.T, out=output[rows])
    return output


def matmul_weight(
    grad_output: Float[ndarray, "N out"],
    input: Float[ndarray, "N in"],
    weight: Float[ndarray, "out in"],
) -> Float[ndarray, "out in"]:
    """dyᵀ x in blocks of rows, and in the memory order of the weight, which it is added to."""
    first, *others = blocks(len(input), weight.size)
    product = np.matmul(grad_output[first].T, input[first], out=np.empty_like(weight))
    for rows in others:
        product += np.matmul(grad_output[rows].T, input[rows], out=np.empty_like(weight))
    return product


def sum_of_rows(input: Float[ndarray, "N ..."], factor: float = 1.0) -> Float[ndarray, "..."]:
    """Σ_n x_n times a factor, as a product: 0.7 instead of 1.3 µs for (16, 10)."""
    total = np.dot(filled(len(input), factor, input.dtype), input)
    return np.asarray(total if total.dtype is input.dtype else total.astype(input.dtype))


def total(
    input: Float[ndarray, "..."], axis: int | tuple[int, ...], keepdims: bool = False
) -> Float[ndarray, "..."]:
    """Σ along axes; in float32 for float16, in which a sum of ones counts no further than 2,048."""
    if input.dtype.type is not np.float16:
        return np.asarray(input.sum(axis=axis, keepdims=keepdims))
    return np.asarray(input.sum(axis=axis, keepdims=keepdims, dtype=np.float32), input.dtype)


@functools.lru_cache(maxsize=32)
def filled(length: int, value: float, dtype: np.dtype[Any]) -> Float[ndarray, " N"]:
    """The same value over and over, kept, and not to be changed.

    In float32 for float16, in which a sum would count no further than 65,504.
    """
    array = np.full(length, value, np.promote_types(dtype, np.float32))
    array.flags.writeable = False
    return array


def onehot(target: Integer[ndarray, " N"], classes: int, dtype: Any) -> Float[ndarray, "classes N"]:
    """A column for each target, with 1 in its row and 0 elsewhere.

    It is taken from an identity, in 0.5 µs for 16 targets; to subtract 1 at two arrays of indices
    would take 3 µs. The target -1 would be taken for the last, so targets are checked before.
    """
    return identity(classes, dtype).take(target, axis=1)


@functools.lru_cache(maxsize=32)
def identity(size: int, dtype: Any) -> Float[ndarray, "size size"]:
    """The identity, kept, and not to be changed."""
    array = np.eye(size, dtype=dtype)
    array.flags.writeable = False
    return array


def in_fast_order(weight: Float[ndarray, "out in"]) -> Float[ndarray, "out in"]:
    """The weight, where it has many outputs, with its memory in the order (in, out).

    For small batches OpenBLAS multiplies by its transpose faster then.
    """
    return np.asfortranarray(weight) if len(weight) > 32 else weight


def running_mean(
    mean: Float[ndarray, "*shape"],
    beta: float,
    *factors: Float[ndarray, "*shape"],
    out: Float[ndarray, "*shape"] | None,
    room: Float[ndarray, "*shape"],
) -> Float[ndarray, "*shape"]:
    """β m + (1 - β) times the product of the factors, in `out`; `room` is for the second term."""
    term: Any = 1 - beta
    for factor in factors:
        term = np.multiply(term, factor, out=room)
    mean = np.multiply(beta, mean, out=out)
    mean += term
    return mean


def adam_update(
    exp_avg: Float[ndarray, "*shape"],
    exp_avg_sq: Float[ndarray, "*shape"],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    out: Float[ndarray, "*shape"],
) -> Float[ndarray, "*shape"]:
    """lr m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), in `out`.

    With r = √(1 - β₂ᵗ) the denominator √v̂ + ε is (√v + ε r) / r, so that the two corrections cost
    no pass of their own over the array: four passes in the place of six.
    """
    root = math.sqrt(1 - betas[1] ** step)
    np.sqrt(exp_avg_sq, out=out)
    out += eps * root
    np.divide(exp_avg, out, out=out)
    out *= lr * root / (1 - betas[0] ** step)
    return out


def positive_part(
    input: Float[ndarray, "*shape"], out: Float[ndarray, "*shape"] | None
) -> Float[ndarray, "*shape"]:
    """max(x, 0), compared with an array of zeros that becomes the result.

    Compared with the number 0 the images of a batch take twice as long: 310 instead of 150 µs for
    800,000 numbers. In place, zeros for one row of pixels are enough, and stay in the cache.
    """
    if out is None:
        out = np.zeros_like(input)
        return np.maximum(input, out, out=out)
    row = input[:, :, :1] if input.ndim == 4 else input
    return np.maximum(input, np.zeros_like(row), out=out)


def shifted(input: Float[ndarray, "*shape"], dim: int) -> Float[ndarray, "*moved"]:
    """x minus its maximum along `dim`, so that no exp overflows, as a copy with that axis first.

    With the classes outermost in memory a sum over them adds long rows to each other. With the
    classes innermost NumPy would add ten numbers at a time, for (1024, 10) six times as slowly.
    """
    output = input.swapaxes(0, dim).copy()
    output -= output.max(axis=0, initial=-np.inf)  # an empty axis has no maximum of its own
    return output


Portion = tuple[Float[ndarray, "N in"], Int64[ndarray, " N"], float]


def gather(
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    batches: Iterable[ndarray],
    size: int | None = None,
) -> Iterator[Iterator[Portion]]:
    """For each batch its portions of at most `size`: images, labels and the share of the batch.

    The images are overwritten by those of the next portion. This is memory traffic, and a good part
    of a step: memory that was used before may still be in the cache.

    Raises IndexError for an index that is out of range.
    """
    room = images[:0]
    for indices in batches:
        count = min(size or len(indices), len(indices))
        if len(room) < count:
            room = np.empty((count, images.shape[1]), images.dtype)
        yield portions(images, labels, indices, room[:count])


def portions(
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    indices: ndarray,
    room: Float[ndarray, "n in"],
) -> Iterator[Portion]:
    """As many images at a time as there is room for."""
    length = max(1, len(indices))  # an empty batch is one portion, and the loss names the error
    for start in range(0, length, max(1, len(room))):
        part = indices[start : start + len(room)]
        target = labels.take(part)  # which raises IndexError, so `wrap` below meets none
        input = images.take(part, axis=0, out=room[: len(part)], mode="wrap")
        yield input, target, len(part) / length


def portion_of(model: Any) -> int | None:
    """How many images the model is best given at a time; None for all, and if it does not say."""
    return getattr(model, "portion", None)


def joined(parts: list[ndarray]) -> ndarray:
    """The parts one after the other, as one array; one that is alone as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def without_warnings(generator: Callable[P, Iterator[T]]) -> Callable[P, Iterator[T]]:
    """Compute each item without NumPy's warnings of overflow: a training step raises an error."""

    @functools.wraps(generator)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = generator(*args, **kwargs)
        while True:  # around each item alone: who takes it keeps the warnings
            with np.errstate(over="ignore", invalid="ignore"):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    return quiet
