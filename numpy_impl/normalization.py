"""Batch normalization and dropout by hand: each forward with its backward beside it.

The input is (N, C, ...): rows of C features, or images of C channels. Means are taken over all axes
but that of C; M is how many numbers each is a mean of.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from numpy_impl import fast
from numpy_impl.checks import checked

__all__ = ["batch_norm", "batch_norm_backward", "dropout", "dropout_backward"]

Features = Float[ndarray, " C"]


def check_several(function: str, input: ndarray, training: bool) -> None:
    """Raise ValueError if there is one number of each channel, which has no variance."""
    if training and count(input) < 2:
        raise ValueError(
            f"{function}: input has shape {input.shape}, expected at least two numbers of each "
            "channel in training"
        )


@checked(check_several)
def batch_norm(
    input: Float[ndarray, "N C *size"],
    running_mean: Features,
    running_var: Features,
    weight: Features,
    bias: Features,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Float[ndarray, "N C *size"], Features, Features]:
    """y = γ x̂ + β, with x̂ = (x - μ) / √(σ² + ε) of each channel.

    In training μ and σ² are the mean and the variance of the batch, and the running ones move
    towards them by `momentum`, as in PyTorch towards σ² M / (M - 1). Else they are the running
    ones. Returns y and the new running mean and variance.
    """
    mean, var = running_mean, running_var
    if training:
        mean, var = moments(input)
        unbiased = var * (count(input) / (count(input) - 1))
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * unbiased
    normalized = (input - per_channel(mean, input)) / np.sqrt(per_channel(var, input) + eps)
    output = per_channel(weight, input) * normalized + per_channel(bias, input)
    return output, running_mean, running_var


@checked(check_several)
def batch_norm_backward(
    grad_output: Float[ndarray, "N C *size"],
    input: Float[ndarray, "N C *size"],
    weight: Features,
    running_mean: Features,
    running_var: Features,
    training: bool = False,
    eps: float = 1e-5,
) -> tuple[Float[ndarray, "N C *size"], Features, Features]:
    """dγ = Σ dy x̂, dβ = Σ dy, and dx = γ / √(σ² + ε) (dy - (dβ + x̂ dγ) / M).

    Without training the mean and the variance do not depend on x, and the fraction by M is absent.
    """
    mean, var = moments(input) if training else (running_mean, running_var)
    deviation = np.sqrt(per_channel(var, input) + eps)
    normalized = (input - per_channel(mean, input)) / deviation
    grad_weight = fast.total(grad_output * normalized, axis=axes_but_channels(input))
    grad_bias = fast.total(grad_output, axis=axes_but_channels(input))
    grad_input = grad_output
    if training:
        shared = per_channel(grad_bias, input) + normalized * per_channel(grad_weight, input)
        grad_input = grad_output - shared / count(input)
    return per_channel(weight, input) / deviation * grad_input, grad_weight, grad_bias


def moments(input: Float[ndarray, "N C *size"]) -> tuple[Features, Features]:
    """The mean and the variance of each channel."""
    axes = axes_but_channels(input)
    var = input.var(axis=axes, dtype=np.promote_types(input.dtype, np.float32))
    return input.mean(axis=axes), var.astype(input.dtype)


def axes_but_channels(input: Float[ndarray, "N C *size"]) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, input.ndim))


def count(input: Float[ndarray, "N C *size"]) -> int:
    """How many numbers of each channel there are."""
    return input.size // input.shape[1]


def per_channel(values: Features, input: Float[ndarray, "N C *size"]) -> Float[ndarray, "C ..."]:
    """The values (C,) in a shape that broadcasts against `input`."""
    return values.reshape(-1, *[1] * (input.ndim - 2))


def check_share(function: str, p: float) -> None:
    """Raise ValueError if nothing is left."""
    if p >= 1:
        raise ValueError(f"{function}: p is {p}, expected a number in [0, 1)")


@checked(check_share)
def dropout(
    input: Float[ndarray, "*shape"], mask: Float[ndarray, "*shape"], p: float = 0.5
) -> Float[ndarray, "*shape"]:
    """y = x m / (1 - p), where the mask m is 0 with probability p, else 1.

    PyTorch draws the mask; here it is given, so that both sides have the same.
    """
    return input * mask / (1 - p)


@checked(check_share)
def dropout_backward(
    grad_output: Float[ndarray, "*shape"], mask: Float[ndarray, "*shape"], p: float = 0.5
) -> Float[ndarray, "*shape"]:
    """dx = dy m / (1 - p)."""
    return grad_output * mask / (1 - p)
