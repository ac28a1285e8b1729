"""Average and max pooling by hand: each forward with its backward beside it.

The window is kH x kW, and the output is Ho x Wo, the number of positions of the window along each
axis of an image of H x W. Without a `stride` it is `kernel_size`, and the windows lie side by side.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from numpy_impl import fast
from numpy_impl.checks import Pair, as_pair, check_window, checked
from numpy_impl.plan import from_memory, to_memory

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]


@checked(check_window)
def avg_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The mean of the numbers under the window at each position."""
    kernel, (sH, sW) = as_pair(kernel_size), as_pair(stride or kernel_size)
    images = np.ascontiguousarray(to_memory(input))  # (H, W, C, N)
    if kernel == images.shape[:2]:  # the mean of all pixels
        pixels = images.reshape(kernel[0] * kernel[1], -1)
        mean = fast.sum_of_rows(pixels, 1 / len(pixels))
        return from_memory(mean.reshape(1, 1, *images.shape[2:]))
    seen = sliding_window_view(images, kernel, axis=(0, 1))[::sH, ::sW]  # (Ho, Wo, C, N, kH, kW)
    return from_memory(seen.mean(axis=(4, 5)))


@checked(check_window)
def avg_pool2d_backward(
    grad_output: Float[ndarray, "N C Ho Wo"],
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[ndarray, "N C H W"]:
    """Each pixel under the window gets an equal share of the gradient of the mean."""
    (kH, kW), (sH, sW) = as_pair(kernel_size), as_pair(stride or kernel_size)
    share = to_memory(grad_output) / (kH * kW)  # (Ho, Wo, C, N)
    grad_input = np.zeros(to_memory(input).shape, input.dtype)
    if (kH, kW) == input.shape[2:]:
        grad_input[...] = share
        return from_memory(grad_input)
    Ho, Wo = share.shape[:2]
    for i, j in np.ndindex(kH, kW):
        grad_input[i : i + sH * Ho : sH, j : j + sW * Wo : sW] += share
    return from_memory(grad_input)


@checked(check_window)
def max_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The largest number under the window at each position; NaN is larger than any number."""
    return windows(input, kernel_size, stride).max(axis=-1)


@checked(check_window)
def max_pool2d_backward(
    grad_output: Float[ndarray, "N C Ho Wo"],
    input: Float[ndarray, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[ndarray, "N C H W"]:
    """The gradient goes to the largest number under the window; of equal ones, to the first."""
    (_, kW), (sH, sW) = as_pair(kernel_size), as_pair(stride or kernel_size)
    largest = windows(input, kernel_size, stride).argmax(axis=-1)  # (N, C, Ho, Wo)
    n, c, row, column = np.indices(largest.shape, sparse=True)
    row, column = sH * row + largest // kW, sW * column + largest % kW
    grad_input = np.zeros_like(input)
    np.add.at(grad_input, (n, c, row, column), grad_output)  # windows may overlap
    return grad_input


def windows(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None
) -> Float[ndarray, "N C Ho Wo K"]:
    """What the window sees at each position, K = kH kW numbers."""
    kernel, (sH, sW) = as_pair(kernel_size), as_pair(stride or kernel_size)
    seen = sliding_window_view(input, kernel, axis=(2, 3))[:, :, ::sH, ::sW]
    return seen.reshape(*seen.shape[:4], -1)
