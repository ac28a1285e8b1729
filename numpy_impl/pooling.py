"""Max pooling by hand: the forward with its backward beside it.

The window is kH x kW, and the output is Ho x Wo: so many positions does the window have on an image
of H x W.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from numpy_impl.checks import Pair, as_pair, check_window, checked

__all__ = ["max_pool2d", "max_pool2d_backward"]


@checked(check_window)
def max_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The largest number under the window at each position, side by side without a `stride`.

    NaN is larger than any number.
    """
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
