"""The operations by hand: each forward with its backward beside it.

Those that slide a window over images, normalize, or take a step of an optimizer have files of
their own.

Argument names and order are those of `torch.nn.functional`. A backward takes `grad_output` first,
then what it needs from the forward (ATen's convention), and returns the gradients in the order of
the differentiable inputs. Every function is pure: nothing that comes in is changed.

Any float dtype goes in and the same comes out, in the byte order of the machine; the float arrays
of one call share one dtype. An array without dimensions stays one. Arguments that do not fit raise
TypeError (types, dtypes) or ValueError (shapes, values) with a line that names the argument:
`checked` compiles that from the annotations. Code that is written for speed is in `fast.py`.
"""

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from numpy_impl import fast
from numpy_impl.checks import check_dim, check_grad_loss, check_target, checked
from numpy_impl.convolution import conv2d, conv2d_backward
from numpy_impl.normalization import batch_norm, batch_norm_backward, dropout, dropout_backward
from numpy_impl.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from numpy_impl.steps import adam_step, adamw_step, momentum_step, rmsprop_step, sgd_step

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

Same = Float[ndarray, "*shape"]  # any shape, the same throughout a call


@checked()
def linear(
    input: Float[ndarray, "N in"],
    weight: Float[ndarray, "out in"],
    bias: Float[ndarray, " out"] | None = None,
) -> Float[ndarray, "N out"]:
    """y = x Wᵀ + b."""
    output = fast.matmul(input, weight)
    if bias is not None:
        output += bias
    return output


@checked()
def linear_backward(
    grad_output: Float[ndarray, "N out"],
    input: Float[ndarray, "N in"],
    weight: Float[ndarray, "out in"],
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[ndarray | None, ndarray | None, ndarray | None]:
    """dx = dy W (N, in), dW = dyᵀ x (out, in), and db (out,) is dy summed over the batch.

    `output_mask` (ATen's name) says which of the three are wanted; None stands for the others.
    """
    grad_input = grad_output @ weight if output_mask[0] else None
    grad_weight = fast.matmul_weight(grad_output, input, weight) if output_mask[1] else None
    grad_bias = fast.sum_of_rows(grad_output) if output_mask[2] else None
    return grad_input, grad_weight, grad_bias


@checked()
def sigmoid(input: Same) -> Same:
    """y = 1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):  # 1 / (1 + inf) = 0 is right
        return 1 / (1 + np.exp(-input))


@checked()
def sigmoid_backward(grad_output: Same, output: Same) -> Same:
    """dx = dy y (1 - y)."""
    return grad_output * (output * (1 - output))


@checked()
def tanh(input: Same) -> Same:
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return np.tanh(input)


@checked()
def tanh_backward(grad_output: Same, output: Same) -> Same:
    """dx = dy (1 - y²)."""
    return grad_output * (1 - output * output)


@checked()
def relu(input: Same, *, out: ndarray | None = None) -> Same:
    """y = max(x, 0), as a new array or in `out`, which may be `input` itself."""
    return fast.positive_part(input, out)


@checked()
def relu_backward(grad_output: Same, output: Same, *, out: ndarray | None = None) -> Same:
    """dx = dy, but 0 where y <= 0: at the kink the gradient is 0, as in PyTorch.

    It is a new array, or lies in `out`, which may be `grad_output` itself. An infinite dy becomes
    NaN there, and 0 in PyTorch: np.where takes ten times as long.
    """
    return np.multiply(grad_output, ~(output <= 0), out=out)


@checked(check_dim)
def softmax(input: Same, dim: int = -1) -> Same:
    """y_i = exp(x_i) / Σ_j exp(x_j) along `dim`; a constant added to x changes nothing."""
    exp = np.exp(fast.shifted(input, dim))
    return (exp / fast.total(exp, axis=0)).swapaxes(0, dim)


@checked(check_dim)
def softmax_backward(grad_output: Same, output: Same, dim: int = -1) -> Same:
    """dx_i = y_i (dy_i - Σ_j dy_j y_j)."""
    return output * (grad_output - fast.total(grad_output * output, axis=dim, keepdims=True))


@checked(check_dim)
def log_softmax(input: Same, dim: int = -1) -> Same:
    """y_i = x_i - log Σ_j exp(x_j) along `dim`; a constant added to x changes nothing."""
    output = fast.shifted(input, dim)
    output -= np.log(fast.total(np.exp(output), axis=0))
    return output.swapaxes(0, dim)


@checked(check_dim)
def log_softmax_backward(grad_output: Same, output: Same, dim: int = -1) -> Same:
    """dx_i = dy_i - softmax(x)_i Σ_j dy_j, where softmax(x) = exp(y)."""
    return grad_output - np.exp(output) * fast.total(grad_output, axis=dim, keepdims=True)


@checked(check_target)
def cross_entropy(
    input: Float[ndarray, "N C"], target: Integer[ndarray, " N"], reduction: str = "mean"
) -> Float[ndarray, "*reduced"]:
    """-log softmax(x)[target] of each row: their mean, their sum, or for "none" all (N,) of them.

    `input` holds logits, `target` class indices in 0..C-1.
    """
    losses, _ = entropy(input, target)
    return losses if reduction == "none" else reduced(losses, reduction)


@checked(check_target, check_grad_loss)
def cross_entropy_backward(
    grad_output: Float[ndarray, "*reduced"] | float,
    input: Float[ndarray, "N C"],
    target: Integer[ndarray, " N"],
    reduction: str = "mean",
) -> Float[ndarray, "N C"]:
    """dx = dy (softmax(x) - onehot(target)), divided by N where the loss is the mean.

    `grad_output` has the shape of the loss: () or, for reduction "none", (N,).
    """
    grad_output = np.asarray(grad_output, input.dtype)
    _, grad = entropy(input, target)
    return grad * (grad_output / len(target) if reduction == "mean" else grad_output[..., None])


def entropy(
    input: Float[ndarray, "N C"], target: Integer[ndarray, " N"]
) -> tuple[Float[ndarray, " N"], Float[ndarray, "N C"]]:
    """-log softmax(x)[target] of each row and its gradient, softmax(x) - onehot(target)."""
    shifted = fast.shifted(input, 1)  # (C, N)
    exp = np.exp(shifted)
    total = fast.total(exp, axis=0)  # (N,)
    losses = np.log(total) - shifted[target, np.arange(len(target))]
    grad = exp / total - fast.onehot(target, input.shape[1], input.dtype)
    return losses, grad.T


def reduced(losses: Float[ndarray, " N"], reduction: str = "mean") -> Float[ndarray, ""]:
    """Their mean or their sum."""
    return fast.sum_of_rows(losses, 1 / len(losses) if reduction == "mean" else 1.0)
