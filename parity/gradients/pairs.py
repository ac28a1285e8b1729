"""Every forward of the contract with its backward, as `gradcheck` wants them, at a probe.

In a probe all sizes differ, images are not square and have several channels, and every input keeps
a quarter away from zero, where relu has its kink.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import torch_impl.functional
from parity.contract.operations import OPERATIONS
from parity.contract.subject import Given, Operation, shape_of
from parity.gradients.gradcheck import GradcheckResult, gradcheck
from parity.gradients.guards import unchanging

__all__ = ["PAIRS", "Pair", "check_pair"]


@dataclass(frozen=True)
class Pair:
    """A forward, what its backward takes, and the shapes and options of a probe."""

    operation: Operation
    inputs: Mapping[str, tuple[int, ...]]  # the differentiable ones, with their shapes
    given: Mapping[str, Any]  # the other arguments that have no default
    options: Mapping[str, Any]  # of both, by keyword

    @property
    def name(self) -> str:
        """That of the forward; the backward is called NAME_backward."""
        return self.operation.name

    def __str__(self) -> str:
        shown = [f"{k}={v}" for k, v in {**self.given, **self.options}.items()]
        shown = [text for text in shown if "[" not in text]  # no arrays
        return f"{self.name}({', '.join(shown)})" if shown else self.name

    def draw(self, seed: int) -> list[ndarray]:
        """The inputs: ±[1/4, 2]; where it matters which is the largest, no two are near."""
        rng = np.random.default_rng(seed)
        if self.operation.values == "distinct":
            sizes = map(math.prod, self.inputs.values())
            drawn = [rng.permutation(np.linspace(-2, 2, size)) for size in sizes]
            return [a.reshape(s) for a, s in zip(drawn, self.inputs.values(), strict=True)]
        return [
            rng.choice([-1.0, 1.0], shape) * rng.uniform(0.25, 2, shape)
            for shape in self.inputs.values()
        ]

    def forward_args(self, inputs: Sequence[Any], given: Mapping[str, Any]) -> list[Any]:
        """The arguments of the forward that are given by position."""
        known = {**dict(zip(self.inputs, inputs, strict=True)), **given}
        return [known[name] for name in self.operation.forward.arguments if name in known]


def pairs_of(operation: Operation) -> Iterator[Pair]:
    """The pairs of one entry of the contract, one for each of its examples."""
    sizes, rng = operation.at, np.random.default_rng(0)
    shapes = {name: shape_of(dims, sizes) for name, dims in operation.shapes.items()}
    arrays = {
        name: domain.draw(rng, shape_of(domain.dims, sizes), sizes.get("C", 0))
        for name, domain in operation.options.items()
        if isinstance(domain, Given)
    }
    for example in operation.examples:
        required = operation.forward.required
        given = {name: value for name, value in example.items() if name in required}
        options = {name: value for name, value in example.items() if name not in required}
        yield Pair(operation, shapes, {**arrays, **given}, options)


PAIRS = tuple(pair for operation in OPERATIONS.values() for pair in pairs_of(operation))


def check_pair(
    pair: Pair, forward: Callable[..., Any], backward: Callable[..., Any], seed: int = 0
) -> GradcheckResult:
    """Check `backward` against differences of `forward`, and against PyTorch's own `forward`.

    Raises what `gradcheck` raises; BadCaseError, too, if `backward` writes into the output that it
    is given, and ValueError if `forward` returns another shape than PyTorch's.
    """
    options, probe = pair.options, pair.draw(seed)

    def f(*inputs: ndarray) -> Any:
        output = forward(*pair.forward_args(inputs, pair.given), **options)
        output = output[0] if isinstance(output, tuple) else output
        if np.shape(output) != expected:
            raise ValueError(
                f"{pair.name}'s output has shape {np.shape(output)}, expected {expected}"
            )
        return output

    def f_backward(grad_output: ndarray, *inputs: ndarray) -> Any:
        needs = pair.operation.backward.required
        known = {**dict(zip(pair.inputs, inputs, strict=True)), **pair.given}
        if "output" in needs:
            known["output"] = f(*inputs)
        known["grad_output"] = grad_output
        arrays = {name: known[name] for name in needs if isinstance(known[name], ndarray)}

        def call(*values: Any) -> Any:
            now = {**known, **dict(zip(arrays, values, strict=True))}
            return backward(*(now[name] for name in needs), **options)

        return unchanging(backward.__name__, call, arrays)

    def mirror(*inputs: torch.Tensor) -> torch.Tensor:
        given = {
            name: torch.from_numpy(value) if isinstance(value, ndarray) else value
            for name, value in pair.given.items()
        }
        function = getattr(torch_impl.functional, pair.name)
        output = function(*pair.forward_args(inputs, given), **options)
        return output[0] if isinstance(output, tuple) else output

    expected = tuple(mirror(*map(torch.from_numpy, probe)).shape)
    names = list(pair.inputs)
    return gradcheck(f, f_backward, probe, names=names, mirror=mirror, seed=seed)
