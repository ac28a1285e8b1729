"""What travels between the check and the process that runs the file: a line of JSON.

No pickle: what comes back was made by somebody else's code, and unpickling would run it here.
"""

import base64
import json
from typing import Any

import numpy as np

__all__ = ["decode", "encode"]


def encode(value: Any) -> str:
    """One line; arrays, tuples and what JSON has."""
    return json.dumps(pack(value))


def decode(line: str) -> Any:
    """What was encoded; raises ValueError for a line that is none of ours."""
    return unpack(json.loads(line))


def pack(value: Any) -> Any:
    """`value` with arrays and tuples as tagged dicts."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        bytes64 = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, list(value.shape), bytes64]}
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
    ((tag, content),) = value.items()
    if tag == "array":
        dtype, shape, bytes64 = content
        return np.frombuffer(base64.b64decode(bytes64), np.dtype(dtype)).reshape(shape).copy()
    if tag == "tuple":
        return tuple(unpack(item) for item in content)
    return {key: unpack(item) for key, item in content}
