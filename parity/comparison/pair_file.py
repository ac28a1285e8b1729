"""A pair of programs in a file of the user's own, and the template of such a file."""

import runpy
from pathlib import Path
from typing import Any

from parity.errors import InputError

__all__ = ["TEMPLATE", "arguments_of"]


def arguments_of(path: Path) -> dict[str, Any]:
    """What the file's `pair()` returns: the arguments of `parity.compare` by name.

    Raises
    ------
    InputError
        If there is no such file, or its `pair()` returns no dict with the two programs and batches.
    """
    if not path.is_file():
        raise InputError(f"file is {path}, expected a Python file that is there")
    pair = runpy.run_path(str(path)).get("pair")
    if not callable(pair):
        raise InputError(f"{path} has no function pair(), expected one; see parity template --pair")
    arguments = pair()
    if not isinstance(arguments, dict) or not {"numpy", "torch", "batches"} <= set(arguments):
        raise InputError(f"pair() in {path} returned no dict with numpy, torch and batches")
    return arguments


TEMPLATE = '''"""A pair for `parity compare FILE.py`: a NumPy program and a PyTorch program."""

import numpy as np
import torch
from torch import nn

import parity

rng = np.random.default_rng(0)

# --- your NumPy program --------------------------------------------------------------------------

params = {"W": rng.standard_normal((4, 3)), "b": np.zeros(3)}


def step(x, t):
    """One training step by hand: the output, the loss, the gradients by name."""
    y = x @ params["W"] + params["b"]
    dy = 2 * (y - t) / y.size
    grads = {"W": x.T @ dy, "b": dy.sum(0)}
    for name, grad in grads.items():
        params[name] -= 0.1 * grad
    return y, ((y - t) ** 2).mean(), grads


# --- your PyTorch program ------------------------------------------------------------------------

model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


# --- the comparison ------------------------------------------------------------------------------


def pair():
    """The arguments of `parity.compare`, by name."""
    batches = [(rng.standard_normal((8, 4)), rng.standard_normal((8, 3))) for _ in range(50)]
    return {
        "numpy": parity.NumpyProgram(step, params),
        "torch": parity.TorchProgram(model, nn.MSELoss(), optimizer),
        "batches": batches,
        # Where names and shapes do not say which array is which:
        # "names": {"weight": ("W", "T"), "bias": "b"},
        # "zero": ["bias"],      # a gradient that is zero by design
        # "constant": ["bias"],  # a weight that both programs start with
    }
'''
