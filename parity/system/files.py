"""Files that are written whole or not at all, and what keeps them from being written."""

import os
from pathlib import Path

from parity.errors import InputError

__all__ = ["check_writable", "write"]


def write(path: Path, content: bytes, option: str) -> None:
    """Write `content` to `path`, or leave there what was there.

    A symbolic link stays and what it points to is written; a device or a pipe just takes the bytes.

    Raises
    ------
    InputError
        If it cannot be written; the message names the `option` that asked for it.
    """
    try:
        if is_special(path):
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))
        scratch = target.with_name(target.name + ".partial")
        try:
            scratch.write_bytes(content)
            os.replace(scratch, target)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{option}: cannot write {path}: {error.strerror}") from error


def check_writable(path: Path | None, option: str) -> None:
    """Raise InputError now, before the work, for a file that could not be written after it."""
    if path is None:
        return
    try:
        fault = obstacle(path)
    except OSError as error:  # of a folder that may not be looked into
        fault = error.strerror
    if fault:
        raise InputError(f"{option}: cannot write {path}: {fault}")


def obstacle(path: Path) -> str | None:
    """What is in the way of writing to `path`, if anything is."""
    if path.is_dir():
        return "it is a folder, expected a file"
    if is_special(path):
        return None if os.access(path, os.W_OK) else "it cannot be written to"
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        return "expected a file in a folder that is there"
    return None if os.access(folder, os.W_OK) else f"its folder {folder} cannot be written to"


def is_special(path: Path) -> bool:
    """Whether something is there that is no file: it cannot be replaced by one."""
    return path.exists() and not path.is_file()
