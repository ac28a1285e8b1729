"""Convolution in PyTorch, and its backward."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torch_impl.autograd import autograd

__all__ = ["conv2d", "conv2d_backward"]

Pair = tuple[int, int]


def conv2d(
    input: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "out C kH kW"],
    bias: Float[Tensor, " out"] | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Float[Tensor, "N out Ho Wo"]:
    """y[n, o, h, w] = b[o] + Σ_cij W[o, c, i, j] x[n, c, stride h + i, stride w + j]."""
    return F.conv2d(input, weight, bias, stride, padding)


def conv2d_backward(
    grad_output: Float[Tensor, "N out Ho Wo"],
    input: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "out C kH kW"],
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> tuple[Tensor, ...]:
    """The gradients of input (N, C, H, W), weight (out, C, kH, kW) and bias (out,), by autograd."""
    bias = weight.new_zeros(len(weight))
    return autograd(
        lambda x, w, b: conv2d(x, w, b, stride, padding), grad_output, input, weight, bias
    )
