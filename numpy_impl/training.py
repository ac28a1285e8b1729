"""The training loop by hand.

It differs from PyTorch's in the backward, and in that a batch may come in portions.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from numpy_impl import functional as F
from numpy_impl import nn
from numpy_impl.checks import not_finite
from numpy_impl.fast import gather, joined, without_warnings
from numpy_impl.optim import Optimizer

__all__ = ["Evaluation", "Step", "evaluate", "fit", "predict", "steps"]


class Step(NamedTuple):
    """What one training step leaves behind; the gradients are still in the parameters."""

    number: int  # counts from 1
    logits: ndarray  # (N, C)
    loss: float


class Evaluation(NamedTuple):
    """Exact means over the examples, however they were batched."""

    loss: float
    accuracy: float


@without_warnings
def steps(
    model: nn.Module,
    optimizer: Optimizer,
    images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"],
    batches: Iterable[Int64[ndarray, " _"]],
    first: int = 1,
) -> Iterator[Step]:
    """Train one step on each batch of indices, and yield after each; the `first` has that number.

    Raises FloatingPointError for a loss that is not finite, with the first tensor that is not;
    IndexError for an index out of range; ValueError for more or fewer labels than images.
    """
    if len(images) != len(labels):
        raise ValueError(f"labels has length {len(labels)}, expected {len(images)} as images has")
    criterion = nn.CrossEntropyLoss()
    for number, batch in enumerate(gather(images, labels, batches, model.portion), start=first):
        optimizer.zero_grad()
        loss, outputs = 0.0, []
        for input, target, share in batch:  # whole, or a portion at a time: gradients add up
            logits = model(input)
            loss += share * criterion(logits, target).item()
            if not math.isfinite(loss):
                raise not_finite(number, model.state_dict() | {"input": input, "logits": logits})
            model.backward(criterion.backward(share))
            outputs.append(logits)
        optimizer.step()
        yield Step(number, joined(outputs), loss)


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
    loss = F.cross_entropy(logits, labels)
    return Evaluation(float(loss), float((logits.argmax(axis=1) == labels).mean()))


def predict(
    model: nn.Module, images: Float[ndarray, "M in"], batch_size: int = 1000
) -> Float[ndarray, "M C"]:
    """The logits of all M images, computed at most `batch_size` at a time.

    Raises ValueError for no images or a batch size below 1.
    """
    if len(images) == 0 or batch_size < 1:
        raise ValueError(
            f"predict: got {len(images)} images and batch_size {batch_size}, expected at least 1"
        )
    batch_size = min(batch_size, model.portion or batch_size)
    starts = range(0, len(images), batch_size)
    return np.concatenate([model(images[start : start + batch_size]) for start in starts])
