"""What can be checked: each name of the contract, with its arguments, outputs and probes.

A probe is drawn for given sizes, which differ from each other so that nothing hides: a transposed
weight shows in its shape, a sum over the wrong axis in its length. Beside them stand square ones,
where code with the axes mixed up runs to the end and can be recognised by its numbers. The smallest
sizes come first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.contract import probes, training_probes
from parity.contract.calls import Call

__all__ = ["SUBJECTS", "Subject"]

Draw = Callable[..., list[Call]]


@dataclass(frozen=True)
class Subject:
    """A name of the contract."""

    name: str
    arguments: tuple[str, ...]
    outputs: Callable[[Call], tuple[str, ...]]
    sizes: tuple[tuple[int, ...], ...]
    probes: Draw
    shrinks: bool = True

    def draw(self, seed: int, sizes: tuple[int, ...]) -> list[Call]:
        """The calls for these sizes; none where they do not fit together."""
        return self.probes(np.random.default_rng([seed, *sizes]), *sizes)


def function(name: str, arguments: str, outputs: str, sizes: Any, **more: Any) -> Subject:
    """A pure function, whose probes are drawn by the function of that name in `probes`."""
    names = tuple(outputs.split())
    return Subject(
        name, tuple(arguments.split()), lambda _call: names, sizes, getattr(probes, name), **more
    )


MATRIX = ((2, 3), (3, 3), (4, 3), (3, 5))
LINEAR = ((2, 3, 4), (3, 2, 2), (3, 4, 3), (5, 4, 4), (7, 4, 3))
CONV = ((2, 1, 3, 4, 5, 2, 3), (3, 2, 2, 5, 6, 3, 3), (2, 2, 4, 6, 5, 3, 2), (3, 3, 3, 6, 7, 3, 3))
POOL = ((2, 3, 4, 6), (1, 2, 7, 5), (2, 4, 6, 6))

FUNCTIONS = (
    function("linear", "input weight bias", "output", LINEAR),
    function(
        "linear_backward", "grad_output input weight", "grad_input grad_weight grad_bias", LINEAR
    ),
    function("sigmoid", "input", "output", MATRIX),
    function("sigmoid_backward", "grad_output output", "grad_input", MATRIX),
    function("relu", "input", "output", MATRIX),
    function("relu_backward", "grad_output output", "grad_input", MATRIX),
    function("softmax", "input", "output", MATRIX),
    function("softmax_backward", "grad_output output", "grad_input", MATRIX),
    function("log_softmax", "input", "output", MATRIX),
    function("log_softmax_backward", "grad_output output", "grad_input", MATRIX),
    function("cross_entropy", "input target", "loss", MATRIX),
    function("cross_entropy_backward", "grad_output input target", "grad_input", MATRIX),
    function("conv2d", "input weight bias", "output", CONV),
    function(
        "conv2d_backward", "grad_output input weight", "grad_input grad_weight grad_bias", CONV
    ),
    function("avg_pool2d", "input kernel_size", "output", POOL),
    function("avg_pool2d_backward", "grad_output input kernel_size", "grad_input", POOL),
    function("sgd_step", "param grad lr", "param", MATRIX),
    function("adam_step", "param grad exp_avg exp_avg_sq step", "param exp_avg exp_avg_sq", MATRIX),
)


def after_each_step(call: Call) -> tuple[str, ...]:
    """The names of the weights after each step of an optimizer or of `fit`."""
    states = call.args[0]
    names = list(states[0]) if isinstance(states[0], dict) else ["weight", "bias"]
    return tuple(f"{name} after step {k}" for k in range(1, len(states) + 1) for name in names)


def tensors_of_model(call: Call) -> tuple[str, ...]:
    """The names of what a model is asked for, in the order of computation."""
    names = list(call.args[1])
    loaded = [f"state_dict()[{name!r}]" for name in names]
    return (*loaded, "logits", *(f"{name}.grad" for name in reversed(names)))


def model(name: str, sizes: tuple[tuple[int, ...], ...], **more: Any) -> Subject:
    """A model class."""
    arguments = ("sizes", "state_dict", "input", "grad_logits")
    return Subject(name, arguments, tensors_of_model, sizes, getattr(training_probes, name), **more)


OPTIMIZER = ("parameters before each step", "gradients of each step", "lr of each step")

CLASSES = (
    model("SoftmaxRegression", ((4, 2, 3), (3, 4, 2), (5, 3, 3))),
    model("FeedForward", ((3, 5, 4, 2), (5, 2, 3, 4), (6, 3, 3, 3))),
    model("ConvNet", ((2, 3),), shrinks=False),
    Subject("SGD", OPTIMIZER, after_each_step, ((3, 4), (2, 5)), training_probes.SGD),
    Subject("Adam", OPTIMIZER, after_each_step, ((3, 4), (2, 5)), training_probes.Adam),
    Subject(
        "fit",
        ("weights before each step", "images", "labels", "batches", "lr of each step"),
        after_each_step,
        ((11, 5, 4, 3), (10, 3, 5, 4)),
        training_probes.fit,
        shrinks=False,
    ),
    Subject(
        "evaluate",
        ("the model's weight", "images", "labels"),
        lambda _call: ("loss", "accuracy"),
        ((11, 4, 3), (10, 3, 5)),
        training_probes.evaluate,
        shrinks=False,
    ),
)

# In the order in which they build on each other: a later one is looked at with the earlier right.
SUBJECTS = {subject.name: subject for subject in (*FUNCTIONS, *CLASSES)}
