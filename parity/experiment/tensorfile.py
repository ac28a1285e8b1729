"""Arrays by name as the bytes of a safetensors file, with a checksum over every byte.

The format: https://github.com/huggingface/safetensors#format. The checksum stands in the metadata,
where other programs pass over it; it is taken with zeros in its own place.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy import ndarray
from safetensors import SafetensorError

__all__ = ["DamagedError", "check", "pack", "unpack"]

ZEROS = "0" * 64
MARK = "written by"
NO_FILE = "is damaged or no safetensors file"


class DamagedError(ValueError):
    """Bytes that are no safetensors file, or not as they were written; the message says which."""


def pack(arrays: Mapping[str, ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file with `arrays` bit for bit, and `metadata` beside them."""
    # safetensors writes the memory as it lies, and that of a transposed view lies in another order.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = safetensors.numpy.save(contiguous)
    header, data = split(content)
    ours = {"sha256": ZEROS, "format": "pt", MARK: "numpy-torch-parity"}  # "pt": PyTorch's names
    header = {"__metadata__": {**ours, **(metadata or {})}, **header}
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)  # the arrays stay aligned
    content = len(text).to_bytes(8, "little") + text.encode("ascii") + data
    return content.replace(ZEROS.encode(), digest(content).encode(), 1)


def unpack(content: bytes) -> tuple[dict[str, ndarray], dict[str, str]]:
    """The arrays and the metadata of a file; raises what `check` raises."""
    metadata = check(content)
    try:
        return safetensors.numpy.load(content), metadata
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that NumPy lacks
        raise DamagedError(NO_FILE) from error


def check(content: bytes) -> dict[str, str]:
    """The metadata of a file; DamagedError if a byte of what `pack` wrote has changed.

    A file that another program wrote has no checksum, and is taken as it is.
    """
    metadata = dict(split(content)[0].get("__metadata__") or {})
    if MARK in metadata or "sha256" in metadata:  # of the two, damage may have struck one
        written = str(metadata.get("sha256")).encode(errors="replace")
        if len(written) != len(ZEROS) or digest(content, written).encode() != written:
            raise DamagedError("is damaged: its checksum does not match")
    return metadata


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and what follows it; DamagedError if there is no header."""
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:end])
    except (ValueError, RecursionError) as error:
        raise DamagedError(NO_FILE) from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise DamagedError(NO_FILE)
    return header, content[end:]


def digest(content: bytes, written: bytes = ZEROS.encode()) -> str:
    """The SHA-256 of `content` with zeros where the checksum `written` first stands."""
    return hashlib.sha256(content.replace(written, ZEROS.encode(), 1)).hexdigest()
