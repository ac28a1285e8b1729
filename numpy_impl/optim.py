"""Optimizers by hand, with PyTorch's conventions to the letter."""

from collections.abc import Iterable

import numpy as np
from numpy import ndarray

from numpy_impl import functional as F
from numpy_impl.checks import check_fractions, check_non_negative
from numpy_impl.joined import Joined
from numpy_impl.nn import Parameter

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer:
    """What optimizers share: the parameters, and how their gradients are forgotten."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters is empty, expected at least one")

    def zero_grad(self) -> None:
        """Forget all gradients: a backward adds to what is there."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update each parameter that has a gradient, in place."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with L2, momentum, dampening and Nesterov's look-ahead.

    With g ← g + λ p (biases too) and v ← μ v + (1 - dampening) g, where v is g itself at the first
    step, the update is p ← p - lr v, or with Nesterov p ← p - lr (g + μ v):
    https://pytorch.org/docs/stable/generated/torch.optim.SGD.html

    Raises ValueError for an option that is out of range, TypeError for one that is no number.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters)
        self.lr = check_non_negative("lr", lr)
        self.momentum = check_non_negative("momentum", momentum)
        self.dampening = check_non_negative("dampening", dampening)
        self.weight_decay = check_non_negative("weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs a momentum above 0 and no dampening, got momentum {momentum} and "
                f"dampening {dampening}"
            )
        self.velocities: list[ndarray | None] = [None] * len(self.parameters)

    def step(self) -> None:
        for index, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            data, grad = parameter.data, parameter.grad
            if self.momentum == 0:
                F.sgd_step(data, grad, self.lr, self.weight_decay, out=data)
                continue
            grad = grad + self.weight_decay * data
            velocity = self.velocities[index]
            if velocity is None:
                velocity = grad
            else:
                velocity = self.momentum * velocity + (1 - self.dampening) * grad
            self.velocities[index] = velocity
            direction = np.asarray(grad + self.momentum * velocity if self.nesterov else velocity)
            F.sgd_step(data, direction, self.lr, out=data)


class Adam(Optimizer):
    """Adam with L2 coupled into the gradient (AdamW decouples it).

    Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980, algorithm 1; the step counts from 1.
    The arrays of the parameters are laid end to end: each `.data` is another array afterwards.

    Raises ValueError for an option that is out of range, TypeError for one that is no number.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        self.lr = check_non_negative("lr", lr)
        self.betas = check_fractions("betas", betas)
        self.eps = check_non_negative("eps", eps)
        self.weight_decay = check_non_negative("weight_decay", weight_decay)
        self.steps = [0] * len(self.parameters)
        self.joined = Joined(self.parameters, moments=2)
        self.exp_avgs, self.exp_avg_sqs = map(list, self.joined.moments)

    def step(self) -> None:
        for index, parameter in enumerate(self.parameters):
            self.steps[index] += parameter.grad is not None
        options = self.lr, self.betas, self.eps, self.weight_decay
        updates = self.joined.updates(self.steps, self.exp_avgs, self.exp_avg_sqs)
        for step, data, grad, exp_avg, exp_avg_sq in updates:
            out = data, exp_avg, exp_avg_sq
            F.adam_step(data, grad, exp_avg, exp_avg_sq, step, *options, out=out)
