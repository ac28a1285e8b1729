"""Every forward of the contract with its backward, as `gradcheck` wants them, at a probe.

In a probe all sizes differ, images are not square and have several channels, and every input keeps
a quarter away from zero, where relu has its kink.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import torch_impl.functional
from parity.contract.operations import OPERATIONS
from parity.contract.subject import CLASSES, Operation
from parity.gradients.gradcheck import GradcheckResult, gradcheck
from parity.gradients.guards import unchanging

__all__ = ["PAIRS", "Pair", "check_pair"]


@dataclass(frozen=True)
class Pair:
    """A forward, what its backward takes, and the shapes and options of a probe."""

    name: str  # of the forward; the backward is called NAME_backward
    inputs: Mapping[str, tuple[int, ...]]  # the differentiable ones, with their shapes
    needs: tuple[str, ...]  # of the backward, after grad_output: "output" or names of inputs
    options: Mapping[str, Any] = field(default_factory=dict)  # of both, by keyword

    def __str__(self) -> str:
        shown = [f"{k}={v}" for k, v in self.options.items() if not isinstance(v, ndarray)]
        return f"{self.name}({', '.join(shown)})" if shown else self.name

    def draw(self, seed: int) -> list[ndarray]:
        """The inputs: ±[1/4, 2]."""
        rng = np.random.default_rng(seed)
        return [
            rng.choice([-1.0, 1.0], shape) * rng.uniform(0.25, 2, shape)
            for shape in self.inputs.values()
        ]


def pairs_of(operation: Operation) -> Iterator[Pair]:
    """The pairs of one entry of the contract, one for each of its examples."""
    sizes = operation.at
    shapes = {
        name: tuple(sizes[dim] for dim in dims.split()) if dims != "..." else (*sizes.values(),)
        for name, dims in operation.shapes.items()
    }
    given: dict[str, Any] = {
        name: np.arange(sizes["N"])[::-1] % sizes["C"]
        for name, values in operation.options.items()
        if values is CLASSES
    }
    known = {"output", *shapes}
    needs = tuple(name for name in operation.backward.arguments if name in known)
    for example in operation.examples:
        yield Pair(operation.name, shapes, needs, {**given, **example})


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
        output = forward(*inputs, **options)
        if np.shape(output) != expected:
            raise ValueError(
                f"{pair.name}'s output has shape {np.shape(output)}, expected {expected}"
            )
        return output

    def f_backward(grad_output: ndarray, *inputs: ndarray) -> Any:
        known = dict(zip(pair.inputs, inputs, strict=True))
        if "output" in pair.needs:
            known["output"] = f(*inputs)
        arguments = {"grad_output": grad_output, **{name: known[name] for name in pair.needs}}
        return unchanging(backward.__name__, lambda *args: backward(*args, **options), arguments)

    def mirror(*inputs: torch.Tensor) -> torch.Tensor:
        as_tensors = {
            name: torch.from_numpy(value) if isinstance(value, ndarray) else value
            for name, value in options.items()
        }
        return getattr(torch_impl.functional, pair.name)(*inputs, **as_tensors)

    expected = tuple(mirror(*map(torch.from_numpy, probe)).shape)
    names = list(pair.inputs)
    return gradcheck(f, f_backward, probe, names=names, mirror=mirror, seed=seed)
