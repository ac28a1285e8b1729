"""A layout in the child process: the contract's operations, computed with the names of a course.

The layout says for each operation how it is computed in the student's own namespace: an expression,
or a function of its own. Its conventions turn what the contract hands over into what the course's
functions take, and their results back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy import ndarray

from parity.sandbox.adapters import (
    Arrays,
    Computed,
    Unsupported,
    array_of,
    arrays_of,
    run_network,
)
from parity.sandbox.loading import is_stub, stub_methods

__all__ = ["Mapped", "mapped"]

Namespace = dict[str, Any]

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

    def arrays(self, args: tuple[Any, ...], options: dict[str, Any]) -> Arrays:
        """The arrays that the contract expects; raises Unsupported for what is not mapped."""
        if self.name == NETWORK:
            return run_network({NETWORK: self.network}, NETWORK, *args, **options)
        given = {**self.defaults, **dict(zip(self.arguments, args, strict=False)), **options}
        if "stride" in given and given["stride"] is None:
            given["stride"] = given["kernel_size"]
        wanted = {name: self.value(name, given) for name in self.uses if self.knows(name, given)}
        if self.in_place:
            wanted = {
                name: np.copy(value) if isinstance(value, ndarray) else value
                for name, value in wanted.items()
            }
        value = self.compute(wanted)
        if value is None and self.in_place:
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

    @property
    def in_place(self) -> bool:
        """Whether the operation may change what it is handed."""
        return self.name.endswith("_step") and self.conventions.get("steps") == "in-place"

    def knows(self, name: str, given: Namespace) -> bool:
        """Whether a name is handed over, or follows from what is."""
        return name in given or (self.name, name) in DERIVED

    def value(self, name: str, given: Namespace) -> Any:
        """What the expression sees under a name: in the shape that the course gives it."""
        value = given[name] if name in given else DERIVED[self.name, name](given)
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


def zeros(weight: ndarray) -> ndarray:
    """A bias for the weight of a layer."""
    return np.zeros(len(weight), weight.dtype)


def refuse(what: str) -> None:
    """Called by a layout for a call that its course does not cover."""
    raise Unsupported(what)


HELPERS = {"np": np, "refuse": refuse}  # what a layout has beside the student's names

# What a course's backward is given beyond the contract's arguments: an input whose output is the
# one that the contract hands over, the bias of a layer.
DERIVED: dict[tuple[str, str], Callable[[Namespace], ndarray]] = {
    ("relu_backward", "input"): lambda given: np.where(
        given["output"] > 0, given["output"], given["output"].dtype.type(-1)
    ),
    ("sigmoid_backward", "input"): lambda given: log(given["output"]) - log(1 - given["output"]),
    ("tanh_backward", "input"): lambda given: (
        (log(1 + given["output"]) - log(1 - given["output"])) / 2
    ),
    ("softmax_backward", "input"): lambda given: log(given["output"]),
    ("log_softmax_backward", "input"): lambda given: given["output"],
    ("linear_backward", "bias"): lambda given: zeros(given["weight"]),
    ("conv2d_backward", "bias"): lambda given: zeros(given["weight"]),
    ("batch_norm_backward", "bias"): lambda given: zeros(given["weight"]),
}


def mapped(plan: dict[str, Any], namespace: Namespace) -> dict[str, Callable[..., Any] | Computed]:
    """The operations of a layout that can be computed with the names of a file.

    `plan` is what `parity.contract.layouts.Layout.plan` makes. Of the ways to compute an operation
    the first is taken whose names are all in the file and written; else one that is not written.
    """
    own = functions_of(plan, namespace) if plan["source"] else {}
    found: dict[str, Callable[..., Any] | Computed] = {}
    for name, entry in plan["operations"].items():
        for way in entry["ways"]:
            if not namespace.keys() >= set(way["needs"]):
                continue
            if any(lacks(namespace, need, way["methods"]) for need in way["needs"]):
                found[name] = unwritten
                continue
            compute = own[name] if plan["source"] else expression(plan["file"], way, namespace)
            found[name] = Mapped(
                name,
                tuple(entry["arguments"]),
                entry["defaults"],
                tuple(entry["outputs"]),
                frozenset(way["uses"]),
                compute,
                plan["conventions"],
            )
            break
    return found


def unwritten(*_args: Any, **_options: Any) -> None:
    """Stands for an operation whose names a file has, but not written."""
    raise NotImplementedError


def functions_of(plan: dict[str, Any], namespace: Namespace) -> Namespace:
    """The functions of a map in Python, which reads the file's names from `student`."""
    module: Namespace = {"__name__": "map", **HELPERS, "student": SimpleNamespace(**namespace)}
    exec(compile(plan["source"], plan["file"], "exec"), module)
    return {
        name: lambda given, function=value: function(**given)
        for name, value in module.items()
        if callable(value)
    }


def expression(file: str, way: dict[str, Any], namespace: Namespace) -> Callable[[Namespace], Any]:
    """The function of a map's expression; its line is that of the map's file."""
    code = compile("\n" * (way["line"] - 1) + way["expression"].strip(), file, "eval")
    return lambda given: eval(code, {**HELPERS, **namespace, **given})


def lacks(namespace: Namespace, name: str, methods: list[str]) -> bool:
    """Whether a name of the file is a stub, as may be one of its methods."""
    value = namespace[name]
    if isinstance(value, type) and stub_methods(value) & set(methods):
        return True
    return callable(value) and is_stub(value)
