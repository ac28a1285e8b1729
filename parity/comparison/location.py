"""Where a mistake lies, told by which tensors of the step are right and which are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low

import numpy as np
from numpy import ndarray

from parity.comparison.steps import Divergence, Key

__all__ = ["Location", "locate_mistake"]

OUTPUT = ".output"
COMMON = 1e-4  # gradients that are off by one factor have it in common to so much


@dataclass(frozen=True)
class Location:
    """The layer of the first wrong tensor, and what is known about the mistake."""

    layer: str  # PyTorch's module; empty for the whole program
    after: str  # the module whose result is the last right one, in the order of computation
    sentence: str


def locate_mistake(
    divergence: Divergence,
    used: Mapping[Key, float],
    tensors: Mapping[str, Mapping[Key, ndarray]] | None = None,
) -> Location:
    """Say between which two layers the mistake of a step lies.

    Parameters
    ----------
    divergence
        The first wrong tensor.
    used
        Each tensor's error over what it may be, in the order of computation.
    tensors
        What "numpy" and "torch" computed, if gradients that are all off by one factor are to be
        told from those that are wrong otherwise.
    """
    if divergence.phase == "backward" and tensors is not None:
        factor, scaled = common_factor(used, tensors)
        if scaled:
            return beside_factor(divergence, used, factor, scaled)
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
    if phase == "step" and order and ("backward", tensor) not in used and has_gradients(used):
        return Location(
            layer,
            "",
            f"Every gradient of this step is right and {tensor}, which has none, is wrong after "
            "it: look at where the step changes it.",
        )
    if phase == "step" and not has_gradients(used):
        return Location(
            layer,
            "",
            f"{tensor} is wrong after the update, and no gradient was compared: look at the "
            "backward and at the optimizer.",
        )
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
        sentence = f"{right} is right, so what reaches the layer is probably right: {formula}"
    elif len(mine) > 1:
        sentence = between(after, layer)
    else:
        sentence = f"{between(after, layer)} Or {formula}"
    return Location(layer, after, sentence)


def beside_factor(
    divergence: Divergence, used: Mapping[Key, float], factor: float, scaled: set[Key]
) -> Location:
    """Where the mistake lies that is left when the `scaled` gradients count as right."""
    others = [
        key
        for key, share in used.items()
        if key[0] == "backward" and key not in scaled and not share <= 1
    ]
    if not others:
        sentence = (
            f"All gradients are {factor:.9g} times PyTorch's: look at the gradient of the loss, "
            "and at what scales all of them, such as clipping."
        )
        return replace(locate_mistake(divergence, used), sentence=sentence)
    rest = {key: 0.0 if key in scaled else share for key, share in used.items()}
    location = locate_mistake(replace(divergence, tensor=others[0][1]), rest)
    sentence = (
        f"{len(scaled)} gradients are {factor:.9g} times PyTorch's, as after clipping by the norm "
        f"of all. But for this factor: {location.sentence}"
    )
    return replace(location, sentence=sentence)


def has_gradients(used: Mapping[Key, float]) -> bool:
    """Whether any gradient was compared."""
    return any(phase == "backward" for phase, _ in used)


def common_factor(
    used: Mapping[Key, float], tensors: Mapping[str, Mapping[Key, ndarray]]
) -> tuple[float, set[Key]]:
    """The factor by which gradients are off, and which; none if one is right.

    After clipping by the norm of all, one wrong gradient makes all wrong. Few that have a factor in
    common are not told if others have factors of their own, as where each layer divides by N.
    """
    keys = [key for key in used if key[0] == "backward" and tensors["torch"][key].any()]
    if any(used[key] <= 1 for key in keys):
        return 1.0, set()
    ratios = {}
    for key in keys:
        mine, theirs = (tensors[it][key].astype(np.float64).ravel() for it in ("numpy", "torch"))
        with np.errstate(all="ignore"):  # what is not finite has no factor
            ratio = float(mine @ theirs / (theirs @ theirs))
            if np.abs(mine - ratio * theirs).max() <= COMMON * abs(ratio) * np.abs(theirs).max():
                ratios[key] = ratio
    if len(ratios) < 2:
        return 1.0, set()
    factor = median_low(ratios.values())
    scaled = {key for key, it in ratios.items() if abs(it - factor) <= COMMON * abs(factor)}
    most = len(scaled) > len(keys) / 2 or len(scaled) == len(ratios)
    return (factor, scaled) if most and abs(factor - 1) > 10 * COMMON else (1.0, set())


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
