"""Batch normalization and dropout in PyTorch, and their backwards."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torch_impl.autograd import autograd

__all__ = ["batch_norm", "batch_norm_backward", "dropout", "dropout_backward"]

Features = Float[Tensor, " C"]


def batch_norm(
    input: Float[Tensor, "N C *size"],
    running_mean: Features,
    running_var: Features,
    weight: Features,
    bias: Features,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Float[Tensor, "N C *size"], Features, Features]:
    """(output, running_mean, running_var), the running ones as new tensors."""
    mean, var = running_mean.clone(), running_var.clone()  # PyTorch changes them in place
    output = F.batch_norm(input, mean, var, weight, bias, training, momentum, eps)
    return output, mean, var


def batch_norm_backward(
    grad_output: Float[Tensor, "N C *size"],
    input: Float[Tensor, "N C *size"],
    weight: Features,
    running_mean: Features,
    running_var: Features,
    training: bool = False,
    eps: float = 1e-5,
) -> tuple[Tensor, ...]:
    """The gradients of input (N, C, ...), weight (C,) and bias (C,), by autograd."""

    def output(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return batch_norm(x, running_mean, running_var, w, b, training, eps=eps)[0]

    return autograd(output, grad_output, input, weight, torch.zeros_like(weight))


def dropout(
    input: Float[Tensor, "*shape"], mask: Float[Tensor, "*shape"], p: float = 0.5
) -> Float[Tensor, "*shape"]:
    """x m / (1 - p), where the mask m is 0 with probability p, else 1."""
    return torch.ops.aten.native_dropout_backward(input, mask, 1 / (1 - p))


def dropout_backward(
    grad_output: Float[Tensor, "*shape"], mask: Float[Tensor, "*shape"], p: float = 0.5
) -> Float[Tensor, "*shape"]:
    """dy m / (1 - p), by the kernel that PyTorch's own dropout goes back with."""
    return torch.ops.aten.native_dropout_backward(grad_output, mask, 1 / (1 - p))
