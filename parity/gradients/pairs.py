"""Every forward of the contract with its backward, as `gradcheck` wants them, at a probe.

In a probe all sizes differ, images are not square and have several channels, and every input keeps
a quarter away from zero, where relu has its kink.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import torch_impl.functional
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


ROWS = {"input": (5, 4)}
IMAGES = {"input": (2, 3, 7, 6)}
KERNEL = {"weight": (4, 3, 3, 2), "bias": (4,)}
TARGET = np.array([3, 0, 2, 3, 1])

PAIRS = (
    Pair("linear", {**ROWS, "weight": (3, 4), "bias": (3,)}, ("input", "weight")),
    Pair("sigmoid", ROWS, ("output",)),
    Pair("relu", ROWS, ("output",)),
    Pair("softmax", ROWS, ("output",)),
    Pair("softmax", ROWS, ("output",), {"dim": 0}),
    Pair("log_softmax", ROWS, ("output",)),
    Pair("log_softmax", ROWS, ("output",), {"dim": 0}),
    Pair("cross_entropy", ROWS, ("input",), {"target": TARGET}),
    Pair("cross_entropy", ROWS, ("input",), {"target": TARGET, "reduction": "sum"}),
    Pair("cross_entropy", ROWS, ("input",), {"target": TARGET, "reduction": "none"}),
    Pair("conv2d", {**IMAGES, **KERNEL}, ("input", "weight")),
    Pair("conv2d", {**IMAGES, **KERNEL}, ("input", "weight"), {"stride": 2, "padding": 1}),
    Pair(
        "conv2d",
        {**IMAGES, **KERNEL},
        ("input", "weight"),
        {"stride": (1, 2), "padding": (2, 0)},
    ),
    Pair("avg_pool2d", IMAGES, ("input",), {"kernel_size": 2}),
    Pair("avg_pool2d", IMAGES, ("input",), {"kernel_size": (3, 2), "stride": (2, 1)}),
)


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
