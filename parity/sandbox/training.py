"""The training of a file's own network, one step at a time; runs in the child process.

The network is the file's class, or made of the operations that the file or its layout has. It is
kept from one request to the next, and everything comes back as a flat list of arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.sandbox import adapters
from parity.sandbox.adapters import Arrays, Computed, Namespace, Parameter, array_of

__all__ = ["VERBS"]

TRAINED = " trained"  # no name that a file could have
State = dict[str, ndarray]


class Trained:
    """A network with its optimizer.

    Parameters
    ----------
    operations
        The contract's names in the file.
    optimizer
        The name of its class; "" for `sgd_step`.
    lr, options
        The learning rate, and the optimizer's options.
    """

    parameters: dict[str, Any]  # by PyTorch's names, objects with `.data` and `.grad`

    def __init__(
        self, operations: Namespace, optimizer: str, lr: float, options: dict[str, Any]
    ) -> None:
        self.operations, self.lr, self.options = operations, lr, options
        self.optimizer: Any = None
        if optimizer:
            factory = operations[optimizer]
            named = adapters.bind(factory, 2, options)
            self.optimizer = factory(list(self.parameters.values()), lr, **named)

    def call(self, name: str, *args: Any, outputs: int = 1, **options: Any) -> Any:
        """One of the operations; the array, or a list of so many."""
        arrays = adapters.call(self.operations, name, args, options, outputs)
        return arrays[0] if outputs == 1 else arrays

    def step(self, images: ndarray, labels: ndarray) -> Arrays:
        """Train one step: the logits, the loss, the gradients, and the weights after it."""
        logits = self.forward(images)
        loss = self.call("cross_entropy", logits, labels)
        self.backward(np.asarray(self.call("cross_entropy_backward", 1.0, logits, labels)))
        grads = [array_of(parameter.grad).copy() for parameter in self.parameters.values()]
        if self.optimizer is not None:
            self.optimizer.step()
        else:
            for parameter in self.parameters.values():
                arguments = parameter.data, parameter.grad, self.lr
                parameter.data = np.asarray(self.call("sgd_step", *arguments, **self.options))
        return [logits, loss, *grads, *self.weights()]

    def weights(self) -> list[ndarray]:
        """The parameters, as copies."""
        return [array_of(parameter.data).copy() for parameter in self.parameters.values()]

    def load(self, state: State) -> None:
        """Take over these parameters."""
        raise NotImplementedError

    def forward(self, images: ndarray) -> ndarray:
        """Logits (N, C) of images (N, in)."""
        raise NotImplementedError

    def backward(self, grad_logits: ndarray) -> None:
        """Set the gradient of each parameter, after a forward."""
        raise NotImplementedError


class OfClass(Trained):
    """The class of a model."""

    def __init__(
        self, operations: Namespace, name: str, sizes: tuple[int, ...], *optimizer: Any
    ) -> None:
        self.model = operations[name](*sizes)
        self.parameters = adapters.named_parameters(self.model)
        super().__init__(operations, *optimizer)

    def load(self, state: State) -> None:
        adapters.load(self.model, state)

    def forward(self, images: ndarray) -> ndarray:
        forward = self.model.forward if hasattr(self.model, "forward") else self.model
        dtype = adapters.dtype_of(self.model)
        return array_of(forward(images.astype(dtype, copy=False)))

    def backward(self, grad_logits: ndarray) -> None:
        for owner in (self.model, self.optimizer):
            if hasattr(owner, "zero_grad"):
                owner.zero_grad()
                break
        self.model.backward(grad_logits)
        adapters.gradients(self.model, list(self.parameters))  # each there, or it says which not


class OfFunctions(Trained):
    """Linear layers with an activation between them, made of functions."""

    def __init__(
        self,
        operations: Namespace,
        layers: list[str],
        shapes: Any,
        activation: str,
        *optimizer: Any,
    ) -> None:
        kind = operations.get("Parameter", Parameter)
        self.layers, self.activation = layers, activation
        self.parameters = {name: kind(np.zeros(shape)) for name, shape in shapes.items()}
        self.inputs: list[ndarray] = []  # of each layer
        self.sums: list[ndarray] = []  # of each layer but the last, before its activation
        super().__init__(operations, *optimizer)

    def load(self, state: State) -> None:
        for name, array in state.items():
            self.parameters[name].data = array

    def forward(self, images: ndarray) -> ndarray:
        self.inputs, self.sums = [images], []
        for layer in self.layers[:-1]:
            self.sums.append(self.linear(layer))
            self.inputs.append(self.call(self.activation, self.sums[-1]))
        return self.linear(self.layers[-1])

    def linear(self, layer: str) -> ndarray:
        """The layer's output for the last of the inputs."""
        weight, bias = (self.parameters[f"{layer}.{kind}"].data for kind in ("weight", "bias"))
        return np.asarray(self.call("linear", self.inputs[-1], weight, bias))

    def backward(self, grad_logits: ndarray) -> None:
        grad = grad_logits
        for at, layer in reversed(list(enumerate(self.layers))):
            weight, bias = (self.parameters[f"{layer}.{kind}"] for kind in ("weight", "bias"))
            known = self.known("linear_backward", bias=bias.data)
            grad, weight.grad, bias.grad = self.call(
                "linear_backward", grad, self.inputs[at], weight.data, outputs=3, **known
            )
            if at:
                name = f"{self.activation}_backward"
                known = self.known(name, input=self.sums[at - 1])
                grad = self.call(name, grad, self.inputs[at], **known)

    def known(self, name: str, **arrays: ndarray) -> dict[str, Any]:
        """What a course's backward may want beyond the contract's arguments, if it is one."""
        return arrays if isinstance(self.operations[name], Computed) else {}


def start(operations: Namespace, kind: str, *args: Any) -> Arrays:
    """Make the network; returns its weights."""
    kinds: dict[str, Any] = {"class": OfClass, "functions": OfFunctions}
    operations[TRAINED] = kinds[kind](operations, *args)
    return list(operations[TRAINED].weights())


def load(operations: Namespace, state: State) -> Arrays:
    """Take over the weights; returns them as the network has them then."""
    operations[TRAINED].load(state)
    return list(operations[TRAINED].weights())


def step(operations: Namespace, images: ndarray, labels: ndarray) -> Arrays:
    """Train one step."""
    arrays: Arrays = operations[TRAINED].step(images, labels)
    return arrays


def predict(operations: Namespace, images: ndarray) -> Arrays:
    """The logits."""
    return [operations[TRAINED].forward(images)]


# What a request may ask for in place of a name of the contract.
VERBS: dict[str, Callable[..., Arrays]] = {
    "training: start": start,
    "training: load": load,
    "training: step": step,
    "training: predict": predict,
}
