"""The same small model on both sides, with the same weights, and batches for it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import numpy_impl.models
import torch_impl.models

# N, in, hidden and the number of classes are all different wherever these are used.
ARGUMENTS = {"SoftmaxRegression": (7, 3), "FeedForward": (7, 5, 3), "ConvNet": (3,)}
CLASSES = 3


def twins(name: str, dtype: str, seed: int) -> tuple[Any, Any]:
    """The NumPy model and the PyTorch model `name`, drawn once."""
    ours, theirs = strangers(name, dtype, seed)
    if name == "ConvNet":  # its last ReLU may stop every class, and then there is no gradient
        ours.conv3.bias.data[0] = 1
    theirs.load_state_dict(to_torch(ours.state_dict()))
    return ours, theirs


def strangers(name: str, dtype: str, seed: int) -> tuple[Any, Any]:
    """Both models as they come, each with its own initial weights."""
    rng = np.random.default_rng(seed)
    ours = getattr(numpy_impl.models, name)(*ARGUMENTS[name], dtype=np.dtype(dtype), rng=rng)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        theirs = getattr(torch_impl.models, name)(*ARGUMENTS[name], dtype=getattr(torch, dtype))
    return ours, theirs


def batch(name: str, dtype: str, seed: int, n: int) -> tuple[ndarray, ndarray]:
    """Images in [0, 1] and labels for the model `name`."""
    rng = np.random.default_rng(seed)
    width = 784 if name == "ConvNet" else ARGUMENTS[name][0]
    return rng.random((n, width)).astype(dtype), rng.integers(0, CLASSES, n)


def to_torch(arrays: Mapping[str, ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def weights(model: Any) -> dict[str, ndarray]:
    """The parameters of either model, as copies."""
    return {name: np.asarray(p.data).copy() for name, p in model.named_parameters()}


def gradients(model: Any) -> dict[str, ndarray]:
    """The gradients of either model, as copies."""
    return {name: np.asarray(p.grad).copy() for name, p in model.named_parameters()}
