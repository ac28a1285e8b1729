"""The steps of optimizers by hand.

Each returns the new parameter and its new state; nothing that comes in is changed. Names, defaults
and formulas are those of `torch.optim`.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from numpy_impl import fast
from numpy_impl.checks import check_step, checked

__all__ = ["sgd_step", "momentum_step", "rmsprop_step", "adam_step", "adamw_step"]

Array = Float[ndarray, "*shape"]


@checked()
def sgd_step(
    param: Array, grad: Array, lr: float, weight_decay: float = 0.0, *, out: ndarray | None = None
) -> Array:
    """p - lr (g + λ p): a step of stochastic gradient descent with L2.

    The result is a new array, or lies in `out`, which may be `param` itself.
    """
    if weight_decay:
        grad = grad + weight_decay * param
    return np.subtract(param, lr * grad, out=out)


@checked()
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
    if weight_decay:
        grad = grad + weight_decay * param
    velocity = momentum * momentum_buffer + grad
    return param - lr * velocity, velocity


@checked()
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
    if weight_decay:
        grad = grad + weight_decay * param
    square_avg = alpha * square_avg + (1 - alpha) * grad * grad
    return param - lr * grad / (np.sqrt(square_avg) + eps), square_avg


@checked(check_step)
def adam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    *,
    out: tuple[ndarray | None, ndarray | None, ndarray | None] = (None, None, None),
) -> tuple[Array, Array, Array]:
    """p - lr m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ); `step` t counts from 1.

    Returns the parameter and the running means m of the gradient and v of its square: new arrays,
    or those of `out`, which may be `param`, `exp_avg` and `exp_avg_sq` themselves.
    """
    beta1, beta2 = betas
    grad = grad + weight_decay * param if weight_decay else grad
    room = np.empty_like(grad)  # for every term in turn
    exp_avg = fast.running_mean(exp_avg, beta1, grad, out=out[1], room=room)
    exp_avg_sq = fast.running_mean(exp_avg_sq, beta2, grad, grad, out=out[2], room=room)
    update = fast.adam_update(exp_avg, exp_avg_sq, step, lr, betas, eps, out=room)
    return np.subtract(param, update, out=out[0]), exp_avg, exp_avg_sq


@checked(check_step)
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
    beta1, beta2 = betas
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
    mean, square = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
    param = (1 - lr * weight_decay) * param - lr * mean / (np.sqrt(square) + eps)
    return param, exp_avg, exp_avg_sq
