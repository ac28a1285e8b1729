"""The first number of each stage of the 4-3-2 net, written out as one computes it with a pencil."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.web.tape import Optimizer, Step

__all__ = ["lines"]

SOURCE = {"fc1": "input", "sigmoid": "fc1", "fc2": "sigmoid"}  # what flows into each layer
TARGET_OF = {source: name for name, source in SOURCE.items()}


def lines(step: Step, target: ndarray, optimizer: Optimizer, function: str, name: str) -> list[str]:
    """The lines for the stage that calls `function`, whose first tensor is `name`."""
    write = WRITERS.get(function)
    return [] if write is None else write(step, target, optimizer, name)


def linear(step: Step, _target: ndarray, _optimizer: Optimizer, name: str) -> list[str]:
    """A weighted sum of the inputs, plus the bias."""
    input, weight = step.values[SOURCE[name]], step.values[f"{name}.weight"]
    bias, output = step.values[f"{name}.bias"], step.values[name]
    return [
        f"{name}[0, 0] = {products(input[0], weight[0])} + {short(bias[0])} = {long(output[0, 0])}"
    ]


def sigmoid(step: Step, _target: ndarray, _optimizer: Optimizer, name: str) -> list[str]:
    """1 / (1 + exp(-x))."""
    x, y = step.values[SOURCE[name]][0, 0], step.values[name][0, 0]
    return [f"{name}[0, 0] = 1 / (1 + exp(-{short(x)})) = {long(y)}"]


def cross_entropy(step: Step, target: ndarray, _optimizer: Optimizer, _name: str) -> list[str]:
    """The mean of log Σ exp(z) - z[target]."""
    rows = [
        f"log({' + '.join(f'exp({short(z)})' for z in row)}) - {short(row[t])}"
        for row, t in zip(step.values["fc2"], target, strict=True)
    ]
    return [f"loss = [{' + '.join(rows)}] / {len(rows)} = {long(step.values['loss'])}"]


def cross_entropy_backward(
    step: Step, target: ndarray, _optimizer: Optimizer, name: str
) -> list[str]:
    """(softmax - onehot) / N."""
    z, grad = step.values[name][0], step.grads[name]
    p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    exps = " + ".join(f"exp({short(one)})" for one in z)
    hit = int(target[0] == 0)
    return [
        f"softmax[0, 0] = exp({short(z[0])}) / [{exps}] = {long(p[0])}",
        f"∂{name}[0, 0] = [{short(p[0])} - {hit}] / {len(grad)} = {long(grad[0, 0])}",
    ]


def linear_backward(step: Step, _target: ndarray, _optimizer: Optimizer, name: str) -> list[str]:
    """The sums for an input, a weight and a bias; `name` is the input."""
    layer = TARGET_OF[name]
    grad, weight, input = step.grads[layer], step.values[f"{layer}.weight"], step.values[name]
    found = {key: step.grads[key] for key in (name, f"{layer}.weight", f"{layer}.bias")}
    bias = " + ".join(map(short, grad[:, 0]))
    return [
        f"∂{name}[0, 0] = {products(grad[0], weight[:, 0])} = {long(found[name][0, 0])}",
        f"∂{layer}.weight[0, 0] = {products(grad[:, 0], input[:, 0])} = "
        f"{long(found[f'{layer}.weight'][0, 0])}",
        f"∂{layer}.bias[0] = {bias} = {long(found[f'{layer}.bias'][0])}",
    ]


def sigmoid_backward(step: Step, _target: ndarray, _optimizer: Optimizer, name: str) -> list[str]:
    """The gradient from above times y (1 - y); `name` is the input of the sigmoid."""
    layer = TARGET_OF[name]
    above, y = step.grads[layer][0, 0], step.values[layer][0, 0]
    return [
        f"∂{name}[0, 0] = {short(above)} × {short(y)} × (1 - {short(y)}) = "
        f"{long(step.grads[name][0, 0])}"
    ]


def sgd_step(step: Step, _target: ndarray, optimizer: Optimizer, name: str) -> list[str]:
    """p - lr (g + λ p)."""
    p, g, new = (part[name][0, 0] for part in (step.values, step.grads, step.updated))
    decay = f" + {optimizer.weight_decay:g} × {short(p)}" if optimizer.weight_decay else ""
    return [f"{name}[0, 0] = {short(p)} - {optimizer.lr:g} × [{short(g)}{decay}] = {long(new)}"]


WRITERS: dict[str, Callable[[Step, ndarray, Optimizer, str], list[str]]] = {
    "linear": linear,
    "sigmoid": sigmoid,
    "cross_entropy": cross_entropy,
    "cross_entropy_backward": cross_entropy_backward,
    "linear_backward": linear_backward,
    "sigmoid_backward": sigmoid_backward,
    "sgd_step": sgd_step,
}


def short(value: Any) -> str:
    """A number within a sum, a negative one in brackets."""
    text = f"{float(value):.5g}"
    return f"({text})" if text.startswith("-") else text


def long(value: Any) -> str:
    """A result."""
    return f"{float(value):.6g}"


def products(left: ndarray, right: ndarray) -> str:
    """A sum of products."""
    return " + ".join(f"{short(a)} × {short(b)}" for a, b in zip(left, right, strict=True))
