"""Conventions that are no errors: what the file may do otherwise than PyTorch, when it says so."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from numpy import ndarray

from parity.contract.calls import Call
from parity.contract.operations import SUBJECTS

__all__ = ["Conventions"]

REDUCES = {"cross_entropy", "cross_entropy_backward", "fit"}
LINEAR = {"linear", "linear_backward"}
MODELS = {"SoftmaxRegression", "FeedForward"}
TRANSPOSED = {"fc.weight", "fc1.weight", "fc2.weight", "W1", "W2"}


@dataclass(frozen=True)
class Conventions:
    """How the file counts; the defaults are PyTorch's."""

    reduction: Literal["mean", "sum"] = "mean"  # of a cross-entropy that is given no `reduction`
    weights: Literal["out-in", "in-out"] = "out-in"  # the shape of a linear layer's weight
    l2_half: bool = False  # λ stands for the penalty λ‖p‖², where PyTorch's is (λ/2)‖p‖²

    def adapt(self, subject: str, call: Call) -> Call:
        """The call, with what the file takes for given told to the reference."""
        options: dict[str, Any] = {}
        if subject in REDUCES and "reduction" not in call.options:
            options["reduction"] = self.reduction
        if self.l2_half and "weight_decay" in call.options:
            options["weight_decay"] = 2 * call.options["weight_decay"]
        return replace(call, reference_options=options)

    def args(self, subject: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as the file wants them."""
        if self.weights == "out-in":
            return args
        if subject in LINEAR:
            at = SUBJECTS[subject].arguments.index("weight")
            return (*args[:at], args[at].T, *args[at + 1 :])
        if subject in MODELS:
            return (args[0], turned(args[1]), *args[2:])
        if subject == "loss_and_grads":
            return (turned(args[0]), *args[1:])
        if subject == "fit":
            return ([turned(state) for state in args[0]], *args[1:])
        return args

    def results(self, subject: str, call: Call, arrays: list[ndarray]) -> list[ndarray]:
        """PyTorch's results as the file's should be."""
        if self.weights == "out-in":
            return arrays
        if subject == "linear_backward":
            return [arrays[0], arrays[1].T, arrays[2]]
        if subject in MODELS:
            state = list(call.args[1])
            names = [*state, "logits", *reversed(state)]
        elif subject == "loss_and_grads":
            names = ["loss", *reversed(call.args[0])]
        elif subject == "fit":
            names = [name for state in call.args[0] for name in state]
        else:
            return arrays
        return [
            array.T if name in TRANSPOSED else array
            for name, array in zip(names, arrays, strict=True)
        ]


def turned(state: dict[str, ndarray]) -> dict[str, ndarray]:
    """The state with the weights of linear layers as (in, out)."""
    return {name: array.T if name in TRANSPOSED else array for name, array in state.items()}
