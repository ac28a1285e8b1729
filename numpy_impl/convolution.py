"""Convolution and average pooling by hand: each forward with its backward beside it.

Images are (N, C, H, W), but what is computed here is computed on their transposes (W, H, C, N), and
that is how they lie in memory (Fortran order): the batch index runs fastest, then the channel. So
a pixel of all images, with all its channels, is one block of memory. The convolution is one small
product for each stop of the window, and nothing is transposed from layer to layer. Arrays of any
strides come in.

In the shapes below the window is kH x kW, and Ho x Wo are its stops on an image of H x W.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from numpy_impl.checks import is_float, misfit, pair

__all__ = ["conv2d", "conv2d_backward", "avg_pool2d", "avg_pool2d_backward"]

Pair = tuple[int, int]


def conv2d(
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    bias: Float[ndarray, " out"] | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    *,
    columns: Float[ndarray, "Wo Ho K N"] | None = None,
) -> Float[ndarray, "N out Ho Wo"]:
    """y[n, o, h, w] = b[o] + Σ_cij W[o, c, i, j] x[n, c, stride h + i, stride w + j].

    x is `input` with `padding` zeros all round. A caller that has already unfolded it hands that
    over as `columns`.
    """
    if not (
        is_float(input, weight, weight if bias is None else bias)
        and input.ndim == weight.ndim == 4
        and input.shape[1] == weight.shape[1]
        and (bias is None or bias.shape == weight.shape[:1])
    ):
        raise misfit(
            "conv2d", input=(input, "N C H W"), weight=(weight, "out C kH kW"), bias=(bias, "out?")
        )
    kernel_size, stride, padding, _ = slide("conv2d", input, weight.shape[2:], stride, padding)
    if columns is None:
        columns = unfold(input, kernel_size, stride, padding)
    output = np.matmul(flat(weight), columns, order="C")  # (Wo, Ho, out, N)
    if bias is not None:
        output += bias[:, None]
    return output.T


def conv2d_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
    *,
    columns: Float[ndarray, "Wo Ho K N"] | None = None,
) -> tuple[
    Float[ndarray, "N C H W"] | None,
    Float[ndarray, "out C kH kW"] | None,
    Float[ndarray, " out"] | None,
]:
    """With u = unfold(x) and y = W u + b: dx = fold(Wᵀ dy), dW = dy uᵀ, and db is the sum of dy.

    `output_mask` says which of the three are wanted; None stands for the others. A caller that
    kept u hands it over as `columns`.
    """
    name = "conv2d_backward"
    if not (
        is_float(grad_output, input, weight)
        and input.ndim == weight.ndim == 4
        and input.shape[1] == weight.shape[1]
    ):
        raise misfit(
            name,
            grad_output=(grad_output, "N out Ho Wo"),
            input=(input, "N C H W"),
            weight=(weight, "out C kH kW"),
        )
    kernel_size, stride, padding, stops = slide(name, input, weight.shape[2:], stride, padding)
    check_grad_output(name, grad_output, (len(input), len(weight), *stops))
    grad = np.ascontiguousarray(grad_output.T)  # (Wo, Ho, out, N)
    grad_input = grad_weight = grad_bias = None
    if output_mask[0]:
        spread = flat(weight).T  # (K, out)
        shares = (np.matmul(spread, column) for column in grad)  # Wo of (Ho, K, N)
        grad_input = fold(shares, input.shape, input.dtype, kernel_size, stride, padding)
    if output_mask[1]:
        if columns is None:
            columns = unfold(input, kernel_size, stride, padding)
        products = np.matmul(columns, grad.swapaxes(2, 3))  # (Wo, Ho, K, out)
        summed = products.sum(axis=(0, 1)).T  # (out, K)
        grad_weight = np.ascontiguousarray(summed.reshape(weight.shape, order="F"))
    if output_mask[2]:
        grad_bias = grad.sum(axis=(0, 1)).sum(axis=1)  # (out,)
    return grad_input, grad_weight, grad_bias


def avg_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The mean over the window at each of its stops, which lie side by side without a `stride`."""
    if not (is_float(input) and input.ndim == 4):
        raise misfit("avg_pool2d", input=(input, "N C H W"))
    kernel_size, stride, _, stops = slide("avg_pool2d", input, kernel_size, stride)
    N, C = input.shape[:2]
    seen = unfold(input, kernel_size, stride)  # (Wo, Ho, K, N)
    seen = seen.reshape(*stops[::-1], math.prod(kernel_size), C, N)
    return np.ascontiguousarray(seen.mean(axis=2)).T


def avg_pool2d_backward(
    grad_output: Float[ndarray, "N C Ho Wo"],
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[ndarray, "N C H W"]:
    """Each pixel under the window gets an equal share of the gradient of the mean."""
    name = "avg_pool2d_backward"
    if not (is_float(grad_output, input) and input.ndim == 4):
        raise misfit(name, grad_output=(grad_output, "N C Ho Wo"), input=(input, "N C H W"))
    kernel_size, stride, _, stops = slide(name, input, kernel_size, stride)
    check_grad_output(name, grad_output, (*input.shape[:2], *stops))
    size = math.prod(kernel_size)
    share = np.ascontiguousarray(grad_output.T) / size  # (Wo, Ho, C, N)
    shares = np.tile(share, (1, 1, size, 1))  # (Wo, Ho, K, N)
    return fold(shares, input.shape, input.dtype, kernel_size, stride)


def unfold(
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Float[ndarray, "Wo Ho K N"]:
    """What the window sees at each of its stops, K = kW kH C numbers of each image (im2col).

    The rows under the window are copied next to each other, for each of its stops down the image.
    What it sees on its way to the right is then a view: no number is copied for each of the stops.
    """
    if not (is_float(input) and input.ndim == 4):
        raise misfit("unfold", input=(input, "N C H W"))
    kernel_size, stride, padding, stops = slide("unfold", input, kernel_size, stride, padding)
    (kH, kW), (sH, sW), (pH, pW), (Ho, Wo) = kernel_size, stride, padding, stops
    images = np.ascontiguousarray(input.T)  # (W, H, C, N)
    W, H, C, N = images.shape
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
    kernel_size: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
) -> Float[ndarray, "N C H W"]:
    """The backward of `unfold`: each pixel is the sum of what was taken of it (col2im).

    `columns` are those of the stops down the image, one after the other on the way to the right:
    what is added then was just computed, and is still in the cache.
    """
    (N, C, H, W), (kH, kW), (sH, sW), (pH, pW) = shape, kernel_size, stride, padding
    images = np.zeros((W, H, C, N), dtype)
    for stop, column in enumerate(columns):
        across, under = overlap(sW * stop - pW, 1, kW, W)
        window = column.reshape(len(column), kW, kH, C, N).swapaxes(0, 1)  # (kW, Ho, kH, C, N)
        for i in range(kH):
            down, rows = overlap(i - pH, sH, len(column), H)
            images[under, rows] += window[across, down, i]
    return images.T


def overlap(offset: int, stride: int, stops: int, size: int) -> tuple[slice, slice]:
    """The stops s for which offset + stride s is in 0..size-1, and these pixels."""
    first = max(0, -(offset // stride))
    last = max(first, min(stops, (size - 1 - offset) // stride + 1))
    start = offset + stride * first
    return slice(first, last), slice(start, start + stride * (last - first), stride)


def flat(weight: Float[ndarray, "out C kH kW"]) -> Float[ndarray, "out K"]:
    """The weights in the order of the columns of `unfold`."""
    return weight.reshape(len(weight), -1, order="F")


def slide(
    name: str,
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None,
    padding: int | Pair = 0,
) -> tuple[Pair, Pair, Pair, Pair]:
    """(kernel_size, stride, padding, stops) as pairs: stops = ⌊(H + 2 padding - kH) / stride⌋ + 1.

    Raises TypeError or ValueError, in the name of the function `name`, if one is no size or if the
    window does not fit into the image.
    """
    kernel_size = pair(name, "kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else pair(name, "stride", stride, 1)
    padding = pair(name, "padding", padding, 0)
    H, W = input.shape[2] + 2 * padding[0], input.shape[3] + 2 * padding[1]
    if kernel_size[0] > H or kernel_size[1] > W:
        raise ValueError(
            f"{name}: input has shape {input.shape}, with its padding images of {H}x{W}, expected "
            f"at least the window of {kernel_size[0]}x{kernel_size[1]}"
        )
    stops = (H - kernel_size[0]) // stride[0] + 1, (W - kernel_size[1]) // stride[1] + 1
    return kernel_size, stride, padding, stops


def check_grad_output(name: str, grad_output: ndarray, shape: tuple[int, ...]) -> None:
    """Raise ValueError if `grad_output` has another shape than the output."""
    if grad_output.shape != shape:
        raise ValueError(
            f"{name}: grad_output has shape {grad_output.shape}, expected {shape} as the output has"
        )
