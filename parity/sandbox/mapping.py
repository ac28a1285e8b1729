"""A layout in the child process: the contract's operations, computed with the names of a course.

The layout says for each operation how it is computed in the student's own namespace: an expression,
or a function of its own. Its conventions turn what the contract hands over into what the course's
functions take, and their results back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray

from parity.sandbox.adapters import (
    Arrays,
    BadResult,
    Computed,
    Unsupported,
    array_of,
    arrays_of,
    run_network,
)
from parity.sandbox.loading import is_stub, stub_methods
from parity.sandbox.placeholders import is_absent

__all__ = ["Mapped", "mapped"]

Namespace = dict[str, Any]

ROUNDING = 1e-5  # of the largest number, by which the same step may differ for two parameters
NETWORK = "loss_and_grads"
KINDS = {"W": "weight", "b": "bias"}  # of the parameters of a network
LAYER = ("linear", "linear_backward", NETWORK)
LOSSES = ("cross_entropy", "cross_entropy_backward")


@dataclass(frozen=True)
class Mapped(Computed):
    """One operation of the contract, computed with a course's names."""

    name: str
    arguments: tuple[str, ...]  # of the contract
    defaults: dict[str, Any]  # of those that have one
    outputs: tuple[str, ...]
    uses: frozenset[str]  # the names that the expression reads
    compute: Callable[[Namespace], Any]
    conventions: dict[str, str]
    call: str  # the expression, "" for a function of a map in Python

    def arrays(self, args: tuple[Any, ...], options: dict[str, Any]) -> Arrays:
        """The arrays that the contract expects; raises Unsupported for what is not mapped."""
        if self.name == NETWORK:
            return run_network({NETWORK: self.network}, NETWORK, *args, **options)
        given = {**self.defaults, **dict(zip(self.arguments, args, strict=False)), **options}
        if "stride" in given and given["stride"] is None:
            given["stride"] = given["kernel_size"]
        wanted = {name: self.value(name, given) for name in self.uses}
        wanted |= {
            name: np.copy(value)
            for name, value in wanted.items()
            if isinstance(value, ndarray) and self.may_change(name)
        }
        value = self.compute(wanted)
        if value is None and self.may_change(self.outputs[0]):
            value = wanted[self.outputs[0]]
        arrays = arrays_of(value, len(self.outputs))
        return [
            array if array is None else self.back(name, array, given)
            for name, array in zip(self.outputs, arrays, strict=True)
        ]

    def network(self, params: Namespace, X: ndarray, y: ndarray, reg: float = 0.0) -> Any:  # noqa: N803
        """The loss and the gradients of a whole network, in the contract's shapes."""
        own = {name: self.turned(KINDS[name[0]], array) for name, array in params.items()}
        given = {"params": own, "X": self.turned("input", X), "y": y, "reg": reg}
        value = self.compute({name: given[name] for name in self.uses})
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
            grads = {
                name: self.back(KINDS[name[0]], array_of(array), given)
                for name, array in value[1].items()
                if name in params and array is not None
            }
            value = value[0], {**value[1], **grads}
        return value

    def may_change(self, name: str) -> bool:
        """Whether the operation may write into what it is handed under a name."""
        if self.name.endswith("_step"):
            return self.says("steps", "in-place")
        return name == "grad_output" and self.says("backward", "in-place")

    def value(self, name: str, given: Namespace) -> Any:
        """What the expression sees under a name: in the shape that the course gives it."""
        value = given[name] if name in given else self.derived(name, given)
        if not isinstance(value, ndarray):
            return value
        if name == "target":
            return self.target(value, given["input"])
        if name == "input" and self.name in LOSSES and self.says("loss", "probabilities"):
            value = softmax(value)
            if not value.min() > 0 or not value.max() < 1:
                raise Unsupported("a probability of 0 or 1 to rounding")
        if name == "momentum_buffer" and self.says("velocity", "with-lr"):
            return -given["lr"] * value
        return self.turned(name, value)

    def derived(self, name: str, given: Namespace) -> ndarray:
        """What a backward is given beyond the contract's arguments.

        The bias of a layer, or an input whose output is the one that the contract hands over.
        """
        if name == "bias":
            return np.zeros(len(given["weight"]), given["weight"].dtype)
        return INPUTS[self.name.removesuffix("_backward")](given["output"])

    def says(self, convention: str, value: str) -> bool:
        """Whether the course has this convention."""
        return self.conventions.get(convention) == value

    def target(self, classes: ndarray, input: ndarray) -> ndarray:
        """Class indices, or rows or columns with a one."""
        if not self.says("targets", "one-hot"):
            return classes
        rows = np.eye(input.shape[1], dtype=input.dtype)[classes]
        return rows.T if self.says("batch", "columns") else rows

    def turned(self, name: str, value: ndarray) -> ndarray:
        """An array of the contract in the shape that it has in the course."""
        if name == "weight":
            if value.ndim == 4 and self.says("images", "NHWC"):
                return value.transpose(2, 3, 1, 0)
            return value.T if value.ndim == 2 and self.says("weights", "in-out") else value
        if name == "bias":
            if self.name in LAYER:
                row, column = self.says("bias", "row"), self.says("bias", "column")
                return value[None] if row else value[:, None] if column else value
            images = self.name.startswith("conv2d") and self.says("images", "NHWC")
            return value.reshape(1, 1, 1, -1) if images else value
        if name in ("input", "output", "grad_output"):
            if value.ndim == 4 and self.says("images", "NHWC"):
                return value.transpose(0, 2, 3, 1)
            if value.ndim == 2 and self.says("batch", "columns"):
                return value.T
        return value

    def back(self, name: str, value: ndarray, given: Namespace) -> ndarray:
        """An array of the course in the shape that it has in the contract."""
        name = name.removeprefix("grad_")
        if name == "weight" and value.ndim == 4 and self.says("images", "NHWC"):
            value = value.transpose(3, 2, 0, 1)
        elif name == "momentum_buffer" and self.says("velocity", "with-lr"):
            value = value / -given["lr"]
        elif name == "running_var" and given["training"] and self.says("variance", "biased"):
            kept = (1 - given["momentum"]) * given[name]
            count = given["input"].size // value.size
            value = kept + (value - kept) * count / (count - 1)
        elif name == "bias":
            shape = self.turned("bias", np.empty(value.size)).shape
            if value.ndim == 1 and shape == (value.size, 1):  # minus a column this is a matrix
                raise BadResult(f"grad_bias has shape {value.shape}, but should have {shape}")
            value = value.reshape(-1) if value.shape == shape else value
        elif name in ("input", "output") and value.ndim == 4 and self.says("images", "NHWC"):
            value = value.transpose(0, 3, 1, 2)
        else:
            value = self.turned(name, value)
        if name in ("weight", "bias") and self.name == LAYER[1] and self.says("mean", "layer"):
            value = value * len(given["grad_output"])
        if self.name == "cross_entropy_backward" and "grad_output" not in self.uses:
            value = value * given["grad_output"]
        return value


def softmax(logits: ndarray) -> ndarray:
    """Probabilities (N, C), for a loss that is computed of these."""
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def log(array: ndarray) -> ndarray:
    """The logarithm, -inf of 0."""
    with np.errstate(divide="ignore"):
        return np.log(array)


def refuse(what: str) -> None:
    """Called by a layout for a call that its course does not cover."""
    raise Unsupported(what)


def require(holds: Any, words: str) -> bool:
    """Called by a layout for what the contract does not ask and the course does."""
    if not holds:
        raise BadResult(words)
    return True


def same(steps: Any) -> Any:
    """The first of the results of one step for several parameters, which must be the same.

    But for rounding, which may be another for each; what is no dict comes back as it is.
    """
    if not isinstance(steps, dict) or not steps:
        return steps
    (first, result), *others = steps.items()
    finite = np.abs(np.where(np.isfinite(result), result, 0)).max(initial=0)
    for name, other in others:
        alike = np.shape(other) == np.shape(result) and np.allclose(
            result, other, rtol=0, atol=ROUNDING * finite, equal_nan=True
        )
        require(alike, f"the same step gives {name} other numbers than {first}")
    return result


# What a layout has beside the student's names: `parity.contract.layouts.layout.HELPERS`.
HELPERS = {"np": np, "refuse": refuse, "require": require, "same": same}

INPUTS: dict[str, Callable[[ndarray], ndarray]] = {  # by an output of the function
    "relu": lambda output: np.where(output > 0, output, output.dtype.type(-1)),
    "sigmoid": lambda output: log(output) - log(1 - output),
    "tanh": lambda output: (log(1 + output) - log(1 - output)) / 2,
    "softmax": log,
    "log_softmax": lambda output: output,
}


def mapped(plan: dict[str, Any], namespace: Namespace) -> dict[str, Callable[..., Any] | Computed]:
    """The operations of a layout that can be computed with the names of a file.

    `plan` is what `parity.contract.layouts.Layout.plan` makes. Of the ways to compute an operation
    each counts whose names are all in the file and written: the first by the operation's name,
    those of other functions with their names beside it. Else it is not written.
    """
    file = namespace
    namespace = {name: value for name, value in file.items() if not is_absent(value)}
    others = respelt(plan, namespace)
    namespace |= others
    own = functions_of(plan, file, others) if plan["source"] else {}
    found: dict[str, Callable[..., Any] | Computed] = {}
    for name, entry in plan["operations"].items():
        seen: set[str] = set()
        for way in entry["ways"]:
            if not namespace.keys() >= set(way["needs"]):
                continue
            if any(lacks(namespace, need, way["methods"]) for need in way["needs"]):
                found.setdefault(name, unwritten)
                continue
            if seen and not set(way["needs"]) - seen:
                continue  # another way to call what is looked at already
            seen |= set(way["needs"])
            compute = own[name] if plan["source"] else expression(plan["file"], way, namespace)
            further = f"{name} ({', '.join(way['needs'])})"
            taken = found.get(name, unwritten) is not unwritten
            found[further if taken else name] = settled(
                Mapped(
                    name,
                    tuple(entry["arguments"]),
                    entry["defaults"],
                    tuple(entry["outputs"]),
                    frozenset(way["uses"]),
                    compute,
                    plan["conventions"],
                    way["expression"],
                )
            )
    return found


def unwritten(*_args: Any, **_options: Any) -> None:
    """Stands for an operation whose names a file has, but not written."""
    raise NotImplementedError


def respelt(plan: dict[str, Any], namespace: Namespace) -> Namespace:
    """Names that a layout needs and the file spells otherwise, as ReLU for Relu."""
    needs = {n for one in plan["operations"].values() for way in one["ways"] for n in way["needs"]}
    own = {spelling(name): value for name, value in namespace.items()}
    absent = needs - namespace.keys()
    return {name: own[spelling(name)] for name in absent if spelling(name) in own}


def spelling(name: str) -> tuple[bool, str]:
    """What two spellings of a name share; a class and a function are two names."""
    return name[:1].isupper(), name.replace("_", "").lower()


def settled(operation: Mapped) -> Mapped:
    """The operation, which takes targets of one kind: rows with a one where classes raise."""
    if operation.name not in LOSSES or not operation.says("targets", "either"):
        return operation
    input, target = np.zeros((2, 3)), np.array([2, 0])
    given = {"input": input, "target": target, "grad_output": 1.0}
    try:
        operation.compute({name: given[name] for name in operation.uses})
        kind = "classes"
    except Exception:  # whatever it is that the file raises
        kind = "one-hot"
    return replace(operation, conventions={**operation.conventions, "targets": kind})


def functions_of(plan: dict[str, Any], file: Namespace, others: Namespace) -> Namespace:
    """The functions of a map in Python, which reads the file's names from `student`.

    It may set them as well, such as a global that the file takes from its data.
    """

    class Student:
        def __getattr__(self, name: str) -> Any:
            if name in others:
                return others[name]
            raise AttributeError(f"the file has no {name}")

    student = Student()
    student.__dict__ = file
    module: Namespace = {"__name__": "map", **HELPERS, "student": student}
    exec(compile(plan["source"], plan["file"], "exec"), module)
    return {
        name: lambda given, function=value: function(**given)
        for name, value in module.items()
        if callable(value)
    }


def expression(file: str, way: dict[str, Any], namespace: Namespace) -> Callable[[Namespace], Any]:
    """The function of a map's expression; its line is that of the map's file."""
    code = compile("\n" * (way["line"] - 1) + way["expression"].strip(), file, "eval")
    # The file may have names of ours, such as NumPy's `require` after `from numpy import *`.
    return lambda given: eval(code, {**namespace, **HELPERS, **given})


def lacks(namespace: Namespace, name: str, methods: list[str]) -> bool:
    """Whether a name of the file is a stub, as may be one of its methods."""
    value = namespace[name]
    if isinstance(value, type) and stub_methods(value) & set(methods):
        return True
    return callable(value) and is_stub(value)
