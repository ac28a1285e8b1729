"""Max pooling in PyTorch, and its backward."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["max_pool2d", "max_pool2d_backward"]

Pair = tuple[int, int]


def max_pool2d(
    input: Float[Tensor, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[Tensor, "N C Ho Wo"]:
    """The largest number under the window at each position, side by side without a `stride`."""
    return F.max_pool2d(input, kernel_size, stride)


def max_pool2d_backward(
    grad_output: Float[Tensor, "N C Ho Wo"],
    input: Float[Tensor, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[Tensor, "N C H W"]:
    """The gradient of the images, by autograd."""
    input = input.detach().requires_grad_()
    output = max_pool2d(input, kernel_size, stride)
    (grad_input,) = torch.autograd.grad((output * grad_output).sum(), input)
    return grad_input
