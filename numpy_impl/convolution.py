"""Convolution and average pooling by hand: each forward with its backward beside it.

Images are (N, C, H, W). Arrays of any strides come in; how they lie in memory best is in `plan.py`.

In the shapes below the window is kH x kW, and the output is Ho x Wo: so many positions does the
window have on an image of H x W.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from numpy_impl import fast
from numpy_impl.checks import Pair, as_pair, check_planned, check_window, checked
from numpy_impl.plan import Plan, from_memory, to_memory

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
    plan = make_plan(input, weight, stride, padding)
    return convolve(input, weight, bias, plan)


@checked(check_window)
def conv2d_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> tuple[Float[ndarray, "N C H W"] | None, Float[ndarray, "out C kH kW"], Float[ndarray, " out"]]:
    """With u = unfold(x) and y = W u + b: dx = fold(Wᵀ dy), dW = dy uᵀ, and db is the sum of dy."""
    plan = make_plan(input, weight, stride, padding)
    plan.unfold(input)
    return convolve_backward(grad_output, weight, plan)


@checked(check_window, name="conv2d")
def make_plan(
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    stride: int | Pair,
    padding: int | Pair,
) -> Plan:
    """The memory of a convolution of arrays of these shapes."""
    return Plan(input.shape, weight.shape, as_pair(stride), as_pair(padding), input.dtype)


@checked(name="conv2d")
def convolve(
    input: Float[ndarray, "N C H W"],
    weight: Float[ndarray, "out C kH kW"],
    bias: Float[ndarray, " out"] | None,
    plan: Plan,
) -> Float[ndarray, "N out Ho Wo"]:
    """`conv2d` in the memory of a plan, which keeps u = unfold(x) for the backward."""
    output = np.matmul(plan.flat(weight, bias), plan.unfold(input), order="C")  # (Ho, Wo, out, N)
    return from_memory(output)


@checked(check_planned, name="conv2d_backward")
def convolve_backward(
    grad_output: Float[ndarray, "N out Ho Wo"],
    weight: Float[ndarray, "out C kH kW"],
    plan: Plan,
    needs_input_grad: bool = True,
) -> tuple[Float[ndarray, "N C H W"] | None, Float[ndarray, "out C kH kW"], Float[ndarray, " out"]]:
    """`conv2d_backward` from the plan's u; None in the place of dx if it is not needed."""
    grad = np.ascontiguousarray(to_memory(grad_output))  # (Ho, Wo, out, N)
    grad_input = plan.fold(grad, weight) if needs_input_grad else None
    grad_weight, grad_bias = plan.unflat(plan.sum_of_products(grad))
    return grad_input, grad_weight, grad_bias


@checked(check_window)
def avg_pool2d(
    input: Float[ndarray, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[ndarray, "N C Ho Wo"]:
    """The mean over the window at each of its positions, side by side without a `stride`."""
    kernel, (sH, sW) = as_pair(kernel_size), as_pair(stride or kernel_size)
    images = np.ascontiguousarray(to_memory(input))  # (H, W, C, N)
    if kernel == images.shape[:2]:  # the mean of all pixels
        pixels = images.reshape(kernel[0] * kernel[1], -1)
        mean = fast.sum_over_batch(pixels, 1 / len(pixels))
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
