"""The machine-readable answer of a command."""

import json
import math
from pathlib import Path
from typing import Any

from parity.system import files

__all__ = ["check_writable", "write"]


def write(path: Path, payload: Any) -> None:
    """Write `payload` to `path` as JSON; whole or not at all. NaN and infinities become null.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = json.dumps(without_nan(payload), indent=2, allow_nan=False)
    files.write(path, f"{text}\n".encode(), "json")


def check_writable(path: Path | None) -> None:
    """Raise InputError now, before the work, for a file that could not be written after it."""
    files.check_writable(path, "json")


def without_nan(value: Any) -> Any:
    """`value` with None for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
