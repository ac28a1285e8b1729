"""Which module may import which, the two mirror images, and the contract's signatures."""

import ast
import graphlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import numpy_impl
import torch_impl
from parity_tests.model_pairs import ARGUMENTS, independent_models

ROOT = Path(__file__).parents[2]

# --- which module may import which ---------------------------------------------------------------

IMPLEMENTATIONS = {
    "numpy_impl": {"numpy", "jaxtyping"},
    "torch_impl": {"torch", "numpy", "jaxtyping"},
}

# From the bottom up: a file imports from its own package and from those before it in this list.
ROOMS = [
    "numpy_impl",
    "torch_impl",
    "parity.errors",
    "parity.system",
    "parity.tolerance",
    "parity.datasets",
    "parity.recipes",
    "parity.backends",
    "parity.experiment",
    "parity.distributed",
    "parity.contract",
    "parity.strategies",
    "parity.sandbox",
    "parity.gradients",
    "parity.comparison",
    "parity.reproduce",
    "parity.checking",
    "parity.grading",
    "parity.predict",
    "parity.pictures",
    "parity.web",
    "parity.cli",
    "parity",
    "parity_tests",  # the helpers of its tests; the tests themselves import anything
    "maintenance",
    "benchmarks",
]


def imports(source: str) -> Iterator[str]:
    """The dotted names of the modules that a file imports, inside functions as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            parts = ast.walk(node.args[0])  # an f-string shows at least how the name begins
            yield "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str | None:
    """The innermost entry of ROOMS that a module belongs to; None for other modules."""
    parts = module.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in ROOMS), None)


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", IMPLEMENTATIONS)
def test_an_implementation_imports_only_what_is_allowed(package: str) -> None:
    allowed = IMPLEMENTATIONS[package] | {package} | sys.stdlib_module_names
    assert sources(package)
    for file in sources(package):
        names = {name.split(".")[0] for name in imports(file.read_text(encoding="utf-8"))}
        assert not names - allowed, f"{file.relative_to(ROOT)} imports {sorted(names - allowed)}"


@pytest.mark.parametrize("package", ["parity", "maintenance"])
def test_imports_go_down_only(package: str) -> None:
    for file in sources(package):
        here = room(module_name(file))
        assert here is not None
        for name in imports(file.read_text(encoding="utf-8")):
            there = room(name)
            assert there is None or ROOMS.index(there) <= ROOMS.index(here), (
                f"{file.relative_to(ROOT)}, in {here}, imports {name}, which is above it"
            )


def test_every_package_has_its_room() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    rooms = {module_name(file) for file in ROOT.glob("parity/*.py")}
    rooms |= {module_name(file) for file in ROOT.glob("parity/*/__init__.py")}
    assert packages | rooms - {"parity.__main__"} == set(ROOMS)


@pytest.mark.parametrize("package", ["numpy_impl", "torch_impl", "parity", "maintenance"])
def test_no_two_files_import_each_other(package: str) -> None:
    """There is no circle of imports, however long."""
    files = {module_name(file): file for file in sources(package)}
    edges = {
        name: {
            next((target for target in (found, found.rpartition(".")[0]) if target in files), "")
            for found in imports(file.read_text(encoding="utf-8"))
        }
        - {"", name}
        for name, file in files.items()
    }
    graphlib.TopologicalSorter(edges).prepare()  # raises CycleError, which names the circle


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
    assert {name.split(".")[0] for name in imports(source)} == {"torch"}


# --- the mirror ----------------------------------------------------------------------------------

# PyTorch checks its own arguments, is fast without further code, and has
# torch.distributed.all_reduce; by hand there is no autograd.
NUMPY_ONLY = {"checks.py", "distributed.py", "fast.py", "joined.py", "plan.py"}
TORCH_ONLY = {"autograd.py"}


def files(package: Any) -> set[str]:
    return {file.name for file in Path(package.__file__).parent.glob("*.py")}


MIRRORED = sorted(file[:-3] for file in files(torch_impl) - TORCH_ONLY - {"__init__.py"})


def test_both_implementations_have_the_same_files() -> None:
    assert files(numpy_impl) - NUMPY_ONLY == files(torch_impl) - TORCH_ONLY


def both(module: str) -> tuple[Any, Any]:
    ours, theirs = (importlib.import_module(f"{package}.{module}") for package in IMPLEMENTATIONS)
    return ours, theirs


@pytest.mark.parametrize("module", MIRRORED)
def test_both_implementations_have_the_same_names_in_the_same_order(module: str) -> None:
    ours, theirs = both(module)
    assert ours.__all__ == theirs.__all__


def arguments(function: Any) -> list[tuple[str, Any]]:
    """(name, default) of each argument that can be given by position."""
    return [
        (parameter.name, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("module", ["functional", "models", "training"])
def test_both_implementations_take_the_same_arguments(module: str) -> None:
    """NumPy's functions may have more arguments after those of PyTorch's."""
    ours, theirs = both(module)
    for name in ours.__all__:
        expected = arguments(getattr(theirs, name))
        if name == "relu":  # PyTorch's own, with an option of its own
            expected = expected[:1]
        assert arguments(getattr(ours, name))[: len(expected)] == expected, name


@pytest.mark.parametrize("name", ARGUMENTS)
def test_parameters_have_the_same_names_and_shapes(name: str) -> None:
    ours, theirs = independent_models(name, "float32", seed=0)
    assert [(key, tuple(value.data.shape)) for key, value in ours.named_parameters()] == [
        (key, tuple(value.shape)) for key, value in theirs.named_parameters()
    ]


# --- the contract --------------------------------------------------------------------------------

SIGNATURES = [
    "functional.linear(input, weight, bias=None)",
    "functional.linear_backward(grad_output, input, weight)",
    "functional.sigmoid(input)",
    "functional.sigmoid_backward(grad_output, output)",
    "functional.tanh(input)",
    "functional.tanh_backward(grad_output, output)",
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
    "functional.max_pool2d(input, kernel_size, stride=None)",
    "functional.max_pool2d_backward(grad_output, input, kernel_size, stride=None)",
    "functional.batch_norm(input, running_mean, running_var, weight, bias, training=False, momentum=0.1, eps=1e-05)",  # noqa: E501
    "functional.batch_norm_backward(grad_output, input, weight, running_mean, running_var, training=False, eps=1e-05)",  # noqa: E501
    "functional.dropout(input, mask, p=0.5)",
    "functional.dropout_backward(grad_output, mask, p=0.5)",
    "functional.sgd_step(param, grad, lr, weight_decay=0.0)",
    "functional.momentum_step(param, grad, momentum_buffer, lr, momentum=0.9, weight_decay=0.0)",
    "functional.rmsprop_step(param, grad, square_avg, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0)",  # noqa: E501
    "functional.adam_step(param, grad, exp_avg, exp_avg_sq, step, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)",  # noqa: E501
    "functional.adamw_step(param, grad, exp_avg, exp_avg_sq, step, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)",  # noqa: E501
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
