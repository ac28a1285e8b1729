"""Small models in NumPy and PyTorch, with equal or with their own weights, and batches for them."""

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


def equal_models(name: str, dtype: str, seed: int) -> tuple[Any, Any]:
    """The NumPy model and the PyTorch model `name`, with the same weights."""
    ours, theirs = independent_models(name, dtype, seed)
    if name == "ConvNet":  # else its last ReLU may leave no class a gradient
        ours.conv3.bias.data[0] = 1
    theirs.load_state_dict(to_torch(ours.state_dict()))
    return ours, theirs


def independent_models(name: str, dtype: str, seed: int) -> tuple[Any, Any]:
    """The NumPy model and the PyTorch model `name`, each with its own initial weights."""
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
    """The parameters of a NumPy or PyTorch model, as copies."""
    return {name: np.asarray(p.data).copy() for name, p in model.named_parameters()}


def gradients(model: Any) -> dict[str, ndarray]:
    """The gradients of a NumPy or PyTorch model, as copies."""
    return {name: np.asarray(p.grad).copy() for name, p in model.named_parameters()}
