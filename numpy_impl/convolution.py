"""Convolution by hand: the forward with its backward beside it.

Images are (N, C, H, W). Arrays of any strides come in; how they lie in memory best is in `plan.py`.
There are also unfold, which lays what the window sees at each position into a column (im2col), and
its transpose fold, which adds the columns up again (col2im).

In the shapes below the window is kH x kW, and the output is Ho x Wo, the number of positions of the
window along each axis of an image of H x W.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from numpy_impl.checks import Pair, as_pair, check_planned, check_window, checked
from numpy_impl.plan import Plan, from_memory, to_memory

__all__ = ["conv2d", "conv2d_backward"]


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
