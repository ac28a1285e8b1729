"""One face for every program that is compared: a user's own, and the recipes'."""

from parity.backends.base import Backend, Batch, Moments, State, TrainingStep
from parity.backends.numpy_program import NumpyProgram
from parity.backends.recipes import (
    NumpyBackend,
    RecipeBackend,
    TorchBackend,
    make_backend,
    model_arguments,
)
from parity.backends.torch_program import TorchProgram

__all__ = [
    "Backend",
    "Batch",
    "Moments",
    "NumpyBackend",
    "NumpyProgram",
    "RecipeBackend",
    "State",
    "TorchBackend",
    "TorchProgram",
    "TrainingStep",
    "make_backend",
    "model_arguments",
]
