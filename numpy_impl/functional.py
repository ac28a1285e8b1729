"""The operations by hand: each forward with its backward beside it.

Those that slide a window over images have a file of their own, `convolution.py`.

Argument names and order are those of `torch.nn.functional`. A backward takes `grad_output` first,
then what it needs from the forward (ATen's convention), and returns the gradients in the order of
the differentiable inputs. Every function is pure: nothing that comes in is changed, unless it is
named as `out`.

Any float dtype goes in and the same comes out, in the byte order of the machine; the float arrays
of one call share one dtype. Arrays, and options that choose an axis, a size or a reduction, raise
TypeError (types, dtypes) or ValueError (shapes, values) when they do not fit, which name the
argument, what came and what was expected. What a caller hands over to save time (`columns`,
`log_probabilities`) is taken on trust.

An array without dimensions stays one: `out=np.empty_like(...)` sees to that where NumPy would
return a scalar.
"""

import functools
import math

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from numpy_impl.checks import check_cross_entropy, check_dim, dims, is_float, misfit
from numpy_impl.convolution import avg_pool2d, avg_pool2d_backward, conv2d, conv2d_backward
from numpy_impl.normalization import batch_norm, batch_norm_backward, dropout, dropout_backward
from numpy_impl.pooling import max_pool2d, max_pool2d_backward
from numpy_impl.steps import adamw_step, momentum_step, rmsprop_step

__all__ = [
    "linear",
    "linear_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
    "relu",
    "relu_backward",
    "softmax",
    "softmax_backward",
    "log_softmax",
    "log_softmax_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "conv2d",
    "conv2d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "dropout",
    "dropout_backward",
    "sgd_step",
    "momentum_step",
    "rmsprop_step",
    "adam_step",
    "adamw_step",
]


def linear(
    input: Float[ndarray, "N in"],
    weight: Float[ndarray, "out in"],
    bias: Float[ndarray, " out"] | None = None,
) -> Float[ndarray, "N out"]:
    """y = x Wᵀ + b."""
    if not (
        is_float(input, weight, weight if bias is None else bias)
        and input.ndim == weight.ndim == 2
        and input.shape[1] == weight.shape[1]
        and (bias is None or bias.shape == weight.shape[:1])
    ):
        raise misfit(
            "linear", input=(input, "N in"), weight=(weight, "out in"), bias=(bias, "out?")
        )
    output = np.empty((len(input), len(weight)), input.dtype)
    for rows in blocks(input, weight):
        np.matmul(input[rows], weight.T, out=output[rows])
    if bias is not None:
        output += bias
    return output


def linear_backward(
    grad_output: Float[ndarray, "N out"],
    input: Float[ndarray, "N in"],
    weight: Float[ndarray, "out in"],
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[
    Float[ndarray, "N in"] | None, Float[ndarray, "out in"] | None, Float[ndarray, " out"] | None
]:
    """dx = dy W, dW = dyᵀ x, and db is dy summed over the batch.

    `output_mask` (ATen's name) says which of the three are wanted; None stands for the others.
    """
    if not (
        is_float(grad_output, input, weight)
        and grad_output.ndim == 2
        and weight.shape == (grad_output.shape[1], *input.shape[1:])
        and len(input) == len(grad_output)
    ):
        raise misfit(
            "linear_backward",
            grad_output=(grad_output, "N out"),
            input=(input, "N in"),
            weight=(weight, "out in"),
        )
    grad_input = grad_weight = grad_bias = None
    if output_mask[0]:
        grad_input = grad_output @ weight  # (N, in)
    if output_mask[1]:
        products = (  # (out, in) each, in the memory order of the weight
            np.matmul(grad_output[rows].T, input[rows], out=np.empty_like(weight))
            for rows in blocks(input, weight)
        )
        grad_weight = functools.reduce(np.add, products)
    if output_mask[2]:
        grad_bias = grad_output.sum(axis=0)  # (out,)
    return grad_input, grad_weight, grad_bias


def blocks(input: Float[ndarray, "N in"], weight: Float[ndarray, "out in"]) -> list[slice]:
    """The rows of `input` in the portions in which they are best multiplied by `weight`.

    With few outputs the packing of the factors costs OpenBLAS as much as the product itself. On
    AVX-512 it skips that for products of up to 10⁶ multiplications, and a batch of MNIST is
    multiplied in such portions twice as fast as whole. On AVX2 both take the same time.
    """
    size = 10**6 // max(1, weight.size) // 32 * 32  # rows; a multiple of what kernels take
    if size < 64 or len(input) * weight.size <= 10**6:
        return [slice(None)]
    return [slice(start, start + size) for start in range(0, len(input), size)]


def sigmoid(input: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """y = 1 / (1 + exp(-x))."""
    if not is_float(input):
        raise misfit("sigmoid", input=(input, "..."))
    output = np.negative(input, out=np.empty_like(input))
    with np.errstate(over="ignore"):  # 1 / (1 + inf) = 0 is right
        np.exp(output, out=output)
    output += 1
    return np.reciprocal(output, out=output)


def sigmoid_backward(
    grad_output: Float[ndarray, "*shape"], output: Float[ndarray, "*shape"]
) -> Float[ndarray, "*shape"]:
    """dx = dy y (1 - y)."""
    if not (is_float(grad_output, output) and grad_output.shape == output.shape):
        raise misfit(
            "sigmoid_backward", output=(output, "..."), grad_output=(grad_output, dims(output))
        )
    grad_input = np.subtract(1, output, out=np.empty_like(output))
    grad_input *= output
    grad_input *= grad_output
    return grad_input


def tanh(input: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    if not is_float(input):
        raise misfit("tanh", input=(input, "..."))
    return np.tanh(input, out=np.empty_like(input))


def tanh_backward(
    grad_output: Float[ndarray, "*shape"], output: Float[ndarray, "*shape"]
) -> Float[ndarray, "*shape"]:
    """dx = dy (1 - y²)."""
    if not (is_float(grad_output, output) and grad_output.shape == output.shape):
        raise misfit(
            "tanh_backward", output=(output, "..."), grad_output=(grad_output, dims(output))
        )
    return np.multiply(grad_output, 1 - output * output, out=np.empty_like(output))


def relu(input: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """y = max(x, 0)."""
    if not is_float(input):
        raise misfit("relu", input=(input, "..."))
    # NumPy compares with an array of zeros four times as fast as with the number.
    output = np.zeros_like(input)
    return np.maximum(input, output, out=output)


def relu_backward(
    grad_output: Float[ndarray, "*shape"], output: Float[ndarray, "*shape"]
) -> Float[ndarray, "*shape"]:
    """dx = dy where y > 0, else 0: at the kink the gradient is 0, as in PyTorch.

    It is dy times 1 or 0, so that of an infinite dy NaN is left where PyTorch has 0: np.where would
    have 0, too, and take twenty times as long.
    """
    if not (is_float(grad_output, output) and grad_output.shape == output.shape):
        raise misfit(
            "relu_backward", output=(output, "..."), grad_output=(grad_output, dims(output))
        )
    return np.multiply(grad_output, output > 0, out=np.empty_like(output))


def below_maximum(input: Float[ndarray, "*shape"], dim: int) -> Float[ndarray, "*axes"]:
    """x minus its maximum along `dim`, so that no exp overflows, as a copy with that axis first.

    With the classes outermost in memory a sum over them adds long rows to each other. With the
    classes innermost NumPy would add ten numbers at a time, for (1024, 10) six times as slowly.
    """
    output = input.swapaxes(0, dim).copy()
    output -= output.max(axis=0, initial=-np.inf)  # an empty axis has no maximum of its own
    return output


def softmax(input: Float[ndarray, "*shape"], dim: int = -1) -> Float[ndarray, "*shape"]:
    """y_i = exp(x_i) / Σ_j exp(x_j) along `dim`; a constant added to x changes nothing."""
    check_dim("softmax", input, dim)
    output = below_maximum(input, dim)
    np.exp(output, out=output)
    output /= output.sum(axis=0)
    return output.swapaxes(0, dim)


def softmax_backward(
    grad_output: Float[ndarray, "*shape"], output: Float[ndarray, "*shape"], dim: int = -1
) -> Float[ndarray, "*shape"]:
    """dx_i = y_i (dy_i - Σ_j dy_j y_j)."""
    if not (is_float(grad_output, output) and grad_output.shape == output.shape):
        raise misfit(
            "softmax_backward", output=(output, "..."), grad_output=(grad_output, dims(output))
        )
    check_dim("softmax_backward", output, dim)
    grad_input = grad_output - (grad_output * output).sum(axis=dim, keepdims=True)
    grad_input *= output
    return grad_input


def log_softmax(input: Float[ndarray, "*shape"], dim: int = -1) -> Float[ndarray, "*shape"]:
    """y_i = x_i - log Σ_j exp(x_j) along `dim`; a constant added to x changes nothing."""
    check_dim("log_softmax", input, dim)
    output = below_maximum(input, dim)
    output -= np.log(np.exp(output).sum(axis=0))
    return output.swapaxes(0, dim)


def log_softmax_backward(
    grad_output: Float[ndarray, "*shape"], output: Float[ndarray, "*shape"], dim: int = -1
) -> Float[ndarray, "*shape"]:
    """dx_i = dy_i - softmax(x)_i Σ_j dy_j, where softmax(x) = exp(y)."""
    if not (is_float(grad_output, output) and grad_output.shape == output.shape):
        raise misfit(
            "log_softmax_backward", output=(output, "..."), grad_output=(grad_output, dims(output))
        )
    check_dim("log_softmax_backward", output, dim)
    return grad_output - np.exp(output) * grad_output.sum(axis=dim, keepdims=True)


def cross_entropy(
    input: Float[ndarray, "N C"],
    target: Integer[ndarray, " N"],
    reduction: str = "mean",
    *,
    log_probabilities: Float[ndarray, "N C"] | None = None,
) -> Float[ndarray, "*reduced"]:
    """-log softmax(x)[target] of each row: their mean, their sum, or for "none" all (N,) of them.

    `input` holds logits, `target` class indices in 0..C-1. A caller that has log_softmax(x)
    already hands it over as `log_probabilities`.
    """
    check_cross_entropy("cross_entropy", input, target, reduction)
    if log_probabilities is None:
        log_probabilities = log_softmax(input)
    chosen = log_probabilities[np.arange(len(target)), target]  # (N,)
    if reduction == "none":
        return -chosen
    # Float16 counts no further than 65,504.
    total = -chosen.sum(dtype=np.promote_types(chosen.dtype, np.float32))
    return np.asarray(total / len(target) if reduction == "mean" else total, chosen.dtype)


def cross_entropy_backward(
    grad_output: Float[ndarray, "*reduced"] | float,
    input: Float[ndarray, "N C"],
    target: Integer[ndarray, " N"],
    reduction: str = "mean",
    *,
    log_probabilities: Float[ndarray, "N C"] | None = None,
) -> Float[ndarray, "N C"]:
    """dx = dy (softmax(x) - onehot(target)), divided by N where the loss is the mean.

    `grad_output` has the shape of the loss: () or, for reduction "none", (N,). A caller that kept
    log_softmax(x) from the forward hands it over as `log_probabilities`; input and target were
    checked there.
    """
    if log_probabilities is None:
        check_cross_entropy("cross_entropy_backward", input, target, reduction)
        log_probabilities = log_softmax(input)
    grad_output = np.asarray(grad_output, dtype=input.dtype)
    if grad_output.shape != ((len(target),) if reduction == "none" else ()):
        raise misfit(
            "cross_entropy_backward",
            input=(input, "N C"),
            grad_output=(grad_output, "N" if reduction == "none" else ""),
        )
    grad_input = np.exp(log_probabilities)
    grad_input[np.arange(len(target)), target] -= 1
    grad_input *= grad_output / len(target) if reduction == "mean" else grad_output[..., None]
    return grad_input


def sgd_step(
    param: Float[ndarray, "*shape"],
    grad: Float[ndarray, "*shape"],
    lr: float,
    weight_decay: float = 0.0,
    *,
    out: Float[ndarray, "*shape"] | None = None,
) -> Float[ndarray, "*shape"]:
    """p - lr (g + λ p): a step of stochastic gradient descent with L2.

    The result is a new array, or lies in `out`, which may be `param` itself.
    """
    if not (is_float(param, grad) and param.shape == grad.shape):
        raise misfit("sgd_step", param=(param, "..."), grad=(grad, dims(param)))
    if weight_decay:
        grad = grad + float(weight_decay) * param
    return np.subtract(param, float(lr) * grad, out=out)


def adam_step(
    param: Float[ndarray, "*shape"],
    grad: Float[ndarray, "*shape"],
    exp_avg: Float[ndarray, "*shape"],
    exp_avg_sq: Float[ndarray, "*shape"],
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    *,
    out: tuple[ndarray | None, ndarray | None, ndarray | None] = (None, None, None),
) -> tuple[Float[ndarray, "*shape"], Float[ndarray, "*shape"], Float[ndarray, "*shape"]]:
    """p - lr m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ); `step` t counts from 1.

    Returns the parameter and the running means m of the gradient and v of its square: new arrays,
    or those of `out`, which may be `param`, `exp_avg` and `exp_avg_sq` themselves.
    """
    if not (
        is_float(param, grad, exp_avg, exp_avg_sq)
        and param.shape == grad.shape == exp_avg.shape == exp_avg_sq.shape
    ):
        raise misfit(
            "adam_step",
            param=(param, "..."),
            grad=(grad, dims(param)),
            exp_avg=(exp_avg, dims(param)),
            exp_avg_sq=(exp_avg_sq, dims(param)),
        )
    if not isinstance(step, int | np.integer) or step < 1:
        raise ValueError(f"adam_step: step is {step!r}, expected a count from 1")
    lr, eps, (beta1, beta2) = float(lr), float(eps), map(float, betas)
    if weight_decay:
        grad = grad + float(weight_decay) * param
    exp_avg = np.multiply(exp_avg, beta1, out=out[1])
    exp_avg += (1 - beta1) * grad
    exp_avg_sq = np.multiply(exp_avg_sq, beta2, out=out[2])
    exp_avg_sq += (1 - beta2) * grad * grad
    # √v̂ + ε = (√v + ε r) / r, so that r = √(1 - β₂ᵗ) costs no pass of its own over the array.
    root = math.sqrt(1 - beta2**step)
    update = np.sqrt(exp_avg_sq)
    update += eps * root
    np.divide(exp_avg, update, out=update)
    update *= lr * root / (1 - beta1**step)
    return np.subtract(param, update, out=out[0]), exp_avg, exp_avg_sq
