"""Arrays for the browser, as base64, and JSON that every browser reads."""

import base64
import json
import math
from typing import Any

import numpy as np
from numpy import ndarray
from starlette.responses import Response

__all__ = ["Json", "Packed", "pack", "ulps", "ulps_of_scale"]

Packed = dict[str, Any]


class Json(Response):
    """A JSON answer, in which a number that is not finite is a text: JSON has no NaN."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(finite(content), allow_nan=False, separators=(",", ":")).encode()


def finite(value: Any) -> Any:
    """`value` with "NaN", "inf" and "-inf" for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).replace("nan", "NaN")
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def pack(array: ndarray) -> Packed:
    """Shape, little-endian dtype and bytes of an array of f4, f8, i4 or u1."""
    contiguous = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "shape": list(array.shape),
        "dtype": f"{array.dtype.kind}{array.dtype.itemsize}",
        "data": base64.b64encode(contiguous.tobytes()).decode(),
    }


def ulps(one: ndarray, other: ndarray) -> ndarray:
    """|one - other| in units in the last place of the larger of the two, element by element.

    NaN where one of them is not finite and the two are not the same.
    """
    with np.errstate(all="ignore"):
        distance = apart(one, other)
        unit = np.spacing(np.maximum(np.abs(one), np.abs(other)))
        return np.where(distance == 0, 0, distance / unit)


def ulps_of_scale(one: ndarray, other: ndarray) -> float:
    """The largest |one - other| in units in the last place of the tensor's largest number."""
    with np.errstate(all="ignore"):
        return float(apart(one, other).max() / np.spacing(np.nanmax(np.abs(other))))


def apart(one: ndarray, other: ndarray) -> ndarray:
    """|one - other|, and 0 for what is the same, be it infinite or NaN."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.where(same, 0, np.abs(one - other))
