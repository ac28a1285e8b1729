"""The sample inputs by which PyTorch tests its own operators, run through the contract.

`op_db` is PyTorch's list of operators with sample inputs for each; an internal module, so the
counts below are those of the pinned version of PyTorch.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import SampleInput

from parity.tolerance.table import BASE
from parity_tests.implementation import functional as F
from parity_tests.strategies import Call
from torch_impl import functional as T

# By name in `op_db`: the contract's arguments after `input`; how many samples run; and how many are
# left out, with the reason. docs/suite.md shows it.
OPERATORS: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "nn.functional.linear": (("weight", "bias"), {"runs": 8, "input is not (N, in)": 10}),
    "sigmoid": ((), {"runs": 3}),
    "nn.functional.relu": ((), {"runs": 4}),
    "softmax": (("dim",), {"runs": 6, "asks for a dtype": 6, "a number has no axis": 2}),
    "log_softmax": (("dim",), {"runs": 6, "asks for a dtype": 6, "a number has no axis": 2}),
    "nn.functional.cross_entropy": (
        ("target",),
        {
            "runs": 4,
            "input is not (N, C)": 6,
            "the targets are probabilities": 7,
            "the classes have weights": 3,
            "ignores a class": 1,
        },
    ),
    "nn.functional.conv2d": (
        ("weight", "bias"),
        {
            "runs": 3,
            "input is not (N, C, H, W)": 15,
            "the channels come in groups": 8,
            "the window is dilated": 3,
            "the padding is a word": 1,
        },
    ),
    "nn.functional.avg_pool2d": (
        ("kernel_size", "stride"),
        {"runs": 1, "pads, or rounds or divides in its own way": 6},
    ),
}
SHAPES = {
    "nn.functional.linear": "(N, in)",
    "nn.functional.cross_entropy": "(N, C)",
    "nn.functional.conv2d": "(N, C, H, W)",
}
OUTSIDE = {
    "dtype": "asks for a dtype",
    "groups": "the channels come in groups",
    "dilation": "the window is dilated",
    "ignore_index": "ignores a class",
    "#2": "pads, or rounds or divides in its own way",
}


def samples(operator: str) -> Iterator[SampleInput]:
    for info in op_db:
        if info.name == operator:
            yield from info.sample_inputs("cpu", torch.float64, requires_grad=False)


def arguments(operator: str, sample: SampleInput) -> dict[str, Any]:
    """The sample's arguments by the contract's names; beyond those, PyTorch's by position."""
    names = OPERATORS[operator][0]
    given = {names[i] if i < len(names) else f"#{i}": arg for i, arg in enumerate(sample.args)}
    given |= sample.kwargs
    if given.get("groups") == 1:
        del given["groups"]
    return {name: argument for name, argument in given.items() if argument is not None}


def left_out(operator: str, sample: SampleInput) -> str | None:
    """Why the sample lies outside the contract, or None if it lies inside."""
    given = arguments(operator, sample)
    if operator.endswith("softmax") and sample.input.ndim == 0:
        return "a number has no axis"
    shape = SHAPES.get(operator)
    if shape is not None and sample.input.ndim != len(shape.split(",")):
        return f"input is not {shape}"
    if operator.endswith("cross_entropy"):
        if given["target"].is_floating_point():
            return "the targets are probabilities"
        if "weight" in given:
            return "the classes have weights"
    for argument, reason in OUTSIDE.items():
        if argument in given:
            return reason
    return "the padding is a word" if isinstance(given.get("padding"), str) else None


def call(operator: str, sample: SampleInput, rng: np.random.Generator) -> Call:
    arrays = {
        key: value.numpy() if isinstance(value, torch.Tensor) else value
        for key, value in {"input": sample.input, **arguments(operator, sample)}.items()
    }
    names = [key for key in arrays if key in ("input", "weight", "bias")]
    inputs = {key: arrays.pop(key) for key in names}
    name = operator.split(".")[-1]
    shape = Call(name, inputs, arrays, np.zeros(())).forward(T).shape
    return Call(name, inputs, arrays, np.asarray(rng.uniform(-1, 1, shape)))


@pytest.mark.parametrize("operator", OPERATORS)
def test_pytorchs_own_samples(operator: str) -> None:
    rng = np.random.default_rng(0)
    count: Counter[str] = Counter()
    for sample in samples(operator):
        reason = left_out(operator, sample)
        count[reason or "runs"] += 1
        if reason is not None:
            continue
        one = call(operator, sample, rng)
        results = zip(
            ["output", *one.inputs],
            [one.forward(F), *one.backward(F)],
            [one.forward(T), *one.backward(T)],
            strict=True,
        )
        for name, ours, theirs in results:
            assert ours.shape == theirs.shape, f"{one}: {name}"
            # Empty arrays have no scale, nor has the gradient of a weight that met an empty batch.
            scale = np.abs(theirs).max(initial=0)
            worst = np.abs(ours - theirs).max(initial=0)
            assert worst <= BASE["float64"] * scale, f"{one}: {name}"
    assert count == OPERATORS[operator][1]
