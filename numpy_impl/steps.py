"""Further steps of optimizers by hand, beside `sgd_step` and `adam_step`.

Each returns the new parameter and its new state; nothing that comes in is changed. Names, defaults
and formulas are those of `torch.optim`.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["momentum_step", "rmsprop_step", "adamw_step"]

Array = Float[ndarray, "*shape"]


def momentum_step(
    param: Array,
    grad: Array,
    momentum_buffer: Array,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    """p - lr v, with the velocity v = μ v + g + λ p, which starts at 0.

    Returns the parameter and the velocity, which PyTorch calls `momentum_buffer`.
    """
    lr, momentum, weight_decay = map(float, (lr, momentum, weight_decay))  # they widen no dtype
    velocity = momentum * momentum_buffer + grad + weight_decay * param
    return param - lr * velocity, velocity


def rmsprop_step(
    param: Array,
    grad: Array,
    square_avg: Array,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    """p - lr g / (√v + ε), with v = α v + (1 - α) g², which starts at 0, and g with λ p added.

    Returns the parameter and the running mean v of the squared gradient.
    """
    lr, alpha, eps, weight_decay = map(float, (lr, alpha, eps, weight_decay))
    grad = grad + weight_decay * param
    square_avg = alpha * square_avg + (1 - alpha) * grad * grad
    return param - lr * grad / (np.sqrt(square_avg) + eps), square_avg


def adamw_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> tuple[Array, Array, Array]:
    """(1 - lr λ) p - lr m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).

    Adam whose decay does not pass through the moments; `step` t counts from 1. Returns the
    parameter and the running means m of the gradient and v of its square.
    """
    lr, eps, weight_decay, beta1, beta2 = map(float, (lr, eps, weight_decay, *betas))
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
    mean, square = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
    param = (1 - lr * weight_decay) * param - lr * mean / (np.sqrt(square) + eps)
    return param, exp_avg, exp_avg_sq
