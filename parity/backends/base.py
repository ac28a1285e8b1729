"""One face for every program that is compared: NumPy arrays in, NumPy arrays out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["Backend", "Batch", "Moments", "State", "TrainingStep", "cast_batch", "map_arrays"]

State = dict[str, ndarray]
Moments = dict[str, list[ndarray]]
Batch = Any  # an array, or a tuple, list or dict of them


@dataclass
class TrainingStep:
    """What one training step computed, as NumPy arrays; gradients and weights are on the backend.

    The layers' outputs and the gradients of these have the names of PyTorch's modules, in the order
    of computation; they are there where both programs show them.
    """

    number: int  # counts from 1
    output: dict[str, ndarray]  # by name, such as "logits"
    loss: float
    layers: State = field(default_factory=dict)
    layer_gradients: State = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)  # layers called often: calls on the first axis


class Backend(ABC):
    """A model with its optimizer, in one program and one dtype.

    Every name is PyTorch's, and every array has PyTorch's layout.
    """

    name: str
    dtype: str

    @abstractmethod
    def weights(self) -> State:
        """The parameters and buffers by name; views where possible, so only to be read."""

    @abstractmethod
    def gradients(self) -> State:
        """The gradients by name, as the last step left them; views too."""

    @abstractmethod
    def load(self, weights: Mapping[str, ndarray]) -> None:
        """Copy `weights` into the model."""

    @abstractmethod
    def run(self, batches: Iterable[Batch], first: int = 1) -> Iterator[TrainingStep]:
        """Train one step on each batch, and yield after each; the `first` has that number."""

    def moments(self) -> Moments:
        """What the optimizer keeps by PyTorch's name: as long as the parameters, or still empty."""
        return {}

    def load_moments(self, moments: Moments, steps: int) -> None:  # noqa: B027 - most have none
        """Copy `moments` into the optimizer, as if it had taken `steps` steps."""


def map_arrays(function: Any, value: Any) -> Any:
    """The value with `function` of each array; tuples, lists and dicts are walked through."""
    if isinstance(value, ndarray):
        return function(value)
    if isinstance(value, tuple | list):  # before the slower question for a mapping
        return type(value)([map_arrays(function, item) for item in value])
    if isinstance(value, Mapping):
        return {key: map_arrays(function, item) for key, item in value.items()}
    return value


def cast_batch(batch: Batch, dtype: str) -> Batch:
    """The batch with its float arrays in `dtype`; integers and booleans stay."""
    return map_arrays(lambda a: a.astype(dtype, copy=False) if a.dtype.kind == "f" else a, batch)


def call_with(function: Any, batch: Batch, *first: Any) -> Any:
    """`function(*first, *batch)`, or with the names of a dict, or with the one array."""
    if isinstance(batch, Mapping):
        return function(*first, **batch)
    if isinstance(batch, tuple | list):
        return function(*first, *batch)
    return function(*first, batch)


def named_arrays(name: str, value: Any) -> dict[str, ndarray]:
    """One array under `name`, or several under name[0] or name[key]."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {f"{name}[{key}]": np.asarray(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return {f"{name}[{i}]": np.asarray(item) for i, item in enumerate(value)}
    return {name: np.asarray(value)}
