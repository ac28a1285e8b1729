"""The machine-readable answer of a command."""

import json
import math
import os
from pathlib import Path
from typing import Any

from parity.errors import InputError

__all__ = ["check_writable", "write"]


def write(path: Path, payload: Any) -> None:
    """Write `payload` to `path` as JSON; whole or not at all. NaN and infinities become null.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    scratch = path.with_name(path.name + ".partial")
    try:
        scratch.write_text(json.dumps(without_nan(payload), indent=2, allow_nan=False) + "\n")
        os.replace(scratch, path)
    except OSError as error:
        raise InputError(f"json: cannot write {path}: {error.strerror}") from error


def check_writable(path: Path | None, option: str = "json") -> None:
    """Raise InputError now, before the work, for a file that could not be written after it."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(
            f"{option}: cannot write {path}, expected a file in a folder that is there"
        )


def without_nan(value: Any) -> Any:
    """`value` with None for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
