"""One training step, operation by operation, with every value and every gradient kept.

The same plan is run twice: by hand, each backward called by its name, and in PyTorch, where
autograd finds the gradients.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import torch_impl.functional

__all__ = [
    "PLANS",
    "Layer",
    "Optimizer",
    "Plan",
    "Step",
    "backward",
    "by_hand",
    "forward",
    "in_torch",
    "with_mistake",
]

Arrays = dict[str, ndarray]


@dataclass(frozen=True)
class Layer:
    """An operation of `functional` under the name that it has in the model."""

    name: str
    operation: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its weight and its bias, if it has any."""
        has_any = self.operation in ("linear", "conv2d")
        return (f"{self.name}.weight", f"{self.name}.bias") if has_any else ()

    def forward(self, functional: Any, input: Any, weights: Mapping[str, Any]) -> Any:
        """The output of either implementation."""
        arguments = (weights[name] for name in self.parameters)
        return getattr(functional, self.operation)(input, *arguments, **self.options)

    def backward(
        self, functional: Any, grad: ndarray, input: ndarray, output: ndarray, weights: Arrays
    ) -> tuple[ndarray, ...]:
        """The gradients of input, weight and bias, by the hand-written backward."""
        backward = getattr(functional, f"{self.operation}_backward")
        if self.parameters:
            grads = backward(grad, input, weights[self.parameters[0]], **self.options)
            return tuple(grads)
        needed = output if self.operation in ("sigmoid", "relu") else input
        return (backward(grad, needed, **self.options),)


@dataclass(frozen=True)
class Plan:
    """The layers of a model in the order of the forward."""

    layers: tuple[Layer, ...]
    images: bool = False  # the input is taken as (N, 1, 28, 28)

    def flow(self) -> Iterator[tuple[str, str, Layer]]:
        """(name of the output, name of the input, layer) of each layer."""
        source = "input"
        for layer in self.layers:
            yield layer.name, source, layer
            source = layer.name

    def shaped(self, input: Any) -> Any:
        """The input as the first layer wants it."""
        return input.reshape(len(input), 1, 28, 28) if self.images else input


CONV = {"stride": 2, "padding": 1}

PLANS = {
    "SoftmaxRegression": Plan((Layer("fc", "linear"),)),
    "FeedForward": Plan(
        (Layer("fc1", "linear"), Layer("sigmoid", "sigmoid"), Layer("fc2", "linear"))
    ),
    "ConvNet": Plan(
        (
            Layer("conv1", "conv2d", CONV),
            Layer("relu1", "relu"),
            Layer("conv2", "conv2d", CONV),
            Layer("relu2", "relu"),
            Layer("conv3", "conv2d", CONV),
            Layer("relu3", "relu"),
            Layer("pool", "avg_pool2d", {"kernel_size": 4}),
        ),
        images=True,
    ),
}


@dataclass(frozen=True)
class Optimizer:
    """The first step of an optimizer; `kind` is "SGD" or "Adam"."""

    kind: str
    lr: float
    weight_decay: float = 0.0

    def step(self, functional: Any, param: Any, grad: Any) -> Any:
        """The new parameter, in either implementation."""
        if self.kind == "SGD":
            return functional.sgd_step(param, grad, self.lr, self.weight_decay)
        moments = param * 0, param * 0
        new, _, _ = functional.adam_step(
            param, grad, *moments, 1, lr=self.lr, weight_decay=self.weight_decay
        )
        return new


@dataclass(frozen=True)
class Step:
    """All numbers of a step, by name: "input", "fc1", "fc1.weight", "loss"."""

    values: Arrays
    grads: Arrays  # of the loss with respect to each of them
    updated: Arrays  # the parameters after the step


def by_hand(
    functional: Any,
    plan: Plan,
    weights: Arrays,
    input: ndarray,
    target: ndarray,
    optimizer: Optimizer,
    loss: str = "cross_entropy",
) -> Step:
    """The step with `functional`, which is `numpy_impl.functional` or has its names.

    `loss` names the function that the loss is made of: "cross_entropy", "log_softmax" or
    "softmax", which are the same but for rounding.
    """
    values = forward(functional, plan, weights, input)
    last = values[plan.layers[-1].name]
    values["loss"], grad = LOSSES[loss](functional, last.reshape(len(last), -1), target)
    grads = backward(functional, plan, values, grad)
    updated = {
        name: optimizer.step(functional, param, grads[name]) for name, param in weights.items()
    }
    return Step(values, grads, updated)


def forward(functional: Any, plan: Plan, weights: Arrays, input: ndarray) -> Arrays:
    """The input, the weights and the output of each layer, by name."""
    values: Arrays = {"input": plan.shaped(input), **weights}
    for name, source, layer in plan.flow():
        values[name] = layer.forward(functional, values[source], weights)
    return values


def backward(functional: Any, plan: Plan, values: Arrays, grad_logits: ndarray) -> Arrays:
    """The gradients of all that `forward` returned, from that of the logits (N, C)."""
    flow = list(plan.flow())
    last = flow[-1][0]
    grads = {last: grad_logits.reshape(values[last].shape)}
    for name, source, layer in reversed(flow):
        grads[source], *of_parameters = layer.backward(
            functional, grads[name], values[source], values[name], values
        )
        grads.update(zip(layer.parameters, of_parameters, strict=True))
    return grads


def from_logits(functional: Any, logits: ndarray, target: ndarray) -> tuple[ndarray, ndarray]:
    """The loss and its gradient by `cross_entropy`."""
    loss = functional.cross_entropy(logits, target)
    return loss, functional.cross_entropy_backward(1.0, logits, target)


def from_log_softmax(functional: Any, logits: ndarray, target: ndarray) -> tuple[ndarray, ndarray]:
    """The loss is minus the mean of the target's log-probability."""
    log_p = functional.log_softmax(logits)
    rows = np.arange(len(target))
    grad = np.zeros_like(log_p)
    grad[rows, target] = -1 / len(target)
    return -log_p[rows, target].mean(), functional.log_softmax_backward(grad, log_p)


def from_softmax(functional: Any, logits: ndarray, target: ndarray) -> tuple[ndarray, ndarray]:
    """The loss is minus the mean logarithm of the target's probability."""
    p = functional.softmax(logits)
    rows = np.arange(len(target))
    grad = np.zeros_like(p)
    grad[rows, target] = -1 / (len(target) * p[rows, target])
    return -np.log(p[rows, target]).mean(), functional.softmax_backward(grad, p)


LOSSES = {
    "cross_entropy": from_logits,
    "log_softmax": from_log_softmax,
    "softmax": from_softmax,
}


def in_torch(
    plan: Plan, weights: Arrays, input: ndarray, target: ndarray, optimizer: Optimizer
) -> Step:
    """The same step with PyTorch's operations and its autograd."""
    functional = torch_impl.functional
    leaf = torch.from_numpy(plan.shaped(input).copy()).requires_grad_()
    parameters = {
        name: torch.from_numpy(array.copy()).requires_grad_() for name, array in weights.items()
    }
    tensors = {"input": leaf, **parameters}
    for name, source, layer in plan.flow():
        x = tensors[name] = layer.forward(functional, tensors[source], parameters)
        x.retain_grad()
    loss = functional.cross_entropy(x.reshape(len(x), -1), torch.from_numpy(target))
    loss.backward()
    grads = {name: tensor.grad for name, tensor in tensors.items() if tensor.grad is not None}
    updated = {
        name: optimizer.step(functional, parameter.detach(), grads[name])
        for name, parameter in parameters.items()
    }
    tensors["loss"] = loss
    return Step(arrays(tensors), arrays(grads), arrays(updated))


def arrays(tensors: Mapping[str, torch.Tensor]) -> Arrays:
    """The tensors as NumPy arrays."""
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def with_mistake(functional: Any, name: str, function: Any) -> Any:
    """The names of `functional`, one of them replaced."""
    return SimpleNamespace(**{**vars(functional), name: function})
