"""Convolution and average pooling by hand: each forward with its backward beside it.

Images are (N, C, H, W), but the arrays made here have the batch index running fastest in memory:
they are transposed views of (C, H, W, N). A window that slides over a batch then copies runs of at
least N numbers, the convolution is one product with a wide matrix, and nothing is transposed from
layer to layer. Arrays of any strides come in.

In the shapes below the window is kH x kW, and Ho x Wo are its stops on an image of H x W.
"""

import functools
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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
    columns: Float[ndarray, "C kH kW Ho Wo N"] | None = None,
) -> Float[ndarray, "N out Ho Wo"]:
    """y[n, o, h, w] = b[o] + Σ_cij W[o, c, i, j] x[n, c, stride h + i, stride w + j].

    x is `input` with `padding` zeros all round. A caller that has already unfolded it hands that
    over as `columns`.
    """
    if not (
        is_float(input, weight, bias)
        and input.ndim == weight.ndim == 4
        and input.shape[1] == weight.shape[1]
        and (bias is None or bias.shape == weight.shape[:1])
    ):
        raise misfit(
            "conv2d", input=(input, "N C H W"), weight=(weight, "out C kH kW"), bias=(bias, "out")
        )
    kernel_size, stride, padding, _ = slide("conv2d", input, weight.shape[2:], stride, padding)
    if columns is None:
        columns = unfold(input, kernel_size, stride, padding)
    output = np.tensordot(weight, columns, axes=3)  # (out, Ho, Wo, N)
    if bias is not None:
        output += bias[:, None, None, None]
    return batch_first(output)


def conv2d_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
    *,
    columns: Float[ndarray, "C kH kW Ho Wo N"] | None = None,
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
    grad = batch_last(grad_output)  # (out, Ho, Wo, N)
    grad_input = grad_weight = grad_bias = None
    if output_mask[0]:
        grad_columns = np.tensordot(weight, grad, axes=(0, 0))  # (C, kH, kW, Ho, Wo, N)
        grad_input = fold(grad_columns, input.shape[2:], stride, padding)
    if output_mask[1]:
        if columns is None:
            columns = unfold(input, kernel_size, stride, padding)
        grad_weight = np.tensordot(grad, columns, axes=((1, 2, 3), (3, 4, 5)))  # (out, C, kH, kW)
    if output_mask[2]:
        grad_bias = grad.sum(axis=(1, 2, 3))  # (out,)
    return grad_input, grad_weight, grad_bias


def avg_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The mean over the window at each of its stops, which lie side by side without a `stride`."""
    if not (is_float(input) and input.ndim == 4):
        raise misfit("avg_pool2d", input=(input, "N C H W"))
    kernel_size, stride, *_ = slide("avg_pool2d", input, kernel_size, stride)
    seen = windows(batch_last(input), kernel_size, stride)  # each (C, Ho, Wo, N)
    return batch_first(functools.reduce(np.add, seen) / math.prod(kernel_size))


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
    N, C, H, W = input.shape
    check_grad_output(name, grad_output, (N, C, *stops))
    share = batch_last(grad_output) / math.prod(kernel_size)  # (C, Ho, Wo, N)
    grad_input = np.zeros((C, H, W, N), input.dtype)
    for window in windows(grad_input, kernel_size, stride):
        window += share
    return batch_first(grad_input)


def unfold(
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Float[ndarray, "C kH kW Ho Wo N"]:
    """A copy of what the window sees at each of its stops (im2col)."""
    if not (is_float(input) and input.ndim == 4):
        raise misfit("unfold", input=(input, "N C H W"))
    kernel_size, stride, padding, stops = slide("unfold", input, kernel_size, stride, padding)
    N, C, H, W = input.shape
    (kH, kW), (pH, pW) = kernel_size, padding
    padded = np.zeros((C, H + 2 * pH, W + 2 * pW, N), input.dtype)
    padded[:, pH : pH + H, pW : pW + W] = input.transpose(1, 2, 3, 0)
    columns = np.empty((C, kH * kW, *stops, N), input.dtype)
    for offset, window in enumerate(windows(padded, kernel_size, stride)):
        columns[:, offset] = window
    return columns.reshape(C, kH, kW, *stops, N)


def fold(
    columns: Float[ndarray, "C kH kW Ho Wo N"], input_size: Pair, stride: Pair, padding: Pair
) -> Float[ndarray, "N C H W"]:
    """Add what the window saw to where it saw it (col2im): the transpose of `unfold`."""
    C, kH, kW, Ho, Wo, N = columns.shape
    (H, W), (pH, pW) = input_size, padding
    columns = columns.reshape(C, kH * kW, Ho, Wo, N)
    padded = np.zeros((C, H + 2 * pH, W + 2 * pW, N), columns.dtype)
    for offset, window in enumerate(windows(padded, (kH, kW), stride)):
        window += columns[:, offset]
    return batch_first(padded[:, pH : pH + H, pW : pW + W])


def windows(
    images: Float[ndarray, "C H W N"], kernel_size: Pair, stride: Pair
) -> Iterator[Float[ndarray, "C Ho Wo N"]]:
    """For each of the kH·kW pixels of a sliding window, what it sees at the stops, as a view."""
    (kH, kW), (sH, sW) = kernel_size, stride
    H, W = images.shape[1:3]
    for i in range(kH):
        for j in range(kW):
            yield images[:, i : H - kH + i + 1 : sH, j : W - kW + j + 1 : sW]


def batch_last(images: Float[ndarray, "N C H W"]) -> Float[ndarray, "C H W N"]:
    """The images with the batch running fastest in memory: no copy if it does already."""
    return np.ascontiguousarray(images.transpose(1, 2, 3, 0))


def batch_first(images: Float[ndarray, "C H W N"]) -> Float[ndarray, "N C H W"]:
    """The images in their logical order, as a view."""
    return images.transpose(3, 0, 1, 2)


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
