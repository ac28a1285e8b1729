"""Where a mistake lies, told by which tensors of the step are right and which are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity.comparison.steps import Divergence, Key

__all__ = ["Location", "locate_mistake"]

OUTPUT = ".output"


@dataclass(frozen=True)
class Location:
    """The layer of the first wrong tensor, and what is known about the mistake."""

    layer: str  # PyTorch's module; empty for the whole program
    after: str  # the module whose result is the last right one, in the order of computation
    sentence: str


def locate_mistake(divergence: Divergence, used: Mapping[Key, float]) -> Location:
    """Say between which two layers the mistake of a step lies.

    Parameters
    ----------
    divergence
        The first wrong tensor.
    used
        Each tensor's error over what it may be, in the order of computation.
    """
    wrong = {key for key, share in used.items() if not share <= 1}  # NaN is wrong
    phase, tensor = divergence.phase, divergence.tensor
    order = [name for where, name in used if where == phase]
    before = [name for name in order[: order.index(tensor)] if (phase, name) not in wrong]
    layer = module_of(tensor) if phase != "loss" else ""
    after = next((module_of(name) for name in reversed(before) if module_of(name) != layer), "")
    if phase == "forward":
        return Location(layer, after, forward_sentence(tensor, after))
    if phase == "loss":
        return Location("", "", "The output is right and the loss is wrong: look at the loss.")
    if phase == "step":
        return Location(
            layer,
            "",
            f"Every gradient of this step is right and {tensor} is wrong after the update: look at "
            "the optimizer, its state and its learning rate.",
        )
    reached = f"{layer}{OUTPUT}"
    mine = [name for name in order if module_of(name) == layer and name != reached]
    formula = own_formula(tensor, layer, mine)
    if tensor == reached:
        sentence = between(after, layer)
    elif reached in order:
        sentence = f"The gradient that reaches {layer or 'it'} is right: {formula}"
    elif any((phase, name) not in wrong for name in mine):
        right = next(name for name in mine if (phase, name) not in wrong)
        sentence = f"{right} is right, so is what reaches the layer: {formula}"
    elif len(mine) > 1:
        sentence = between(after, layer)
    else:
        sentence = f"{between(after, layer)} Or {formula}"
    return Location(layer, after, sentence)


def forward_sentence(tensor: str, after: str) -> str:
    """What a wrong output tells."""
    layer = module_of(tensor) if tensor.endswith(OUTPUT) else tensor
    if not after:
        return f"In the forward {layer} comes out wrong; no output before it is compared."
    return f"In the forward {after} comes out right and {layer} wrong."


def between(after: str, layer: str) -> str:
    """The mistake in a gradient on its way back."""
    source = after or "the loss"
    return (
        f"The gradients are right back to {source} and wrong at {layer or 'the input'}: the "
        "mistake lies in the backward between these two. parity.gradcheck(forward, backward, "
        "[input]) of each function between them tells which."
    )


def own_formula(tensor: str, layer: str, parameters: Sequence[str]) -> str:
    """The mistake in one gradient alone, and the check that names its elements."""
    inputs = ", ".join(["input", *(name.rpartition(".")[2] for name in reversed(parameters))])
    return (
        f"look at the formula of the gradient of {tensor}; parity.gradcheck(forward, backward, "
        f"[{inputs}]) of {layer or 'the layer'} names the element."
    )


def module_of(tensor: str) -> str:
    """The module that a parameter or an output is of."""
    return tensor.rpartition(".")[0]
