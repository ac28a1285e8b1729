"""The rules of the house: who imports whom, the two mirror images, the contract's signatures."""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import numpy_impl
import torch_impl
from parity_tests.twins import ARGUMENTS, strangers

ROOT = Path(__file__).parent.parent

# --- who imports whom ----------------------------------------------------------------------------

GROUND_FLOOR = {
    "data": {"numpy", "jaxtyping", "torch", "torchvision"},
    "numpy_impl": {"numpy", "jaxtyping", "safetensors"},
    "torch_impl": {"torch", "numpy", "jaxtyping", "safetensors"},
}


def imports(source: str) -> Iterator[str]:
    """The top-level packages that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0] if not node.level else "a relative import"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield ast.literal_eval(node.args[0]).split(".")[0]


@pytest.mark.parametrize("package", GROUND_FLOOR)
def test_the_ground_floor_imports_only_what_it_may(package: str) -> None:
    allowed = GROUND_FLOOR[package] | {package} | sys.stdlib_module_names
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        strangers = set(imports(file.read_text(encoding="utf-8"))) - allowed
        assert not strangers, f"{file.relative_to(ROOT)} imports {', '.join(sorted(strangers))}"


def test_only_upstairs_imports_both_sides() -> None:
    """Of all packages beside the README; data is on the ground floor too, and imports neither."""
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages >= {*GROUND_FLOOR, "parity", "parity_tests"}
    for package in packages - {"parity", "parity_tests", "benchmarks"}:
        for file in (ROOT / package).rglob("*.py"):
            names = set(imports(file.read_text(encoding="utf-8"))) - {package}
            assert names.isdisjoint({*SIDES, "parity"}), f"{file.relative_to(ROOT)}: {names}"


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import torch.nn as nn",
        "from torch import nn",
        "def f():\n    from torch.nn import functional",
        "importlib.import_module('torch.nn')",
    ],
)
def test_no_way_of_importing_is_overlooked(source: str) -> None:
    assert set(imports(source)) == {"torch"}


# --- the mirror ----------------------------------------------------------------------------------

# PyTorch checks its own arguments, its convolution stands beside the other operations, and it is
# fast by itself.
SIDES = ("numpy_impl", "torch_impl")
NUMPY_ONLY = {"checks.py", "convolution.py", "fast.py"}


def files(package: Any) -> set[str]:
    return {file.name for file in Path(package.__file__).parent.glob("*.py")}


MIRRORED = sorted(file[:-3] for file in files(torch_impl) if file != "__init__.py")


def test_both_sides_have_the_same_files() -> None:
    assert files(numpy_impl) - NUMPY_ONLY == files(torch_impl)


def both(module: str) -> tuple[Any, Any]:
    ours, theirs = (importlib.import_module(f"{side}.{module}") for side in SIDES)
    return ours, theirs


@pytest.mark.parametrize("module", MIRRORED)
def test_both_sides_have_the_same_names_in_the_same_order(module: str) -> None:
    ours, theirs = both(module)
    assert ours.__all__ == theirs.__all__


def arguments(function: Any) -> list[tuple[str, Any]]:
    """(name, default) of each argument that may be given by position."""
    return [
        (parameter.name, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("module", ["functional", "models", "training"])
def test_both_sides_take_the_same_arguments(module: str) -> None:
    """Those of NumPy's functions may go on where PyTorch's end."""
    ours, theirs = both(module)
    for name in ours.__all__:
        expected = arguments(getattr(theirs, name))
        if name == "relu":  # PyTorch's own, with an option of its own
            expected = expected[:1]
        assert arguments(getattr(ours, name))[: len(expected)] == expected, name


@pytest.mark.parametrize("name", ARGUMENTS)
def test_parameters_have_the_same_names_and_shapes(name: str) -> None:
    ours, theirs = strangers(name, "float32", seed=0)
    assert [(key, tuple(value.data.shape)) for key, value in ours.named_parameters()] == [
        (key, tuple(value.shape)) for key, value in theirs.named_parameters()
    ]


# --- the contract --------------------------------------------------------------------------------

SIGNATURES = [
    "functional.linear(input, weight, bias=None)",
    "functional.linear_backward(grad_output, input, weight)",
    "functional.sigmoid(input)",
    "functional.sigmoid_backward(grad_output, output)",
    "functional.relu(input)",
    "functional.relu_backward(grad_output, output)",
    "functional.softmax(input, dim=-1)",
    "functional.softmax_backward(grad_output, output, dim=-1)",
    "functional.log_softmax(input, dim=-1)",
    "functional.log_softmax_backward(grad_output, output, dim=-1)",
    "functional.cross_entropy(input, target, reduction='mean')",
    "functional.cross_entropy_backward(grad_output, input, target, reduction='mean')",
    "functional.conv2d(input, weight, bias=None, stride=1, padding=0)",
    "functional.conv2d_backward(grad_output, input, weight, stride=1, padding=0)",
    "functional.avg_pool2d(input, kernel_size, stride=None)",
    "functional.avg_pool2d_backward(grad_output, input, kernel_size, stride=None)",
    "functional.sgd_step(param, grad, lr, weight_decay=0.0)",
    "functional.adam_step(param, grad, exp_avg, exp_avg_sq, step, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)",  # noqa: E501
    "models.SoftmaxRegression(in_features, num_classes)",
    "models.FeedForward(in_features, hidden_features, num_classes)",
    "models.ConvNet(num_classes)",
    "optim.SGD(parameters, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)",
    "optim.Adam(parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)",
    "training.fit(model, optimizer, images, labels, batches, on_step=None)",
    "training.evaluate(model, images, labels, batch_size=1000)",
]


@pytest.mark.parametrize("expected", SIGNATURES, ids=lambda line: line.split("(")[0])
def test_signatures_are_those_of_the_contract(expected: str) -> None:
    """More arguments may follow, if they have defaults."""
    path, text = expected.split("(", maxsplit=1)
    module, name = path.split(".")
    function = getattr(importlib.import_module(f"numpy_impl.{module}"), name)
    written = ast.parse(f"lambda {text[:-1]}: 0", mode="eval").body.args  # type: ignore[attr-defined]
    names = [argument.arg for argument in written.args]
    defaults = [ast.literal_eval(default) for default in written.defaults]
    required = [inspect.Parameter.empty] * (len(names) - len(defaults))
    wanted = list(zip(names, [*required, *defaults], strict=True))
    assert arguments(function)[: len(wanted)] == wanted
    for parameter in list(inspect.signature(function).parameters.values())[len(wanted) :]:
        assert parameter.default is not parameter.empty, parameter


def test_the_contract_is_complete() -> None:
    functional = importlib.import_module("numpy_impl.functional")
    listed = [line.split("(")[0].split(".")[1] for line in SIGNATURES if "functional" in line]
    assert functional.__all__ == listed
