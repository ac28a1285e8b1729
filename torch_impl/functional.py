"""The operations in PyTorch: its own forwards, and its own backwards under the contract's names.

PyTorch never asks for a backward by name; here each stands beside its forward, so that the two
implementations can be compared call by call. A backward runs ATen's kernel where it has one of the
same arguments, else autograd.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch.nn.functional import relu

from torch_impl.autograd import autograd
from torch_impl.convolution import conv2d, conv2d_backward
from torch_impl.normalization import batch_norm, batch_norm_backward, dropout, dropout_backward
from torch_impl.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from torch_impl.steps import adam_step, adamw_step, momentum_step, rmsprop_step, sgd_step

__all__ = [
    "linear", "linear_backward",
    "sigmoid", "sigmoid_backward",
    "tanh", "tanh_backward",
    "relu", "relu_backward",
    "softmax", "softmax_backward",
    "log_softmax", "log_softmax_backward",
    "cross_entropy", "cross_entropy_backward",
    "conv2d", "conv2d_backward",
    "avg_pool2d", "avg_pool2d_backward",
    "max_pool2d", "max_pool2d_backward",
    "batch_norm", "batch_norm_backward",
    "dropout", "dropout_backward",
    "sgd_step", "momentum_step", "rmsprop_step", "adam_step", "adamw_step",
]  # fmt: skip

aten = torch.ops.aten


def linear(
    input: Float[Tensor, "N in"],
    weight: Float[Tensor, "out in"],
    bias: Float[Tensor, " out"] | None = None,
) -> Float[Tensor, "N out"]:
    """y = x Wᵀ + b."""
    return F.linear(input, weight, bias)


def linear_backward(
    grad_output: Float[Tensor, "N out"],
    input: Float[Tensor, "N in"],
    weight: Float[Tensor, "out in"],
) -> tuple[Tensor, ...]:
    """The gradients of input (N, in), weight (out, in) and bias (out,), by autograd."""
    bias = weight.new_zeros(len(weight))
    return autograd(linear, grad_output, input, weight, bias)


def sigmoid(input: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """y = 1 / (1 + exp(-x))."""
    return torch.sigmoid(input)


def sigmoid_backward(
    grad_output: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """dx = dy y (1 - y)."""
    return aten.sigmoid_backward(grad_output, output)


def tanh(input: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return torch.tanh(input)


def tanh_backward(
    grad_output: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """dx = dy (1 - y²)."""
    return aten.tanh_backward(grad_output, output)


def relu_backward(
    grad_output: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """dx = dy, but 0 where y <= 0."""
    return aten.threshold_backward(grad_output, output, 0)


def softmax(input: Float[Tensor, "*shape"], dim: int = -1) -> Float[Tensor, "*shape"]:
    """y_i = exp(x_i) / Σ_j exp(x_j) along `dim`."""
    return F.softmax(input, dim)


def softmax_backward(
    grad_output: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"], dim: int = -1
) -> Float[Tensor, "*shape"]:
    """dx_i = y_i (dy_i - Σ_j dy_j y_j)."""
    return aten._softmax_backward_data(grad_output, output, dim, output.dtype)


def log_softmax(input: Float[Tensor, "*shape"], dim: int = -1) -> Float[Tensor, "*shape"]:
    """y_i = x_i - log Σ_j exp(x_j) along `dim`."""
    return F.log_softmax(input, dim)


def log_softmax_backward(
    grad_output: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"], dim: int = -1
) -> Float[Tensor, "*shape"]:
    """dx_i = dy_i - softmax(x)_i Σ_j dy_j, where softmax(x) = exp(y)."""
    return aten._log_softmax_backward_data(grad_output, output, dim, output.dtype)


def cross_entropy(
    input: Float[Tensor, "N C"], target: Int[Tensor, " N"], reduction: str = "mean"
) -> Float[Tensor, "*reduced"]:
    """-log softmax(x)[target] of each row: their mean, their sum, or for "none" all of them."""
    return F.cross_entropy(input, target, reduction=reduction)


def cross_entropy_backward(
    grad_output: Float[Tensor, "*reduced"],
    input: Float[Tensor, "N C"],
    target: Int[Tensor, " N"],
    reduction: str = "mean",
) -> Float[Tensor, "N C"]:
    """The gradient of the logits, by autograd."""
    (grad_input,) = autograd(
        lambda logits: cross_entropy(logits, target, reduction), grad_output, input
    )
    return grad_input
