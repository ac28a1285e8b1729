"""Hypothesis strategies: calls of the contract's operations, with drawn shapes, scales and seeds.

The shapes and the options are those of an operation's entry in the contract. What is drawn are the
arguments of `made`, so that an example shrinks fast, and one that fails is printed as the lines
that make it again. This module needs Hypothesis.
"""

import inspect
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy import ndarray

import torch_impl.functional
from parity.contract.calls import cast
from parity.contract.operations import OPERATIONS
from parity.contract.subject import AXIS, Given, Operation, shape_of
from parity.errors import InputError

__all__ = ["CALLS", "Call", "calls", "made", "seeds", "sizes", "uniform"]

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 1.0, 3.0])
sizes = st.integers(3, 7)  # one number alone may cancel to nothing, and then has no scale
batch_sizes = st.integers(1, 7) | st.sampled_from([64, 65, 127])

SNIPPET = """
from parity.strategies import made
from torch_impl import functional as T
call = {source}  # compare with call.forward(yours), call.backward(yours)
print(call.forward(T), call.backward(T), sep="\\n")
"""


@dataclass(frozen=True)
class Call:
    """A call of a forward, and the gradient of its output, with which the backward is called.

    Attributes
    ----------
    name
        Of the operation, such as "linear"; its backward is `linear_backward`.
    inputs
        Float64 arrays that gradients are taken of, by name, in the order of the gradients.
    options
        What else is given, by name: a stride, an axis, class indices.
    grad_output
        Of the shape of the output.
    source
        The expression that makes the call.
    """

    name: str
    inputs: dict[str, ndarray]
    options: dict[str, Any]
    grad_output: ndarray
    source: str = ""

    def astype(self, dtype: Any) -> "Call":
        """The same numbers, rounded to `dtype`."""
        return replace(
            self,
            inputs=cast(self.inputs, dtype),
            options=cast(self.options, dtype),
            grad_output=self.grad_output.astype(dtype),
            source=f'{self.source}.astype("{np.dtype(dtype)}")',
        )

    def forward(self, functional: Any) -> ndarray:
        """The output of the function of this name in a module, or in anything with attributes.

        `torch_impl.functional` is given tensors, any other arrays.
        """
        return self._run(functional, self.name, {**self.inputs, **self.options})[0]

    def backward(self, functional: Any) -> tuple[ndarray, ...]:
        """The gradients of `inputs`, in order, by the backward in a module."""
        name = f"{self.name}_backward"
        known = {"grad_output": self.grad_output, **self.inputs, **self.options}
        parameters = inspect.signature(getattr(functional, name)).parameters
        if "output" in parameters:
            known["output"] = self.forward(functional)
        arguments = {key: value for key, value in known.items() if key in parameters}
        gradients = self._run(functional, name, arguments)
        return gradients[: len(self.inputs)]  # a call without bias gets a gradient for it, too

    def _run(self, functional: Any, name: str, arguments: dict[str, Any]) -> tuple[ndarray, ...]:
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
        printer.text(SNIPPET.format(source=self.source))


def uniform(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> ndarray:
    """Numbers in [-scale, scale]."""
    return rng.uniform(-scale, scale, shape)


def call(rng: np.random.Generator, name: str, inputs: dict[str, ndarray], **options: Any) -> Call:
    """The call with a random upstream gradient: never ones, under which softmax has none."""
    unfinished = Call(name, inputs, options, np.zeros(()))
    output = unfinished.forward(torch_impl.functional)
    return replace(unfinished, grad_output=uniform(rng, output.shape, 1.0))


def made(name: str, seed: int, sizes: dict[str, Any], scale: float, **options: Any) -> Call:
    """A call of the operation `name` with inputs of these sizes, as the contract shapes them.

    The first input is in [-scale, scale], the others in [-1, 1]. `sizes` hold the size of each
    dimension, and under "without" the inputs that are left out; `options` what else is given, but
    for arrays, which are drawn here.
    """
    rng = np.random.default_rng(seed)
    operation = OPERATIONS[name]
    inputs: dict[str, ndarray] = {}
    for input, dims in operation.shapes.items():
        shape = shape_of(dims, sizes)
        if input not in sizes.get("without", ()):
            inputs[input] = values_of(operation.values, rng, shape, 1.0 if inputs else scale)
    for option, domain in operation.options.items():
        if isinstance(domain, Given):
            options[option] = domain.draw(rng, shape_of(domain.dims, sizes), sizes.get("C", 0))
    return call(rng, name, inputs, **options)


def values_of(kind: str, rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> ndarray:
    """Numbers in [-scale, scale]; where there is a kink, each keeps its distance from it."""
    values = uniform(rng, shape, scale)
    if kind == "off zero":
        values += np.sign(values) * 0.1 * scale
        values.flat[0] = scale  # at least one above zero, or relu has no gradient
    if kind == "distinct":
        values = rng.permutation(np.linspace(-scale, scale, values.size)).reshape(shape)
    return values


# --- what is drawn --------------------------------------------------------------------------------

few = st.integers(1, 4)
IMAGE = {"N": few, "C": few, "H": st.integers(3, 9), "W": st.integers(3, 9)}
KERNEL = {"kH": st.integers(1, 3), "kW": st.integers(1, 3)}


def sizes_of(operation: Operation) -> st.SearchStrategy[dict[str, Any]]:
    """A size for each dimension of its inputs, and the inputs that are left out."""
    dims = dict.fromkeys(" ".join(operation.shapes.values()).split())
    if "..." in dims:
        return st.fixed_dictionaries({"...": shapes(max_dims=4)})
    rows = batch_sizes.filter(lambda n: n >= operation.least)
    known = {"N": rows, **KERNEL, **(IMAGE if "H" in dims else {})}
    drawn = {dim: known.get(dim, sizes) for dim in dims}
    optional = [name for name in operation.shapes if name not in operation.forward.required]
    if optional:
        drawn["without"] = st.sampled_from([(), tuple(optional)])
    return st.fixed_dictionaries(drawn)


def options_of(
    operation: Operation, required: frozenset[str], drawn: dict[str, Any], fixed: dict[str, Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Values for its options but the fixed ones; those that have a default may be left out."""
    given: dict[str, st.SearchStrategy[Any]] = {}
    for name, domain in operation.options.items():
        if domain is AXIS:
            dims = len(drawn["..."])
            given[name] = st.integers(-dims, dims - 1)
        elif isinstance(domain, range):
            given[name] = pairs(domain[0], domain[-1])
        elif not isinstance(domain, Given):
            given[name] = st.sampled_from(domain)
    needed = {name: given.pop(name) for name in list(given) if name in required}
    needed |= {name: st.just(value) for name, value in fixed.items()}
    optional = {name: values for name, values in given.items() if name not in fixed}
    return st.fixed_dictionaries(needed, optional=optional)


def calls_of(operation: Operation, fixed: dict[str, Any]) -> st.SearchStrategy[Call]:
    """Calls of the operation with these options."""

    def build(seed: int, drawn: dict[str, Any], scale: float, options: dict[str, Any]) -> Call:
        source = (
            f"made({operation.name!r}, seed={seed}, sizes={drawn!r}, scale={scale}, **{options!r})"
        )
        state = random.getstate()  # beartype draws which number of a tuple it checks
        call = made(operation.name, seed, drawn, scale, **options)
        random.setstate(state)
        return replace(call, source=source)

    required = frozenset(operation.forward.required)
    return sizes_of(operation).flatmap(
        lambda drawn: st.builds(
            build, seeds, st.just(drawn), scales, options_of(operation, required, drawn, fixed)
        )
    )


def shapes(max_dims: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of one dimension or more."""
    return st.lists(sizes, min_size=1, max_size=max_dims).map(tuple)


def pairs(low: int, high: int) -> st.SearchStrategy[Any]:
    """An int or a pair of them."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


CALLS: dict[str, st.SearchStrategy[Call]] = {
    name: calls_of(operation, {}) for name, operation in OPERATIONS.items()
}


def calls(name: str, **options: Any) -> st.SearchStrategy[Call]:
    """Calls of the operation of this name.

    Parameters
    ----------
    name
        Of an operation of the contract, such as "linear" or "conv2d".
    options
        Values that some options shall always have, such as `reduction="mean"`.

    Raises
    ------
    InputError
        If there is no such operation, or it has no such option.

    Examples
    --------
    >>> import numpy_impl.functional as mine
    >>> import torch_impl.functional as truth
    >>> from hypothesis import given
    >>> import parity
    >>> from parity.strategies import calls
    >>> @given(calls("sigmoid"))
    ... def test_sigmoid(call):
    ...     parity.assert_close(call.forward(mine), call.forward(truth))
    >>> test_sigmoid()
    """
    if name not in CALLS:
        raise InputError(f"calls: got {name!r}, expected one of {', '.join(CALLS)}")
    domains = OPERATIONS[name].options
    known = [one for one, domain in domains.items() if not isinstance(domain, Given)]
    for option, value in options.items():
        if option not in known:
            words = f"some of {', '.join(known)}" if known else f"none, for {name} has no options"
            raise InputError(f"calls: got {option}={value!r}, expected {words}")
        if isinstance(domains[option], tuple | list) and value not in domains[option]:
            allowed = ", ".join(map(repr, domains[option]))
            raise InputError(f"calls: {option} is {value!r}, expected one of {allowed}")
    return calls_of(OPERATIONS[name], options) if options else CALLS[name]
