"""The steps of optimizers in PyTorch, each by the optimizer of `torch.optim`."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["sgd_step", "momentum_step", "rmsprop_step", "adam_step", "adamw_step"]

Array = Float[Tensor, "*shape"]


def sgd_step(param: Array, grad: Array, lr: float, weight_decay: float = 0.0) -> Tensor:
    """The parameter after a step of `torch.optim.SGD`."""
    (param,) = one_step(torch.optim.SGD, {"lr": lr, "weight_decay": weight_decay}, param, grad)
    return param


def momentum_step(
    param: Array,
    grad: Array,
    momentum_buffer: Array,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> tuple[Tensor, ...]:
    """(param, momentum_buffer) after a step of `torch.optim.SGD`."""
    options = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    return one_step(torch.optim.SGD, options, param, grad, momentum_buffer=momentum_buffer)


def rmsprop_step(
    param: Array,
    grad: Array,
    square_avg: Array,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Tensor, ...]:
    """(param, square_avg) after a step of `torch.optim.RMSprop`."""
    options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
    return one_step(torch.optim.RMSprop, options, param, grad, step=0.0, square_avg=square_avg)


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
) -> tuple[Tensor, ...]:
    """(param, exp_avg, exp_avg_sq) after step number `step` of `torch.optim.Adam`."""
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    means = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return one_step(torch.optim.Adam, options, param, grad, step=step - 1.0, **means)


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
) -> tuple[Tensor, ...]:
    """(param, exp_avg, exp_avg_sq) after step number `step` of `torch.optim.AdamW`."""
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    means = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return one_step(torch.optim.AdamW, options, param, grad, step=step - 1.0, **means)


def one_step(
    kind: Any, options: dict[str, Any], param: Tensor, grad: Tensor, **state: Tensor | float
) -> tuple[Tensor, ...]:
    """The parameter after a step from this state, and the tensors of the state after it."""
    param = param.detach().clone().requires_grad_()
    param.grad = grad
    optimizer = kind([param], **options)
    optimizer.state[param] = {
        name: value.clone() if isinstance(value, Tensor) else torch.tensor(value)
        for name, value in state.items()
    }
    optimizer.step()
    after = optimizer.state[param]
    return param.detach(), *(after[name] for name in state if name != "step")
