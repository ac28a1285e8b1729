"""Weight files: safetensors with PyTorch's state_dict names and layouts, one file for both sides.

What is loaded fits the model in every name, shape and dtype, or none of it is.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from numpy import ndarray

from parity.errors import InputError
from parity.system import files

__all__ = ["check_writable", "load", "save"]

PICKLES = (".pt", ".pth")  # what torch.save writes


def save(path: Path, weights: Mapping[str, ndarray]) -> None:
    """Write `weights` to `path` bit for bit, as safetensors; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    # safetensors writes the memory as it lies, and that of a transposed view lies in another order.
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    files.write(path, safetensors.numpy.save(contiguous, metadata={"format": "pt"}), "save")


def load(path: Path, like: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """The tensors of a safetensors file, or of a state_dict that `torch.save` wrote (.pt, .pth).

    Parameters
    ----------
    path
        The file.
    like
        The model's own weights: names, shapes and dtypes that the file must have exactly.

    Returns
    -------
    New arrays in the order of `like`.

    Raises
    ------
    InputError
        If there is no such file, it is damaged or of another kind, or does not fit; the message
        names every tensor that is missing, unexpected, misshapen, of another dtype or not finite.
    """
    found = read(path)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InputError(f"load: {path} holds a {type(found).__name__}, expected a state_dict")
    faults = [f"{name} is missing" for name in like if name not in found]
    faults += [f"{name} is unexpected" for name in sorted(found) if name not in like]
    faults += [
        f"{name} {fault}"
        for name, array in like.items()
        if name in found and (fault := misfit(found[name], array))
    ]
    if faults:
        raise InputError(f"load: {path} does not fit the model: {'; '.join(faults)}")
    return {name: np.array(found[name].detach().numpy()) for name in like}


def check_writable(path: Path | None) -> None:
    """Raise InputError now, before the work, for a file that could not be written after it."""
    if path is not None and path.suffix != ".safetensors":
        raise InputError(f"save: got {path}, expected a name that ends in .safetensors")
    files.check_writable(path, "save")


def read(path: Path) -> Any:
    """What the file holds, unchecked."""
    if not path.is_file():
        raise InputError(f"load: got {path}, expected a file that is there")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"load: cannot read {path}: {error.strerror}") from error
    pickled = path.suffix in PICKLES
    try:
        if pickled:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return safetensors.torch.load(content)
    except Exception as error:  # an unpickler stops at damage with whatever it stumbles over
        kind = "state_dict that torch.save wrote" if pickled else "safetensors file"
        raise InputError(f"load: {path} is damaged or no {kind}") from error


def misfit(tensor: Any, array: ndarray) -> str:
    """What keeps `tensor` from taking the place of `array`, or nothing."""
    if not isinstance(tensor, torch.Tensor):
        return f"is a {type(tensor).__name__}, expected a tensor"
    if tuple(tensor.shape) != array.shape:
        return f"has shape {tuple(tensor.shape)}, expected {array.shape}"
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype != str(array.dtype):
        return f"is {dtype}, expected {array.dtype}"
    if not tensor.isfinite().all():
        return "has values that are not finite"
    return ""
