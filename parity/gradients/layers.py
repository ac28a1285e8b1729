"""The gradients of a whole model, layer by layer, then end to end.

Each layer is fed its true input and the true gradient of its output, both from PyTorch's run of the
same weights. So a mistake in one layer is not blamed on another, and the name that comes up is the
layer that is wrong.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch.func import functional_call

import torch_impl.nn
from numpy_impl import nn
from parity.errors import BadCaseError
from parity.gradients.gradcheck import GradcheckResult, Part, gradcheck

__all__ = ["END_TO_END", "LOSS", "check_model"]

LOSS = "loss"
END_TO_END = "end to end"

Flow = tuple[ndarray, ndarray]  # the input of a layer, and the gradient of its output


def check_model(
    model: nn.Module,
    mirror: torch.nn.Module,
    images: Float[ndarray, "N in"],
    labels: Int64[ndarray, " N"],
    seed: int = 0,
    on_part: Callable[[Part], object] = lambda part: None,
) -> list[Part]:
    """Check the loss and the layers of `model` in the order of the backward, then the whole of it.

    If one of them is wrong the whole is not looked at, for it would only say so again.

    Parameters
    ----------
    model, mirror
        The NumPy model and PyTorch's, float64 both, with the same names and the same weights.
        Their gradients are used up.
    images, labels
        One batch, images as float64.
    seed
        Draws the directions.
    on_part
        Called with each part once it is checked.
    """
    flows, logits = run_mirror(mirror, images, labels)
    parts = []

    def note(name: str, check: Callable[[], GradcheckResult]) -> None:
        try:
            parts.append(Part(name, check()))
        except BadCaseError as error:
            parts.append(Part(name, error=str(error)))
        on_part(parts[-1])

    note(LOSS, lambda: check_loss(logits, labels, seed))
    for name, flow in reversed(flows.items()):
        layer, its_mirror = attrgetter(name)(model), mirror.get_submodule(name)
        note(name, lambda: check_layer(layer, its_mirror, *flow, seed))  # noqa: B023 - called at once
    if all(part.ok for part in parts):
        note(END_TO_END, lambda: check_end_to_end(model, mirror, images, labels, seed))
    return parts


def run_mirror(
    mirror: torch.nn.Module, images: Float[ndarray, "N in"], labels: Int64[ndarray, " N"]
) -> tuple[dict[str, Flow], Float[ndarray, "N C"]]:
    """What flowed through each of PyTorch's layers, in the order of the forward; and the logits."""
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def watch(name: str) -> Callable[..., None]:
        def hook(_layer: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            output.retain_grad()
            seen[name] = inputs[0], output

        return hook

    layers = [(name, layer) for name, layer in mirror.named_modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers]
    logits = mirror(torch.from_numpy(images))
    for handle in handles:
        handle.remove()
    torch_impl.nn.CrossEntropyLoss()(logits, torch.from_numpy(labels)).backward()
    flows = {}
    for name, (input, output) in seen.items():
        assert output.grad is not None
        flows[name] = input.detach().numpy(), output.grad.numpy()
    return flows, logits.detach().numpy()


def check_loss(
    logits: Float[ndarray, "N C"], labels: Int64[ndarray, " N"], seed: int
) -> GradcheckResult:
    """The mean cross-entropy and its gradient."""
    criterion = nn.CrossEntropyLoss()

    def backward(_one: ndarray, logits: ndarray) -> ndarray:
        criterion(logits, labels)
        return criterion.backward()

    return gradcheck(
        lambda logits: criterion(logits, labels),
        backward,
        [logits],
        names=["logits"],
        grad_output=np.ones(()),
        mirror=lambda logits: torch_impl.nn.CrossEntropyLoss()(logits, torch.from_numpy(labels)),
        seed=seed,
    )


def check_layer(
    layer: nn.Module,
    mirror: torch.nn.Module,
    input: Float[ndarray, "N ..."],
    grad_output: Float[ndarray, "N ..."],
    seed: int,
) -> GradcheckResult:
    """One layer: the gradients of its input and of its parameters."""
    weights = {name: parameter.data for name, parameter in layer.named_parameters()}

    def f(input: ndarray, *arrays: ndarray) -> ndarray:
        give(layer, arrays)
        return layer(input.copy())  # it may work in place

    def backward(grad_output: ndarray, input: ndarray, *arrays: ndarray) -> tuple[Any, ...]:
        f(input, *arrays)
        grad_input = layer.backward(grad_output.copy())
        return grad_input, *(parameter.grad for parameter in layer.parameters())

    def its_mirror(input: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
        return call(mirror, list(weights), tensors, input)

    try:
        return gradcheck(
            f,
            backward,
            [input, *weights.values()],
            names=["input", *weights],
            grad_output=grad_output,
            mirror=its_mirror,
            seed=seed,
        )
    finally:
        give(layer, list(weights.values()))


def check_end_to_end(
    model: nn.Module,
    mirror: torch.nn.Module,
    images: Float[ndarray, "N in"],
    labels: Int64[ndarray, " N"],
    seed: int,
) -> GradcheckResult:
    """The loss of the batch as a function of all parameters, with the model's own backward.

    Elements were looked at closely in the layers. Here some of the many ReLUs cross their kinks at
    any step, so an error of one typical element has to show only if it is as large as a tenth.
    """
    weights = {name: parameter.data for name, parameter in model.named_parameters()}
    criterion = nn.CrossEntropyLoss()

    def f(*arrays: ndarray) -> ndarray:
        give(model, arrays)
        return criterion(model(images), labels)

    def backward(_one: ndarray, *arrays: ndarray) -> tuple[Any, ...]:
        f(*arrays)
        model.backward(criterion.backward())
        return tuple(parameter.grad for parameter in model.parameters())

    def its_mirror(*tensors: torch.Tensor) -> torch.Tensor:
        logits = call(mirror, list(weights), tensors, torch.from_numpy(images))
        return torch_impl.nn.CrossEntropyLoss()(logits, torch.from_numpy(labels))

    try:
        return gradcheck(
            f,
            backward,
            list(weights.values()),
            names=list(weights),
            grad_output=np.ones(()),
            mirror=its_mirror,
            visible=0.1,
            seed=seed,
        )
    finally:
        give(model, list(weights.values()))


def call(
    mirror: torch.nn.Module,
    names: Sequence[str],
    tensors: Sequence[torch.Tensor],
    input: torch.Tensor,
) -> torch.Tensor:
    """What `mirror` makes of `input` with `tensors` as its parameters, in the order of `names`."""
    return functional_call(mirror, dict(zip(names, tensors, strict=True)), (input,))


def give(module: nn.Module, arrays: Sequence[ndarray]) -> None:
    """Let the parameters hold `arrays`, and no gradient."""
    module.zero_grad()
    for parameter, array in zip(module.parameters(), arrays, strict=True):
        parameter.data = array
