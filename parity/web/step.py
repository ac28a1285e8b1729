"""One step, node by node: from the input through the loss and back to the updated weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

import numpy_impl.functional
from parity.errors import InputError
from parity.web import engine, pencil
from parity.web.fields import Fields
from parity.web.lessons import LESSONS, mathml
from parity.web.packing import pack, ulps, ulps_of_scale
from parity.web.tape import PLANS, Layer, Optimizer, Plan, Step, by_hand, in_torch

__all__ = ["answer"]

NETS = ("hand", *engine.RECIPE_NAMES)
MOST_EDITS = 200

# The net that can be recomputed with a pencil: 4 inputs, 3 hidden units, 2 classes.
HAND_INPUT = [[1.0, 0.5, 0.0, -1.0], [0.0, 1.0, 2.0, 0.5]]
HAND_TARGET = [0, 1]
HAND_WEIGHTS = {
    "fc1.weight": [[0.2, -0.4, 0.1, 0.5], [-0.3, 0.6, 0.2, 0.1], [0.4, 0.1, -0.5, 0.3]],
    "fc1.bias": [0.1, -0.2, 0.0],
    "fc2.weight": [[0.5, -0.6, 0.3], [-0.4, 0.7, 0.2]],
    "fc2.bias": [0.1, -0.1],
}


@dataclass(frozen=True)
class Problem:
    """What a step is computed from."""

    title: str
    plan: Plan
    weights: dict[str, ndarray]
    input: ndarray
    target: ndarray
    classes: int
    optimizer: Optimizer


@dataclass(frozen=True)
class Node:
    """A stage of the step: what it computes, and which tensors are looked at there."""

    title: str
    phase: str  # forward, loss, backward, update
    function: str  # whose formula it shows, and its name in `functional`
    code: str
    tensors: tuple[tuple[str, str], ...]  # (what: "values", "grads" or "updated"; name)


def answer(fields: Fields) -> dict[str, Any]:
    """The step for these choices: the graph, the loss, and the tensors of one of its nodes."""
    net = fields.choice("net", NETS, "hand")
    problem = edited(original := problem_of(fields), fields)
    nodes = list(nodes_of(problem.plan, problem.optimizer))
    at = fields.integer("at", 0, len(nodes) - 1, 0)
    hand, torch = both(problem)
    before, _ = both(original) if problem is not original else (hand, torch)
    node = nodes[at]
    probabilities = numpy_impl.functional.softmax(logits_of(hand, problem.plan))
    return {
        "title": problem.title,
        "net": net,
        "nodes": [
            {
                "title": each.title,
                "phase": each.phase,
                "ulps": farthest(hand, torch, each),
                "changed": any(differs(hand, before, *key) for key in each.tensors),
            }
            for each in nodes
        ],
        "at": at,
        "function": node.function,
        "code": node.code,
        "lesson": node.function in LESSONS,
        "formula": mathml(LESSONS[node.function].formula) if node.function in LESSONS else "",
        "worked": pencil.lines(
            hand, problem.target, problem.optimizer, node.function, node.tensors[0][1]
        )
        if net == "hand"
        else [],
        "editable": ["input", *problem.weights],
        "tensors": [tensor(hand, torch, before, *key) for key in node.tensors],
        "loss": {"numpy": hand.values["loss"].item(), "torch": torch.values["loss"].item()},
        "loss_before": before.values["loss"].item(),
        "target": problem.target.tolist(),
        "classes": problem.classes,
        "probabilities": probabilities.tolist(),
        "lr": problem.optimizer.lr,
        "weight_decay": problem.optimizer.weight_decay,
    }


def problem_of(fields: Fields) -> Problem:
    """The step before anything is edited."""
    net = fields.choice("net", NETS, "hand")
    dtype = np.dtype(fields.choice("dtype", ("float32", "float64"), "float32"))
    if net == "hand":
        lr = fields.number("lr", 0, 1e6, 0.5)
        weight_decay = fields.number("weight_decay", 0, 1e6, 0)
        return Problem(
            "4-3-2 net, two examples",
            PLANS["FeedForward"],
            {name: np.array(array, dtype) for name, array in HAND_WEIGHTS.items()},
            np.array(HAND_INPUT, dtype),
            np.array(HAND_TARGET),
            2,
            Optimizer("SGD", lr, weight_decay),
        )
    experiment = engine.experiment_of(
        net,
        data=fields.choice("data", engine.DATA, "digits"),
        seed=fields.integer("seed", 0, 2**31, 0),
        dtype=str(dtype),
    )
    recipe = experiment.recipe
    images, labels = experiment.arrays("training", str(dtype))
    count = fields.integer("batch", 2, 8, 4)
    first = fields.integer("first", 0, len(images) - count, 0)
    return Problem(
        f"{recipe.name}: {recipe.title}",
        PLANS[recipe.model],
        {name: np.array(array, dtype, order="C") for name, array in experiment.initial.items()},
        images[first : first + count],
        labels[first : first + count],
        engine.NUM_CLASSES,
        Optimizer(
            recipe.optimizer,
            fields.number("lr", 0, 1e6, recipe.lr),
            fields.number("weight_decay", 0, 1e6, recipe.weight_decay),
        ),
    )


def edited(problem: Problem, fields: Fields) -> Problem:
    """The problem with each edit `[tensor, flat index, value]` made; itself if there is none."""
    edits = fields.items("edits", MOST_EDITS)
    if not edits:
        return problem
    arrays = {"input": problem.input.copy(), "target": problem.target.copy()}
    arrays |= {name: array.copy() for name, array in problem.weights.items()}
    for edit in edits:
        if not isinstance(edit, list) or len(edit) != 3 or not isinstance(edit[0], str):
            raise InputError("edits: expected [tensor, index, value] each")
        name = edit[0]
        if name not in arrays:
            raise InputError(f"edits: no tensor {name[:40]!r}, expected one of {', '.join(arrays)}")
        given = Fields({"index": edit[1], "value": edit[2]})
        index = given.integer("index", 0, arrays[name].size - 1, 0)
        if name == "target":
            value: float = given.integer("value", 0, problem.classes - 1, 0)
        else:
            value = given.number("value", -1e6, 1e6, 0)
        arrays[name].reshape(-1)[index] = value
    return Problem(
        problem.title,
        problem.plan,
        {name: arrays[name] for name in problem.weights},
        arrays["input"],
        arrays["target"],
        problem.classes,
        problem.optimizer,
    )


def both(problem: Problem) -> tuple[Step, Step]:
    """The step by hand and in PyTorch."""
    given = problem.plan, problem.weights, problem.input, problem.target, problem.optimizer
    with np.errstate(all="ignore"):  # an edit may be as large as it likes
        return by_hand(numpy_impl.functional, *given), in_torch(*given)


def nodes_of(plan: Plan, optimizer: Optimizer) -> Iterator[Node]:
    """The nodes in the order of computation."""
    yield Node("input", "forward", "input", "input", (("values", "input"),))
    for name, source, layer in plan.flow():
        arguments = ", ".join((source, *layer.parameters, *options(layer)))
        code = f"{name} = {layer.operation}({arguments})"
        keys = tuple(("values", key) for key in (name, *layer.parameters))
        yield Node(name, "forward", layer.operation, code, keys)
    logits = plan.layers[-1].name
    yield Node(
        "loss",
        "loss",
        "cross_entropy",
        f"loss = cross_entropy({logits}, target)",
        (("values", "loss"), ("values", logits)),
    )
    yield Node(
        f"∂{logits}",
        "backward",
        "cross_entropy_backward",
        f"grad_{logits} = cross_entropy_backward(1, {logits}, target)",
        (("grads", logits),),
    )
    for name, source, layer in reversed(list(plan.flow())):
        results = (source, *layer.parameters)
        left = ", ".join(f"grad_{result}" for result in results)
        needs = name if layer.operation in ("sigmoid", "relu") else source
        right = ", ".join((f"grad_{name}", needs, *layer.parameters[:1], *options(layer)))
        yield Node(
            " ".join(f"∂{result}" for result in (layer.parameters or (source,))),
            "backward",
            f"{layer.operation}_backward",
            f"{left} = {layer.operation}_backward({right})",
            tuple(("grads", result) for result in results),
        )
    parameters = [name for layer in plan.layers for name in layer.parameters]
    step = f"{optimizer.kind.lower()}_step"
    yield Node(
        "update",
        "update",
        step,
        f"param = {step}(param, grad, {'' if optimizer.kind == 'SGD' else '..., '}"
        f"lr={optimizer.lr:g}, weight_decay={optimizer.weight_decay:g})",
        tuple(("updated", name) for name in parameters),
    )


def options(layer: Layer) -> list[str]:
    """The options of a layer's call, as one writes them."""
    return [f"{name}={value}" for name, value in layer.options.items()]


def logits_of(step: Step, plan: Plan) -> ndarray:
    """The logits (N, C)."""
    last = step.values[plan.layers[-1].name]
    return last.reshape(len(last), -1)


def tensor(hand: Step, torch: Step, before: Step, what: str, name: str) -> dict[str, Any]:
    """One tensor in both programs: its values, its gradients, and how far apart they are."""
    answer: dict[str, Any] = {"name": name, "what": what, "pairs": {}}
    shown = [what]
    if what == "values" and name in hand.grads:
        shown.append("grads")
    if what == "updated":
        shown = ["values", "grads", "updated"]
    for kind in shown:
        mine, theirs = getattr(hand, kind)[name], getattr(torch, kind)[name]
        distance = np.asarray(ulps(mine, theirs))
        answer["pairs"][kind] = {
            "numpy": pack(mine),
            "torch": pack(theirs),
            "ulps": pack(distance.astype("f4")),
            "max_ulps": float(distance.max()),
            "of_scale": ulps_of_scale(mine, theirs),
            "changed": pack(np.asarray(mine != getattr(before, kind)[name], "u1")),
        }
    return answer


def farthest(hand: Step, torch: Step, node: Node) -> float:
    """The largest difference of the two programs at a node, in ulps of the tensor it is in."""
    return max(
        ulps_of_scale(getattr(hand, what)[name], getattr(torch, what)[name])
        for what, name in node.tensors
    )


def differs(step: Step, before: Step, what: str, name: str) -> bool:
    """Whether an edit changed a tensor."""
    return not np.array_equal(getattr(step, what)[name], getattr(before, what)[name])
