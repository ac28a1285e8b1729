"""The training loop by hand. It differs from PyTorch's in one line: the backward."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from numpy_impl import functional as F
from numpy_impl import nn
from numpy_impl.optim import Optimizer

__all__ = ["Evaluation", "Step", "evaluate", "fit", "predict", "steps"]

P = ParamSpec("P")
T = TypeVar("T")


class Step(NamedTuple):
    """What one training step leaves behind; the gradients are still in the parameters."""

    number: int  # counts from 1
    logits: ndarray  # (N, C)
    loss: float


class Evaluation(NamedTuple):
    """Exact means over the examples, however they were batched."""

    loss: float
    accuracy: float


def without_warnings(generator: Callable[P, Iterator[T]]) -> Callable[P, Iterator[T]]:
    """Compute each item without NumPy's warnings of overflow: a training step raises an error."""

    @functools.wraps(generator)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = generator(*args, **kwargs)
        while True:  # around each item alone: who takes it keeps the warnings
            with np.errstate(over="ignore", invalid="ignore"):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    return quiet


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

    Raises
    ------
    FloatingPointError
        When the loss is not finite; it names the step and the first tensor that is not.
    """
    criterion = nn.CrossEntropyLoss()
    for number, (input, target) in enumerate(gather(images, labels, batches), start=first):
        logits = model(input)
        loss = criterion(logits, target)
        if not math.isfinite(loss.item()):
            raise non_finite(number, model, input, logits)
        optimizer.zero_grad()
        model.backward(criterion.backward())
        optimizer.step()
        yield Step(number, logits, loss.item())


def gather(
    images: Float[ndarray, "M in"], labels: Int64[ndarray, " M"], batches: Iterable[ndarray]
) -> Iterator[tuple[Float[ndarray, "N in"], Int64[ndarray, " N"]]]:
    """The images and labels of each batch; the images are overwritten by those of the next.

    Raises
    ------
    IndexError
        For an index that is out of range.
    ValueError
        If there are not as many labels as images.
    """
    if len(images) != len(labels):
        raise ValueError(f"labels has length {len(labels)}, expected {len(images)} as images has")
    input = images[:0]
    for indices in batches:
        target = labels.take(indices)  # which raises IndexError, so `wrap` below meets none
        if len(input) != len(indices):
            input = np.empty((len(indices), images.shape[1]), images.dtype)
        # Memory traffic, and a good part of a step: memory used before may still be in the cache.
        yield images.take(indices, axis=0, out=input, mode="wrap"), target


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
    """The logits of all M images, computed `batch_size` at a time.

    Raises ValueError for no images or a batch size below 1.
    """
    if len(images) == 0 or batch_size < 1:
        raise ValueError(
            f"predict: got {len(images)} images and batch_size {batch_size}, expected at least 1"
        )
    starts = range(0, len(images), batch_size)
    return np.concatenate([model(images[start : start + batch_size]) for start in starts])


def non_finite(number: int, model: nn.Module, input: ndarray, logits: ndarray) -> Exception:
    """The error for a loss that is not finite: names the first of weights, input, logits."""
    parameters = {name: parameter.data for name, parameter in model.named_parameters()}
    for name, tensor in {**parameters, "input": input, "logits": logits}.items():
        if not np.isfinite(tensor).all():
            return FloatingPointError(f"step {number}: the loss is not finite, nor is {name}")
    return FloatingPointError(f"step {number}: the loss is not finite")
