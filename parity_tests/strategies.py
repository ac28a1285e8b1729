"""Calls of every operation of the contract, with drawn shapes, scales and seeds.

What is drawn are the arguments of the functions `linear`, `elementwise` and so on, so that an
example shrinks fast, and one that fails is printed as the lines that make it again.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy import ndarray

import torch_impl.functional

Pair = tuple[int, int]

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 1.0, 3.0])
sizes = st.integers(3, 7)  # one number alone may cancel to nothing, and then has no scale
batch_sizes = st.integers(1, 7) | st.sampled_from([64, 65, 127])

SNIPPET = """
from parity_tests.strategies import {maker}
from numpy_impl import functional as F
from torch_impl import functional as T
call = {source}
print(call.forward(F), call.forward(T), sep="\\n")
print(call.backward(F), call.backward(T), sep="\\n")
"""


@dataclass(frozen=True)
class Call:
    """A call of a forward, and the gradient of its output, with which the backward is called."""

    name: str
    inputs: dict[str, ndarray]  # what gradients are taken of
    options: dict[str, Any]
    grad_output: ndarray
    source: str = ""  # the expression that makes it

    def astype(self, dtype: Any) -> "Call":
        """The same numbers, rounded to `dtype`."""
        inputs = {name: array.astype(dtype) for name, array in self.inputs.items()}
        return replace(
            self,
            inputs=inputs,
            grad_output=self.grad_output.astype(dtype),
            source=f'{self.source}.astype("{np.dtype(dtype)}")',
        )

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

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What Hypothesis prints of an example that fails."""
        printer.text(SNIPPET.format(maker=self.source.partition("(")[0], source=self.source))


def uniform(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> ndarray:
    return rng.uniform(-scale, scale, shape)


def call(rng: np.random.Generator, name: str, inputs: dict[str, ndarray], **options: Any) -> Call:
    """The call with a random upstream gradient: never ones, under which softmax has none."""
    unfinished = Call(name, inputs, options, np.zeros(()))
    output = unfinished.forward(torch_impl.functional)
    return replace(unfinished, grad_output=uniform(rng, output.shape, 1.0))


# --- what makes a call ----------------------------------------------------------------------------


def linear(seed: int, n: int, width: int, out: int, scale: float, biased: bool) -> Call:
    rng = np.random.default_rng(seed)
    inputs = {"input": uniform(rng, (n, width), scale), "weight": uniform(rng, (out, width), 1.0)}
    if biased:
        inputs["bias"] = uniform(rng, (out,), 1.0)
    return call(rng, "linear", inputs)


def elementwise(name: str, seed: int, shape: tuple[int, ...], scale: float, margin: float) -> Call:
    """Its inputs are in absolute value at least `margin` times their scale."""
    rng = np.random.default_rng(seed)
    input = uniform(rng, shape, scale)
    input += np.sign(input) * margin * scale
    input.flat[0] = scale  # at least one above zero, or relu has no gradient
    return call(rng, name, {"input": input})


def along_dim(name: str, seed: int, shape: tuple[int, ...], dim: int, scale: float) -> Call:
    rng = np.random.default_rng(seed)
    return call(rng, name, {"input": uniform(rng, shape, scale)}, dim=dim)


def cross_entropy(seed: int, n: int, classes: int, scale: float, reduction: str) -> Call:
    rng = np.random.default_rng(seed)
    inputs = {"input": uniform(rng, (n, classes), scale)}
    target = rng.integers(0, classes, n)
    return call(rng, "cross_entropy", inputs, target=target, reduction=reduction)


def conv2d(
    seed: int,
    shape: tuple[int, int, int, int],
    out: int,
    window: Pair,
    scale: float,
    biased: bool,
    stride: int | Pair,
    padding: int | Pair,
) -> Call:
    rng = np.random.default_rng(seed)
    inputs = {
        "input": uniform(rng, shape, scale),
        "weight": uniform(rng, (out, shape[1], *window), 1.0),
    }
    if biased:
        inputs["bias"] = uniform(rng, (out,), 1.0)
    return call(rng, "conv2d", inputs, stride=stride, padding=padding)


def avg_pool2d(
    seed: int,
    shape: tuple[int, int, int, int],
    scale: float,
    kernel_size: int | Pair,
    stride: int | Pair | None,
) -> Call:
    rng = np.random.default_rng(seed)
    inputs = {"input": uniform(rng, shape, scale)}
    return call(rng, "avg_pool2d", inputs, kernel_size=kernel_size, stride=stride)


# --- what is drawn --------------------------------------------------------------------------------


def made(make: Callable[..., Call], **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """Calls that `make` makes from drawn arguments."""

    def from_arguments(drawn: dict[str, Any]) -> Call:
        given = ", ".join(f"{name}={value!r}" for name, value in drawn.items())
        return replace(make(**drawn), source=f"{make.__name__}({given})")

    return st.fixed_dictionaries(arguments).map(from_arguments)


def shapes(max_dims: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(sizes, min_size=1, max_size=max_dims).map(tuple)


def pairs(low: int, high: int) -> st.SearchStrategy[Any]:
    """An int or a pair of them."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


def elementwise_calls(name: str, margin: float) -> st.SearchStrategy[Call]:
    return made(
        elementwise,
        name=st.just(name),
        seed=seeds,
        shape=shapes(max_dims=4),
        scale=scales,
        margin=st.just(margin),
    )


def along_dim_calls(name: str) -> st.SearchStrategy[Call]:
    def along_any(shape: tuple[int, ...]) -> st.SearchStrategy[Call]:
        dims = st.integers(-len(shape), len(shape) - 1)
        return made(
            along_dim, name=st.just(name), seed=seeds, shape=st.just(shape), dim=dims, scale=scales
        )

    return shapes(max_dims=3).flatmap(along_any)


few = st.integers(1, 4)
CALLS: dict[str, st.SearchStrategy[Call]] = {
    "linear": made(
        linear,
        seed=seeds,
        n=batch_sizes,
        width=sizes,
        out=sizes,
        scale=scales,
        biased=st.booleans(),
    ),
    "sigmoid": elementwise_calls("sigmoid", margin=0.0),
    "relu": elementwise_calls("relu", margin=0.1),
    "softmax": along_dim_calls("softmax"),
    "log_softmax": along_dim_calls("log_softmax"),
    "cross_entropy": made(
        cross_entropy,
        seed=seeds,
        n=batch_sizes,
        classes=sizes,
        scale=scales,
        reduction=st.sampled_from(["mean", "sum", "none"]),
    ),
    "conv2d": made(
        conv2d,
        seed=seeds,
        shape=st.tuples(few, few, st.integers(3, 9), st.integers(3, 9)),
        out=sizes,
        window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        scale=scales,
        biased=st.booleans(),
        stride=pairs(1, 3),
        padding=pairs(0, 4),
    ),
    "avg_pool2d": made(
        avg_pool2d,
        seed=seeds,
        shape=st.tuples(few, few, sizes, sizes),
        scale=scales,
        kernel_size=pairs(1, 3),
        stride=st.none() | pairs(1, 3),
    ),
}
