"""What travels between the check and the process that runs the file: a line of JSON.

No pickle: what comes back was made by somebody else's code, and unpickling would run it here. The
decoder takes what the encoder writes and nothing else.
"""

import base64
import binascii
import json
import math
import re
from typing import Any

import numpy as np

__all__ = ["Malformed", "decode", "encode"]

REAL = re.compile(r"[<>|=][fiub]\d{1,2}")  # a dtype of real numbers, as NumPy spells it


class Malformed(ValueError):  # noqa: N818 - said of a line, not of the program
    """The line was not written by `encode`; the message says why."""


def encode(value: Any) -> str:
    """One line; arrays, tuples and what JSON has."""
    return json.dumps(pack(value))


def decode(line: str | bytes) -> Any:
    """What was encoded; raises Malformed if `encode` did not write the line."""
    try:
        return unpack(json.loads(line))
    except RecursionError:
        raise Malformed("is nested too deep") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise Malformed("is no JSON") from None


def pack(value: Any) -> Any:
    """`value` with arrays, tuples and dicts as tagged dicts."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        bytes64 = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        dense = value.flags.c_contiguous or value.flags.f_contiguous
        tag = "array" if dense else "strided"
        return {tag: [value.dtype.str, list(value.shape), bytes64]}
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[key, pack(item)] for key, item in value.items()]}
    return value


def unpack(value: Any) -> Any:
    """The inverse of `pack`; arrays are writable."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"array": [str(dtype), [*shape], str(bytes64)], **rest} if not rest:
            return unpack_array(dtype, shape, bytes64)
        case {"strided": [str(dtype), [*shape], str(bytes64)], **rest} if not rest and shape:
            return np.repeat(unpack_array(dtype, shape, bytes64), 2, axis=-1)[..., ::2]
        case {"tuple": [*items], **rest} if not rest:
            return tuple(unpack(item) for item in items)
        case {"dict": [*pairs], **rest} if not rest and all(map(is_pair, pairs)):
            return {key: unpack(item) for key, item in pairs}
    raise Malformed(f"has an object with the keys {list(value)[:3]}")


def is_pair(value: Any) -> bool:
    """Whether a value is a name and something."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def unpack_array(dtype: str, shape: list[Any], bytes64: str) -> np.ndarray:
    """An array of real numbers; raises Malformed if the parts do not fit together."""
    sizes_fit = all(type(size) is int and size >= 0 for size in shape)
    if not REAL.fullmatch(dtype) or not sizes_fit:
        raise Malformed("has an array that is none of real numbers")
    try:
        kind, data = np.dtype(dtype), base64.b64decode(bytes64, validate=True)
    except (TypeError, binascii.Error):
        raise Malformed("has an array that is none of real numbers") from None
    if len(data) != math.prod(shape) * kind.itemsize or len(shape) > 32:
        raise Malformed("has an array whose bytes do not fill its shape")
    return np.frombuffer(data, kind).reshape(shape).copy()
