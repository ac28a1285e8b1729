"""What an entry of the contract is made of.

An entry says everything that there is to say about an operation, once: its signature and that of
its backward, a sentence for the template, the shapes of what has a gradient, the values that its
options may have, and the calls that bring known mistakes to light. The checker, the gradient check,
the template, the catalogue, the strategies of the tests and the pages read it from there.

Nothing here imports PyTorch, which the template and the child process do without; the references
are looked up when a call is drawn or judged.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, numbers

__all__ = ["AXIS", "Given", "Operation", "Sizes", "Subject", "operation", "shape_of"]

Sizes = tuple[int, ...]
Role = Literal["forward", "backward", "loss", "step", "network", "class", "loop"]

AXIS = "axis"  # an option that is an axis of the first input


@dataclass(frozen=True)
class Given:
    """An argument that is an array and has no gradient."""

    dims: str  # as in the shapes of the inputs
    kind: Literal["classes", "any", "positive", "mask"]

    def draw(self, rng: Generator, shape: tuple[int, ...], classes: int) -> ndarray:
        """Class indices below `classes`, numbers of either sign or above 0, or ones and zeros."""
        if self.kind == "classes":
            return rng.integers(classes, size=shape)
        if self.kind == "mask":
            mask = rng.integers(2, size=shape).astype(float)
            mask.flat[:2] = [1, 0]
            return mask
        return numbers(rng, *shape) if self.kind == "any" else abs(numbers(rng, *shape))


@dataclass(frozen=True)
class Subject:
    """A name of the contract."""

    signature: str  # as one writes it: "linear(input, weight, bias=None)"
    summary: str  # what the template says about it
    role: Role
    outputs: Callable[[Call], tuple[str, ...]]  # the names of the arrays that a call comes to
    sizes: tuple[Sizes, ...]  # what `probes` is called with; the smallest first
    probes: Callable[..., list[Call]]  # (rng, *sizes) -> calls; none where they do not fit together
    arguments: tuple[str, ...] = ()  # of a call; by default those of the signature
    variants: tuple[Mapping[str, Any], ...] = ({},)  # what a file may do as well, for the reference
    large: Sizes = ()  # sizes beyond 128 rows and ten classes, of which one call is made
    stub: str = ""  # what stands in the template below the sentence, if it is more than a raise
    shrinks: bool = True  # whether a failing call is looked for among smaller sizes

    def __post_init__(self) -> None:
        if not self.arguments:
            names = tuple(argument.arg for argument in self.parsed.args)
            object.__setattr__(self, "arguments", names)

    @property
    def name(self) -> str:
        """The name alone."""
        return self.signature.partition("(")[0]

    @cached_property
    def parsed(self) -> ast.arguments:
        """The arguments of the signature."""
        (function,) = ast.parse(f"def {self.signature}: ...").body
        assert isinstance(function, ast.FunctionDef)
        return function.args

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments that have no default."""
        count = len(self.parsed.args) - len(self.parsed.defaults)
        return tuple(argument.arg for argument in self.parsed.args[:count])

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What the other arguments are where nothing is said."""
        names = [argument.arg for argument in self.parsed.args[len(self.required) :]]
        values = map(ast.literal_eval, self.parsed.defaults)
        return dict(zip(names, values, strict=True))

    def draw(self, seed: int, sizes: Sizes) -> list[Call]:
        """The calls for these sizes; none where they do not fit together."""
        return self.probes(np.random.default_rng([seed, *sizes]), *sizes)


@dataclass(frozen=True)
class Operation:
    """A forward and its backward."""

    forward: Subject
    backward: Subject
    shapes: Mapping[str, str]  # of the inputs that have gradients, in the order of these
    options: Mapping[str, Any]  # what the other arguments may be: AXIS, a Given, a range, a tuple
    examples: tuple[Mapping[str, Any], ...]  # options at which the gradient check looks
    at: Mapping[str, int]  # the sizes at which it looks
    values: Literal["any", "off zero", "distinct"]  # what keeps the inputs away from kinks
    least: int  # rows below which it has no gradient, or only one that is lost in rounding

    @property
    def name(self) -> str:
        """That of the forward."""
        return self.forward.name


def operation(
    signature: str,
    summary: str,
    backward: str,
    backward_summary: str,
    shapes: Mapping[str, str],
    sizes: tuple[Sizes, ...],
    probes: Callable[..., list[Call]],
    *,
    at: Mapping[str, int],
    large: Sizes,
    output: str = "output",
    options: Mapping[str, Any] | None = None,
    examples: Sequence[Mapping[str, Any]] = ({},),
    values: Literal["any", "off zero", "distinct"] = "any",
    least: int = 1,
) -> Operation:
    """The entry of a forward and its backward, whose probes follow from those of the forward."""
    role: Role = "loss" if output == "loss" else "forward"
    outputs = tuple(output.split())
    forward = Subject(signature, summary, role, lambda _call: outputs, sizes, probes, large=large)
    gradients = tuple(f"grad_{name}" for name in shapes)
    back = Subject(
        backward,
        backward_summary,
        "backward",
        lambda _call: gradients,
        sizes,
        lambda rng, *sizes: [
            call_back(forward, back, rng, call) for call in probes(rng, *sizes) if call.goes_back
        ],
        large=large,
    )
    return Operation(forward, back, shapes, options or {}, tuple(examples), at, values, least)


def shape_of(dims: str, sizes: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of an array with these dimensions; "..." may stand for any, or for all `sizes`."""
    if dims == "...":
        return tuple(sizes.get("...", sizes.values()))
    return tuple(sizes[dim] for dim in dims.split())


def call_back(forward: Subject, backward: Subject, rng: Generator, call: Call) -> Call:
    """The call of the backward that belongs to one of the forward.

    It gets the true output of the forward, so that a mistake is reported where it is made.
    """
    from parity.contract.reference import reference  # PyTorch takes seconds to load

    output = reference(forward.name)(*call.args, **call.options)
    output = output[0] if isinstance(output, tuple) else output
    # The gradient of a loss is a number, and so large that nobody takes it for the usual 1.
    scalar = round(float(rng.uniform(1.5, 3.5)), 2)
    grad_output = numbers(rng, *output.shape) if output.ndim else scalar
    known = dict(zip(forward.arguments, call.args, strict=False))
    known |= {"grad_output": grad_output, "output": output}
    options = {name: value for name, value in call.options.items() if name in backward.arguments}
    return replace(call, args=tuple(known[name] for name in backward.required), options=options)
