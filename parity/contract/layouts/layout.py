"""What a layout is made of."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.contract.calls import Call
from parity.contract.operations import SUBJECTS

__all__ = ["CONVENTIONS", "HELPERS", "Layout", "Way", "arguments_of", "derived"]

# What an expression may use beside the student's names; `parity.sandbox.mapping` has the values.
HELPERS = {"np", "refuse", "require", "same"}

# What a course may do otherwise than PyTorch; the first is PyTorch's.
CONVENTIONS = {
    "weights": ("out-in", "in-out"),  # of a linear layer
    "bias": ("flat", "row", "column"),  # (out,), (1, out) or (out, 1)
    "targets": ("classes", "one-hot", "either"),  # either: classes if it takes them
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
    "backward": ("pure", "in-place"),  # whether a backward may change grad_output
    "epsilon": ("none", "1e-7", "1e-8", "1e-12", "1e-15"),  # added to p in the loss, log(p + ε)
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
    operations: Mapping[str, tuple[Way, ...]]  # each that can be computed is looked at
    conventions: Mapping[str, str] = field(default_factory=dict)
    source: str = ""  # of a map in Python
    recognised_by: frozenset[str] = frozenset()  # names that no other course has
    arguments: Mapping[str, str] = field(default_factory=dict)  # where no expression names them
    unchecked: tuple[str, ...] = ()  # names of the course with which no operation is computed
    shipped: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """The names that its operations are computed with."""
        return frozenset(
            need for ways in self.operations.values() for way in ways for need in way.needs
        )

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

    def variants(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """What the course's files may compute as well, as options of the reference."""
        epsilon = self.conventions.get("epsilon", "none")
        if name == "cross_entropy" and epsilon != "none":
            return {}, {"epsilon": float(epsilon)}
        return SUBJECTS[name].variants

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
        if "dim" in defaults and "dim" not in uses and call.args[0].ndim != 2:
            return call.label  # its softmax is one of rows
        if "bias" in uses and "bias" in defaults and "bias" not in given:
            return "without a bias"
        if call.may_raise and self.shipped:
            return call.label  # such as strides in pairs: more general than the course is
        if call.extreme and self.conventions.get("stability") == "ordinary":
            return call.label
        return ""


def derived(name: str) -> set[str]:
    """What an operation may use beyond its arguments, for it follows from these.

    The input of a backward that is given the output, and the bias of a layer.
    """
    if SUBJECTS[name].role != "backward":
        return set()
    forward = SUBJECTS[name.removesuffix("_backward")]
    inputs = {"input"} if "output" in SUBJECTS[name].arguments else set()
    return inputs | ({"bias"} & set(forward.arguments))


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
