"""The sample inputs that PyTorch tests its own operators with, run through the contract.

`op_db` is PyTorch's list of operators with sample inputs for each. It is an internal module, and
its samples change from version to version. So each sample is held to what it is, and not to how
many there are: it lies inside the contract and agrees, or outside and is refused.
"""

import inspect
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import SampleInput

from parity.contract.operations import OPERATIONS
from parity.strategies import Call
from parity.tolerance.table import BASE
from parity_tests.implementation import functional as F
from torch_impl import functional as T

# By name in `op_db`: the names of the arguments that a sample gives by position after `input`.
OPERATORS: dict[str, tuple[str, ...]] = {
    "nn.functional.linear": ("weight", "bias"),
    "sigmoid": (),
    "tanh": (),
    "nn.functional.relu": (),
    "softmax": ("dim",),
    "log_softmax": ("dim",),
    "nn.functional.cross_entropy": ("target",),
    "nn.functional.conv2d": ("weight", "bias"),
    "nn.functional.avg_pool2d": (
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor_override",
    ),
    "nn.functional.max_pool2d": (),
    "nn.functional.batch_norm": ("running_mean", "running_var", "weight", "bias"),
}
# PyTorch draws the mask of `dropout`, and the contract is given one.
WITHOUT_SAMPLES = {"dropout"}
SHAPES = {
    "nn.functional.linear": "(N, in)",
    "nn.functional.cross_entropy": "(N, C)",
    "nn.functional.conv2d": "(N, C, H, W)",
    "nn.functional.max_pool2d": "(N, C, H, W)",
}
# Options that the contract does not have, with the value under which PyTorch does what it does.
AS_IN_THE_CONTRACT = {
    "groups": 1,
    "ceil_mode": False,
    "dilation": 1,
    "padding": 0,
    "return_indices": False,
}


@cache
def samples(operator: str) -> list[SampleInput]:
    return [
        sample
        for info in op_db
        if info.name == operator
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=False)
    ]


def arguments(operator: str, sample: SampleInput) -> dict[str, Any]:
    """The sample's arguments after `input` by name, without those that change nothing."""
    names = OPERATORS[operator][: len(sample.args)]
    given = dict(zip(names, sample.args, strict=True)) | sample.kwargs
    known = inspect.signature(getattr(F, name_of(operator))).parameters

    def changes_nothing(name: str) -> bool:
        same = name in AS_IN_THE_CONTRACT and given[name] == AS_IN_THE_CONTRACT[name]
        return given[name] is None or (name not in known and same)

    return {name: argument for name, argument in given.items() if not changes_nothing(name)}


def left_out(operator: str, sample: SampleInput) -> str | None:
    """Why the sample lies outside the contract, or None if it lies inside."""
    given = arguments(operator, sample)
    if operator.endswith("softmax") and sample.input.ndim == 0:
        return "input has no dimension"
    shape = SHAPES.get(operator)
    if shape is not None and sample.input.ndim != len(shape.split(",")):
        return f"input is not {shape}"
    if operator.endswith("cross_entropy") and given["target"].is_floating_point():
        return "the targets are probabilities"
    if isinstance(given.get("padding"), str):
        return "padding is a string"
    if given.get("momentum", 0) < 0:
        return "momentum is negative"
    known = inspect.signature(getattr(F, name_of(operator))).parameters
    beyond = [f"the contract has no `{name}`" for name in given if name not in known]
    needed = [
        f"`{name}` is not given"
        for name, parameter in known.items()
        if parameter.default is parameter.empty and name not in ("input", *given)
    ]
    return next(iter(beyond + needed), None)


def tally(operator: str) -> Counter[str]:
    """How many samples run, and how many are left out, by reason; docs/suite.md shows them."""
    return Counter(left_out(operator, sample) or "runs" for sample in samples(operator))


def as_numpy(value: Any) -> Any:
    return value.numpy() if isinstance(value, torch.Tensor) else value


def name_of(operator: str) -> str:
    """Its name in the contract."""
    return operator.split(".")[-1]


def call(operator: str, sample: SampleInput, rng: np.random.Generator) -> Call:
    given = {"input": sample.input, **arguments(operator, sample)}
    arrays = {name: as_numpy(value) for name, value in given.items()}
    names = [key for key in arrays if key in ("input", "weight", "bias")]
    inputs = {key: arrays.pop(key) for key in names}
    name = name_of(operator)
    shape = Call(name, inputs, arrays, np.zeros(())).forward(T).shape
    return Call(name, inputs, arrays, np.asarray(rng.uniform(-1, 1, shape)))


def scale_of_terms(one: Call) -> float:
    """What the gradient is the difference of: in batch norm, two numbers of a channel cancel."""
    return np.abs(one.grad_output).max(initial=0) if one.name == "batch_norm" else 0.0


def test_every_operation_of_the_contract_has_samples() -> None:
    assert {name_of(operator) for operator in OPERATORS} | WITHOUT_SAMPLES == OPERATIONS.keys()


@pytest.mark.usefixtures("unchecked")  # inside, NumPy's formulas have scalars
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_sample_inside_the_contract_agrees(operator: str) -> None:
    rng = np.random.default_rng(0)
    inside = [sample for sample in samples(operator) if left_out(operator, sample) is None]
    assert inside, "bad case: no sample lies inside the contract"
    for sample in inside:
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
            scale = np.abs(theirs).max(initial=scale_of_terms(one))
            worst = np.abs(ours - theirs).max(initial=0)
            assert worst <= BASE["float64"] * scale, f"{one}: {name}"


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_sample_outside_the_contract_is_refused(operator: str, unchecked: None) -> None:
    for sample in samples(operator):
        reason = left_out(operator, sample)
        if reason is None:
            continue
        given = {key: as_numpy(value) for key, value in arguments(operator, sample).items()}
        try:
            getattr(F, name_of(operator))(as_numpy(sample.input), **given)
        except (TypeError, ValueError):
            continue
        pytest.fail(f"{operator}: {reason}, but a sample is taken: {sample}")
