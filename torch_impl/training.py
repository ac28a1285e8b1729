"""The training loop in PyTorch.

It differs from the one by hand in the backward, and in that a batch is never in portions.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F

from torch_impl import nn
from torch_impl.optim import Optimizer

__all__ = ["Evaluation", "Step", "evaluate", "fit", "predict", "steps"]


class Step(NamedTuple):
    """What one training step leaves behind; the gradients are still in the parameters."""

    number: int  # counts from 1
    logits: Tensor  # (N, C)
    loss: float


class Evaluation(NamedTuple):
    """Exact means over the examples, however they were batched."""

    loss: float
    accuracy: float


def steps(
    model: nn.Module,
    optimizer: Optimizer,
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    batches: Iterable[Int64[ndarray, " _"]],
    first: int = 1,
) -> Iterator[Step]:
    """Train one step on each batch of indices, and yield after each; the `first` has that number.

    Images and labels are wrapped without a copy, or moved to the model's device once.

    Raises
    ------
    FloatingPointError
        When the loss is not finite; it names the step and the first tensor that is not.
    """
    device = next(model.parameters()).device
    inputs, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    criterion = nn.CrossEntropyLoss()
    for number, (input, target) in enumerate(gather(inputs, targets, batches), start=first):
        logits = model(input)
        loss = criterion(logits, target)
        if not math.isfinite(loss.item()):
            raise non_finite(number, model, input, logits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(number, logits.detach(), loss.item())


def gather(
    images: Float[Tensor, "M in"], labels: Int64[Tensor, " M"], batches: Iterable[ndarray]
) -> Iterator[tuple[Float[Tensor, "N in"], Int64[Tensor, " N"]]]:
    """The images and labels of each batch, on the device that they are on.

    Raises
    ------
    IndexError
        For an index that is out of range.
    """
    for indices in batches:
        index = torch.from_numpy(indices).to(images.device)
        yield images.index_select(0, index), labels.index_select(0, index)


def fit(
    model: nn.Module,
    optimizer: Optimizer,
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    batches: Iterable[Int64[ndarray, " _"]],
    on_step: Callable[[Step], None] | None = None,
) -> None:
    """Train on each batch of indices; `on_step` is called after each step.

    Raises what `steps` raises.
    """
    for step in steps(model, optimizer, images, labels, batches):
        if on_step is not None:
            on_step(step)


def evaluate(
    model: nn.Module,
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    batch_size: int = 1000,
) -> Evaluation:
    """The mean cross-entropy and the share of right answers over all M examples."""
    logits = predict(model, images, batch_size)
    target = torch.from_numpy(labels).to(logits.device)
    loss = F.cross_entropy(logits, target)
    return Evaluation(loss.item(), (logits.argmax(dim=1) == target).double().mean().item())


@torch.no_grad()
def predict(
    model: nn.Module, images: Float[ndarray, "M in"], batch_size: int = 1000
) -> Float[Tensor, "M C"]:
    """The logits of all M images, computed `batch_size` at a time.

    Raises ValueError for no images or a batch size below 1.
    """
    if len(images) == 0 or batch_size < 1:
        raise ValueError(
            f"predict: got {len(images)} images and batch_size {batch_size}, expected at least 1"
        )
    inputs = torch.from_numpy(images).to(next(model.parameters()).device)
    return torch.cat([model(input) for input in inputs.split(batch_size)])


def non_finite(number: int, model: nn.Module, input: Tensor, logits: Tensor) -> Exception:
    """The error for a loss that is not finite: names the first of weights, input, logits."""
    parameters = dict(model.named_parameters())
    for name, tensor in {**parameters, "input": input, "logits": logits}.items():
        if not tensor.isfinite().all():
            return FloatingPointError(
                f"step {number}: the loss is not finite; the first tensor that is not: {name}"
            )
    return FloatingPointError(f"step {number}: the loss is not finite")
