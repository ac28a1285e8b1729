"""Weight files: safetensors with PyTorch's state_dict names and layouts, one for both backends.

What is loaded fits the model in every name, shape and dtype, or none of it is.
"""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
import safetensors.torch
import torch
from numpy import ndarray

from parity.errors import InputError
from parity.experiment import tensorfile
from parity.system import files

__all__ = ["check_writable", "load", "save"]

PICKLES = (".pt", ".pth")  # what torch.save writes
EXTRA = 64 << 20  # bytes that a file may have beyond four times the model's own weights


def save(path: Path, weights: Mapping[str, ndarray]) -> None:
    """Write `weights` to `path` bit for bit, as safetensors with a checksum; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    files.write(path, tensorfile.pack(weights), "save")


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
        names every tensor that is missing, unexpected, misshapen, of another dtype, not finite or
        so large that a product of two such values is not.
    """
    found = read(path, 4 * sum(array.nbytes for array in like.values()) + EXTRA)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InputError(f"load: {path} holds a {type(found).__name__}, expected a state_dict")
    problems = [f"{name} is missing" for name in like if name not in found]
    problems += [f"{name} is unexpected" for name in sorted(found) if name not in like]
    problems += [
        f"{name} {problem}"
        for name, array in like.items()
        if name in found and (problem := problem_with(found[name], array))
    ]
    if problems:
        raise InputError(f"load: {path} does not fit the model: {'; '.join(problems)}")
    return {name: np.array(found[name].detach().resolve_neg().numpy()) for name in like}


def check_writable(path: Path | None) -> None:
    """Raise InputError now, before the work, for a file that could not be written after it."""
    if path is not None and path.suffix != ".safetensors":
        raise InputError(f"save: got {path}, expected a name that ends in .safetensors")
    files.check_writable(path, "save")


def read(path: Path, limit: int) -> Any:
    """What the file of at most `limit` bytes holds, undamaged but otherwise unchecked."""
    content = files.read(path, limit, "load")
    pickled = path.suffix in PICKLES
    try:
        if pickled:
            check_archive(content, limit)
            with warnings.catch_warnings():  # of tensors that are refused below
                warnings.simplefilter("ignore")
                return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        tensorfile.check(content)
        return safetensors.torch.load(content)
    except tensorfile.DamagedError as error:
        raise InputError(f"load: {path} {error}") from error
    except Exception as error:  # an unpickler stops at damage with whatever it stumbles over
        kind = "state_dict that torch.save wrote" if pickled else "safetensors file"
        raise InputError(f"load: {path} is damaged or no {kind}") from error


def check_archive(content: bytes, limit: int) -> None:
    """Raise DamagedError for a .pt file whose checksums do not match: PyTorch does not look.

    Those of PyTorch before 1.6 have none.
    """
    if not is_zipfile(io.BytesIO(content)):
        return
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > limit:
            raise tensorfile.DamagedError(f"unpacks to more than {limit:,} bytes")
        if archive.testzip() is not None:
            raise tensorfile.DamagedError("is damaged: its checksum does not match")


def problem_with(tensor: Any, array: ndarray) -> str:
    """What keeps `tensor` from taking the place of `array`, or nothing."""
    if not isinstance(tensor, torch.Tensor):
        return f"is a {type(tensor).__name__}, expected a tensor"
    if tensor.is_meta or tensor.is_nested or tensor.is_quantized or tensor.layout != torch.strided:
        return "is a meta, nested, quantized or sparse tensor, expected a dense one"
    if tuple(tensor.shape) != array.shape:
        return f"has shape {tuple(tensor.shape)}, expected {array.shape}"
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype != str(array.dtype):
        return f"is {dtype}, expected {array.dtype}"
    if not tensor.isfinite().all():
        return "has values that are not finite"
    largest = float(tensor.abs().max())
    if largest > np.sqrt(np.finfo(array.dtype).max):
        return f"has values up to {largest:.1e}, whose products are not finite in {dtype}"
    return ""
