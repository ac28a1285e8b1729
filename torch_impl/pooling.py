"""Average and max pooling in PyTorch, and their backwards."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torch_impl.autograd import autograd

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]

Pair = tuple[int, int]


def avg_pool2d(
    input: Float[Tensor, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[Tensor, "N C Ho Wo"]:
    """The mean of the numbers under the window at each position."""
    return F.avg_pool2d(input, kernel_size, stride)


def avg_pool2d_backward(
    grad_output: Float[Tensor, "N C Ho Wo"],
    input: Float[Tensor, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[Tensor, "N C H W"]:
    """The gradient of the images, by autograd."""
    (grad_input,) = autograd(lambda x: avg_pool2d(x, kernel_size, stride), grad_output, input)
    return grad_input


def max_pool2d(
    input: Float[Tensor, "N C H W"], kernel_size: int | Pair, stride: int | Pair | None = None
) -> Float[Tensor, "N C Ho Wo"]:
    """The largest number under the window at each position."""
    return F.max_pool2d(input, kernel_size, stride)


def max_pool2d_backward(
    grad_output: Float[Tensor, "N C Ho Wo"],
    input: Float[Tensor, "N C H W"],
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
) -> Float[Tensor, "N C H W"]:
    """The gradient of the images, by autograd."""
    (grad_input,) = autograd(lambda x: max_pool2d(x, kernel_size, stride), grad_output, input)
    return grad_input
