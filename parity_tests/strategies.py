"""Calls of every operation of the contract, with drawn shapes, scales and seeds."""

import inspect
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy import ndarray

import torch_impl.functional

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 1.0, 3.0])
sizes = st.integers(3, 7)  # one number alone may cancel to nothing, and then has no scale


@dataclass(frozen=True)
class Call:
    """A call of a forward, and the gradient of its output, with which the backward is called."""

    name: str
    inputs: dict[str, ndarray]  # what gradients are taken of
    options: dict[str, Any]
    grad_output: ndarray

    def astype(self, dtype: Any) -> "Call":
        """The same numbers, rounded to `dtype`."""
        inputs = {name: array.astype(dtype) for name, array in self.inputs.items()}
        return replace(self, inputs=inputs, grad_output=self.grad_output.astype(dtype))

    def forward(self, functional: ModuleType) -> ndarray:
        """The output of `numpy_impl.functional` or `torch_impl.functional`."""
        return self._run(functional, self.name, {**self.inputs, **self.options})[0]

    def backward(self, functional: ModuleType) -> tuple[ndarray, ...]:
        """The gradients of `inputs`, in order."""
        name = f"{self.name}_backward"
        known = {"grad_output": self.grad_output, **self.inputs, **self.options}
        parameters = inspect.signature(getattr(functional, name)).parameters
        if "output" in parameters:
            known["output"] = self.forward(functional)
        arguments = {key: value for key, value in known.items() if key in parameters}
        gradients = self._run(functional, name, arguments)
        return gradients[: len(self.inputs)]  # a call without bias gets a gradient for it, too

    def _run(
        self, functional: ModuleType, name: str, arguments: dict[str, Any]
    ) -> tuple[ndarray, ...]:
        function = getattr(functional, name)
        if functional is not torch_impl.functional:
            result = function(**arguments)
            return result if isinstance(result, tuple) else (result,)
        tensors = {
            key: torch.from_numpy(value.copy()) if isinstance(value, ndarray) else value
            for key, value in arguments.items()
        }
        result = function(**tensors)
        results = result if isinstance(result, tuple) else (result,)
        return tuple(tensor.detach().numpy() for tensor in results)

    def __repr__(self) -> str:
        shapes = [f"{name} {array.shape}" for name, array in self.inputs.items()]
        return f"{self.name}({', '.join(shapes)}, {self.options})"


def uniform(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> ndarray:
    return rng.uniform(-scale, scale, shape)


def call(rng: np.random.Generator, name: str, inputs: dict[str, ndarray], **options: Any) -> Call:
    """The call with a random upstream gradient: never ones, under which softmax has none."""
    unfinished = Call(name, inputs, options, np.zeros(()))
    output = unfinished.forward(torch_impl.functional)
    return replace(unfinished, grad_output=uniform(rng, output.shape, 1.0))


@st.composite
def linear(draw: st.DrawFn) -> Call:
    rng = np.random.default_rng(draw(seeds))
    n, width, out = draw(sizes), draw(sizes), draw(sizes)
    inputs = {
        "input": uniform(rng, (n, width), draw(scales)),
        "weight": uniform(rng, (out, width), 1.0),
        "bias": uniform(rng, (out,), 1.0),
    }
    if not draw(st.booleans()):
        del inputs["bias"]
    return call(rng, "linear", inputs)


def elementwise(name: str, margin: float) -> st.SearchStrategy[Call]:
    """Calls with inputs of any shape, in absolute value at least `margin` times their scale."""

    @st.composite
    def strategy(draw: st.DrawFn) -> Call:
        rng = np.random.default_rng(draw(seeds))
        shape = tuple(draw(st.lists(sizes, min_size=1, max_size=4)))
        scale = draw(scales)
        input = uniform(rng, shape, scale)
        input += np.sign(input) * margin * scale
        input.flat[0] = scale  # at least one above zero, or relu has no gradient
        return call(rng, name, {"input": input})

    return strategy()


def along_dim(name: str) -> st.SearchStrategy[Call]:
    @st.composite
    def strategy(draw: st.DrawFn) -> Call:
        rng = np.random.default_rng(draw(seeds))
        shape = tuple(draw(st.lists(sizes, min_size=1, max_size=3)))
        dim = draw(st.integers(-len(shape), len(shape) - 1))
        return call(rng, name, {"input": uniform(rng, shape, draw(scales))}, dim=dim)

    return strategy()


@st.composite
def cross_entropy(draw: st.DrawFn) -> Call:
    rng = np.random.default_rng(draw(seeds))
    n, classes = draw(sizes), draw(sizes)
    return call(
        rng,
        "cross_entropy",
        {"input": uniform(rng, (n, classes), draw(scales))},
        target=rng.integers(0, classes, n),
        reduction=draw(st.sampled_from(["mean", "sum", "none"])),
    )


def pairs(low: int, high: int) -> st.SearchStrategy[Any]:
    """An int or a pair of them."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


@st.composite
def conv2d(draw: st.DrawFn) -> Call:
    rng = np.random.default_rng(draw(seeds))
    n, channels, out = draw(st.integers(2, 4)), draw(st.integers(2, 4)), draw(sizes)
    height, width = draw(st.integers(3, 9)), draw(st.integers(3, 9))
    window = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    inputs = {
        "input": uniform(rng, (n, channels, height, width), draw(scales)),
        "weight": uniform(rng, (out, channels, *window), 1.0),
        "bias": uniform(rng, (out,), 1.0),
    }
    if not draw(st.booleans()):
        del inputs["bias"]
    return call(rng, "conv2d", inputs, stride=draw(pairs(1, 3)), padding=draw(pairs(0, 4)))


@st.composite
def avg_pool2d(draw: st.DrawFn) -> Call:
    rng = np.random.default_rng(draw(seeds))
    shape = (draw(st.integers(2, 4)), draw(st.integers(2, 4)), *(draw(sizes) for _ in "HW"))
    return call(
        rng,
        "avg_pool2d",
        {"input": uniform(rng, shape, draw(scales))},
        kernel_size=draw(pairs(1, 3)),
        stride=draw(st.none() | pairs(1, 3)),
    )


CALLS: dict[str, st.SearchStrategy[Call]] = {
    "linear": linear(),
    "sigmoid": elementwise("sigmoid", margin=0.0),
    "relu": elementwise("relu", margin=0.1),
    "softmax": along_dim("softmax"),
    "log_softmax": along_dim("log_softmax"),
    "cross_entropy": cross_entropy(),
    "conv2d": conv2d(),
    "avg_pool2d": avg_pool2d(),
}
