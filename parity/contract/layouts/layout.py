"""What a layout is made of."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.contract.calls import Call
from parity.contract.operations import SUBJECTS

__all__ = ["CONVENTIONS", "DERIVED", "Layout", "Way", "arguments_of"]

# What a course may do otherwise than PyTorch; the first is PyTorch's.
CONVENTIONS = {
    "weights": ("out-in", "in-out"),  # of a linear layer
    "bias": ("flat", "row", "column"),  # (out,), (1, out) or (out, 1)
    "targets": ("classes", "one-hot"),
    "batch": ("rows", "columns"),  # (N, features) or (features, N)
    "images": ("NCHW", "NHWC"),  # NHWC has kernels (kh, kw, in, out) and biases (1, 1, 1, out)
    "loss": ("logits", "probabilities"),  # what the cross-entropy is computed of
    "mean": (
        "loss",
        "layer",
    ),  # where the gradient is divided by N: in the loss, in linear_backward
    "stability": ("extreme", "ordinary"),  # on which numbers a function has to be right
    "velocity": ("plain", "with-lr"),  # of momentum: μ v + g, or μ v - lr g
    "variance": ("unbiased", "biased"),  # of a batch, in the running variance of batch norm
    "steps": ("pure", "in-place"),  # whether a step may change the arrays that it is handed
}

# What an expression may use beyond the contract's arguments, for it follows from these.
DERIVED = {
    "relu_backward": {"input"},
    "sigmoid_backward": {"input"},
    "tanh_backward": {"input"},
    "softmax_backward": {"input"},
    "log_softmax_backward": {"input"},
    "linear_backward": {"bias"},
    "conv2d_backward": {"bias"},
    "batch_norm_backward": {"bias"},
}


@dataclass(frozen=True)
class Way:
    """One way to compute an operation."""

    expression: str  # "" for a function of a map in Python
    line: int
    uses: frozenset[str]  # the variables that it reads
    needs: frozenset[str]  # the names of the student's file that it reads
    methods: frozenset[str]  # and the methods of these


@dataclass(frozen=True)
class Layout:
    """How the contract's operations are computed with the names of a course."""

    name: str
    file: str
    operations: Mapping[str, tuple[Way, ...]]  # the first that can be computed is taken
    conventions: Mapping[str, str] = field(default_factory=dict)
    source: str = ""  # of a map in Python
    recognised_by: frozenset[str] = frozenset()  # names that no other course has
    arguments: Mapping[str, str] = field(default_factory=dict)  # where no expression names them
    shipped: bool = False

    def plan(self) -> dict[str, Any]:
        """What the child process reads the file by, of plain values."""
        return {
            "file": self.file,
            "source": self.source,
            "conventions": dict(self.conventions),
            "operations": {
                name: {
                    **arguments_of(name),
                    "ways": [
                        {
                            "expression": way.expression,
                            "line": way.line,
                            "uses": sorted(way.uses),
                            "needs": sorted(way.needs),
                            "methods": sorted(way.methods),
                        }
                        for way in ways
                    ],
                }
                for name, ways in self.operations.items()
            },
        }

    def left_out(self, name: str, call: Call) -> str:
        """What of a call the course does not cover, "" if it covers it.

        An option that the layout does not use, a layer without a bias where it needs one, extreme
        numbers where the course does not ask for stability, and of a shipped course what is more
        general than it.
        """
        arguments = arguments_of(name)
        uses = frozenset().union(*(way.uses for way in self.operations[name]))
        given = {**dict(zip(arguments["arguments"], call.args, strict=False)), **call.options}
        defaults = arguments["defaults"]
        foreign = [
            option
            for option, default in defaults.items()
            if option in given and option not in uses and given[option] is not default
        ]
        if foreign and any(given[option] != defaults[option] for option in foreign):
            return call.label or foreign[0]
        if "bias" in uses and "bias" in defaults and "bias" not in given:
            return "without a bias"
        if call.may_raise and self.shipped:
            return call.label  # such as strides in pairs: more general than the course is
        if call.extreme and self.conventions.get("stability") == "ordinary":
            return call.label
        return ""


def arguments_of(name: str) -> dict[str, Any]:
    """The `arguments` of an operation, the `defaults` of those that have one, and its `outputs`."""
    subject = SUBJECTS[name]
    defaults = [ast.literal_eval(default) for default in subject.parsed.defaults]
    names = [argument.arg for argument in subject.parsed.args]
    return {
        "arguments": names,
        "defaults": dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)),
        "outputs": [] if subject.role == "network" else list(subject.outputs(Call(()))),
    }
