"""What is right in the place of what the file has wrong or lacks, computed by the parent process.

The child holds no answers. Where a function is looked at with another one right, the other is asked
for by name, and the parent answers only for what was found wrong or missing before.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["stand_in"]

Ask = Callable[[str, tuple[Any, ...], dict[str, Any]], list[ndarray]]


def stand_in(name: str, ask: Ask) -> Any:
    """A function, model or optimizer `name` whose numbers come from `ask`, in float64."""
    if name in MODELS:
        return model(name, MODELS[name], ask)
    if name in ("SGD", "Adam"):
        return optimizer(name, ask)

    def function(*args: Any, **options: Any) -> Any:
        arrays = ask(name, tuple(map(as_array, args)), options)
        return arrays[0] if len(arrays) == 1 else tuple(arrays)

    return function


def as_array(value: Any) -> Any:
    """Lists as arrays."""
    return np.asarray(value) if isinstance(value, list) else value


class Parameter:
    """An array and its gradient."""

    def __init__(self, data: ndarray) -> None:
        self.data = data
        self.grad: ndarray | None = None


Shapes = Callable[..., dict[str, tuple[int, ...]]]

MODELS: dict[str, Shapes] = {
    "SoftmaxRegression": lambda in_, c: {"fc.weight": (c, in_), "fc.bias": (c,)},
    "FeedForward": lambda in_, hidden, c: {
        "fc1.weight": (hidden, in_),
        "fc1.bias": (hidden,),
        "fc2.weight": (c, hidden),
        "fc2.bias": (c,),
    },
    "ConvNet": lambda c: {
        "conv1.weight": (16, 1, 3, 3),
        "conv1.bias": (16,),
        "conv2.weight": (16, 16, 3, 3),
        "conv2.bias": (16,),
        "conv3.weight": (c, 16, 3, 3),
        "conv3.bias": (c,),
    },
}


def model(name: str, shapes: Shapes, ask: Ask) -> type:
    """The class of a model."""

    class Model:
        def __init__(self, *sizes: int) -> None:
            self.sizes = sizes
            self.named = {key: Parameter(np.zeros(s)) for key, s in shapes(*sizes).items()}

        def compute(self, input: Any, grad_logits: Any) -> list[ndarray]:
            """The logits, and the gradients in the order of the parameters."""
            arrays = ask(name, (self.sizes, self.state_dict(), input, grad_logits), {})
            logits, *backwards = arrays[len(self.named) :]  # the state comes first
            return [logits, *backwards[::-1]]

        def forward(self, input: Any) -> ndarray:
            """Logits (N, C)."""
            self.input = np.array(input, dtype=float)
            return self.compute(self.input, np.zeros((len(self.input), self.sizes[-1])))[0]

        __call__ = forward

        def backward(self, grad_logits: Any) -> None:
            """Add to the gradients of the parameters."""
            _, *grads = self.compute(self.input, np.array(grad_logits, dtype=float))
            for parameter, grad in zip(self.parameters(), grads, strict=True):
                parameter.grad = grad if parameter.grad is None else parameter.grad + grad

        def parameters(self) -> list[Parameter]:
            """In the order of `state_dict`."""
            return list(self.named.values())

        def named_parameters(self) -> list[tuple[str, Parameter]]:
            """(name, parameter) of each."""
            return list(self.named.items())

        def zero_grad(self) -> None:
            """Forget the gradients."""
            for parameter in self.parameters():
                parameter.grad = None

        def state_dict(self) -> dict[str, ndarray]:
            """The arrays by name."""
            return {key: parameter.data for key, parameter in self.named.items()}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            """Take over the arrays, where they lie."""
            for key, array in state.items():
                self.named[key].data[...] = array

    Model.__name__ = name
    return Model


def optimizer(name: str, ask: Ask) -> type:
    """The class of an optimizer; it is asked for its last step with all steps before it."""

    class Optimizer:
        def __init__(self, parameters: Any, lr: float = 1e-3, **options: Any) -> None:
            self.parameters, self.lr, self.options = list(parameters), lr, options
            self.states: list[list[ndarray]] = []
            self.grads: list[list[ndarray]] = []
            self.lrs: list[float] = []

        def zero_grad(self) -> None:
            """Forget the gradients."""
            for parameter in self.parameters:
                parameter.grad = None

        def step(self) -> None:
            """Update the parameters, in place."""
            self.states.append([np.array(one.data, dtype=float) for one in self.parameters])
            self.grads.append([np.array(one.grad, dtype=float) for one in self.parameters])
            self.lrs.append(float(self.lr))
            arrays = ask(name, (self.states, self.grads, self.lrs), self.options)
            for parameter, data in zip(
                self.parameters, arrays[-len(self.parameters) :], strict=True
            ):
                parameter.data[...] = data

    Optimizer.__name__ = name
    return Optimizer
