"""Convolution and average pooling by hand: each forward with its backward beside it.

Images are (N, C, H, W), but what is computed here is computed on their transposes (W, H, C, N), and
that is how they lie in memory (Fortran order): the batch index runs fastest, then the channel. So
a pixel of all images, with all its channels, is one block of memory. The convolution is one small
product for each position of the window, and nothing is transposed from layer to layer. Arrays of
any strides come in.

In the shapes below the window is kH x kW, and the output is Ho x Wo: so many positions does the
window have on an image of H x W.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from numpy_impl.checks import Pair, as_pair, check_window, checked

__all__ = ["conv2d", "conv2d_backward", "avg_pool2d", "avg_pool2d_backward"]


@checked(check_window)
def conv2d(
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    bias: Float[ndarray, " out"] | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Float[ndarray, "N out Ho Wo"]:
    """y[n, o, h, w] = b[o] + Σ_cij W[o, c, i, j] x[n, c, stride h + i, stride w + j].

    x is `input` with `padding` zeros all round.
    """
    return convolve(input, weight, bias, stride, padding)[0]


@checked(check_window)
def conv2d_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> tuple[Float[ndarray, "N C H W"] | None, Float[ndarray, "out C kH kW"], Float[ndarray, " out"]]:
    """With u = unfold(x) and y = W u + b: dx = fold(Wᵀ dy), dW = dy uᵀ, and db is the sum of dy."""
    columns = unfold(input, (weight.shape[2], weight.shape[3]), stride, padding)
    return convolve_backward(grad_output, input, weight, stride, padding, columns)


@checked(check_window, name="conv2d")
def convolve(
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    bias: Float[ndarray, " out"] | None,
    stride: int | Pair,
    padding: int | Pair,
) -> tuple[Float[ndarray, "N out Ho Wo"], Float[ndarray, "Wo Ho K N"]]:
    """`conv2d`, and the unfolded input, which a layer keeps for the backward."""
    columns = unfold(input, (weight.shape[2], weight.shape[3]), stride, padding)
    output = np.matmul(flat(weight), columns, order="C")  # (Wo, Ho, out, N)
    if bias is not None:
        output += bias[:, None]
    return output.T, columns


@checked(check_window, name="conv2d_backward")
def convolve_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair,
    padding: int | Pair,
    columns: Float[ndarray, "..."],
    needs_input_grad: bool = True,
) -> tuple[Float[ndarray, "N C H W"] | None, Float[ndarray, "out C kH kW"], Float[ndarray, " out"]]:
    """`conv2d_backward` from the unfolded input; None in the place of dx if it is not needed."""
    grad = np.ascontiguousarray(grad_output.T)  # (Wo, Ho, out, N)
    grad_input = None
    if needs_input_grad:
        spread = flat(weight).T  # (K, out)
        grad_columns = (np.matmul(spread, column) for column in grad)  # Wo of (Ho, K, N)
        window = weight.shape[2], weight.shape[3]
        grad_input = fold(grad_columns, input.shape, input.dtype, window, stride, padding)
    products = np.matmul(columns, grad.swapaxes(2, 3))  # (Wo, Ho, K, out)
    grad_weight = products.sum(axis=(0, 1)).T.reshape(weight.shape, order="F")
    grad_bias = grad.sum(axis=(0, 1)).sum(axis=1)  # (out,)
    return grad_input, np.ascontiguousarray(grad_weight), grad_bias


@checked(check_window)
def avg_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The mean over the window at each of its positions, side by side without a `stride`."""
    N, C = input.shape[:2]
    kH, kW = as_pair(kernel_size)
    columns = unfold(input, kernel_size, stride or kernel_size)
    Wo, Ho = columns.shape[:2]
    seen = columns.reshape(Wo, Ho, kW * kH, C, N)
    return np.ascontiguousarray(seen.mean(axis=2)).T


@checked(check_window)
def avg_pool2d_backward(
    grad_output: Float[ndarray, "N C Ho Wo"],
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[ndarray, "N C H W"]:
    """Each pixel under the window gets an equal share of the gradient of the mean."""
    kH, kW = as_pair(kernel_size)
    share = np.ascontiguousarray(grad_output.T) / (kH * kW)  # (Wo, Ho, C, N)
    columns = np.tile(share, (1, 1, kH * kW, 1))  # (Wo, Ho, K, N)
    return fold(columns, input.shape, input.dtype, kernel_size, stride or kernel_size)


def unfold(
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Float[ndarray, "Wo Ho K N"]:
    """What the window sees at each position, K = kW kH C numbers of each image (im2col).

    The rows under the window are copied next to each other, for each of its positions down the
    image. What it sees on its way to the right is then a view: nothing is copied for that.
    """
    (kH, kW), (sH, sW), (pH, pW) = as_pair(kernel_size), as_pair(stride), as_pair(padding)
    images = np.ascontiguousarray(input.T)  # (W, H, C, N)
    W, H, C, N = images.shape
    Ho, Wo = (H + 2 * pH - kH) // sH + 1, (W + 2 * pW - kW) // sW + 1
    rows = np.zeros((Ho, W + 2 * pW, kH, C, N), input.dtype)
    for i in range(kH):
        down, pixels = overlap(i - pH, sH, Ho, H)
        rows[down, pW : pW + W, i] = images[:, pixels].swapaxes(0, 1)
    down_step, right_step, _, channel_step, image_step = rows.strides
    strides = (sW * right_step, down_step, channel_step, image_step)
    return as_strided(rows, (Wo, Ho, kW * kH * C, N), strides, writeable=False)


def fold(
    columns: Iterable[Float[ndarray, "Ho K N"]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    kernel_size: int | Pair,
    stride: int | Pair,
    padding: int | Pair = 0,
) -> Float[ndarray, "N C H W"]:
    """The backward of `unfold`: each pixel is the sum of what was taken of it (col2im).

    `columns` come for one position across at a time, from left to right, each with all positions
    down the image: what is added then was just computed, and is still in the cache.
    """
    (kH, kW), (sH, sW), (pH, pW) = as_pair(kernel_size), as_pair(stride), as_pair(padding)
    N, C, H, W = shape
    images = np.zeros((W, H, C, N), dtype)
    for position, column in enumerate(columns):
        across, under = overlap(sW * position - pW, 1, kW, W)
        window = column.reshape(len(column), kW, kH, C, N).swapaxes(0, 1)  # (kW, Ho, kH, C, N)
        for i in range(kH):
            down, rows = overlap(i - pH, sH, len(column), H)
            images[under, rows] += window[across, down, i]
    return images.T


def overlap(offset: int, stride: int, positions: int, size: int) -> tuple[slice, slice]:
    """The positions s for which offset + stride s is in 0..size-1, and these pixels."""
    first = max(0, -(offset // stride))
    last = max(first, min(positions, (size - 1 - offset) // stride + 1))
    start = offset + stride * first
    return slice(first, last), slice(start, start + stride * (last - first), stride)


def flat(weight: Float[ndarray, "out C kH kW"]) -> Float[ndarray, "out K"]:
    """The weights in the order of the columns of `unfold`."""
    return weight.reshape(len(weight), -1, order="F")
