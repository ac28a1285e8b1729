"""Files that are written whole or not at all, and what keeps them from being read or written."""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from parity.errors import InputError
from parity.system.scratch import clear, scratch_file

__all__ = ["check_outputs", "check_writable", "open_file", "read", "write"]

ROOM = 1 << 20  # bytes: more than an answer, a picture or a file of our models' weights takes


def write(path: Path, content: bytes, option: str) -> None:
    """Write `content` to `path`, or leave there what was there.

    When this returns, the content is on the disk and not only in memory. A file keeps its mode
    bits; a symbolic link stays, and what it points to is written; a device or a pipe takes the
    bytes.

    Raises
    ------
    InputError
        If it cannot be written; the message names the `option` that asked for it.
    """
    try:
        if is_special(path):
            hand_over(path, content)
        else:
            replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise InputError(f"{option}: cannot write {path}: {error.strerror}") from error


def replace(target: Path, content: bytes) -> None:
    """Put a file with `content` in the place of `target`; what it was before or this, never part.

    Its other hard links, if it has any, keep the old content.
    """
    folder = target.parent
    clear(folder)
    with scratch_file(folder) as (scratch, file):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # or a power cut after the rename could leave an empty file
        if target.exists():
            scratch.chmod(stat.S_IMODE(target.stat().st_mode))
        if os.name == "nt":
            file.close()  # Windows renames no file that is open
        os.replace(scratch, target)
    with suppress(OSError):  # Windows and some network drives cannot sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def hand_over(path: Path, content: bytes) -> None:
    """Write to a device or a pipe; OSError for a pipe that nobody reads, which would block."""
    try:
        with open(path, "wb", opener=without_waiting) as file:
            os.set_blocking(file.fileno(), True)
            file.write(content)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads this pipe") from error
        raise


def read(path: Path, limit: int, option: str) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises
    ------
    InputError
        If it is not there, larger, closed to us, or no file: a pipe might never end.
    """
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise InputError(f"{option}: {path} has {size:,} bytes, expected at most {limit:,}")
            return file.read(limit)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(f"{option}: got {path}, expected a file that is there") from error
    except OSError as error:
        raise InputError(f"{option}: cannot read {path}: {error.strerror}") from error


def open_file(path: Path) -> BinaryIO:
    """Open a file to read; OSError for a pipe or a device, which might never end."""
    return open(path, "rb", opener=file_only)


def file_only(path: str, flags: int) -> int:
    """Open `path` if it is a file."""
    descriptor = without_waiting(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", path)
    return descriptor


def without_waiting(path: str, flags: int) -> int:
    """Open `path`; a pipe, too, at once, whether somebody is at its other end or not."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def check_outputs(
    outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None] | None = None
) -> None:
    """Raise InputError now, before the work, if not every output can be written after it.

    Both map an option to the path that it was given, or to None. No output may be another one, or
    one of the `inputs`: one would overwrite the other.
    """
    taken = {option: path for option, path in (inputs or {}).items() if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        check_writable(path, option)
        for other, theirs in taken.items():
            if is_same(path, theirs):
                raise InputError(f"{option}: got {path}, expected another file than {other} has")
        taken[option] = path


def check_writable(path: Path | None, option: str) -> None:
    """Raise InputError now, before the work, for a file that could not be written after it.

    What is tried: the name, the folder, and room for `ROOM` bytes, by the disk and by all limits.
    """
    if path is None:
        return
    try:
        problem = obstacle(path)
    except OSError as error:  # a name that is too long, links in a circle, a full disk, ...
        problem = error.strerror
    if problem:
        raise InputError(f"{option}: cannot write {path}: {problem}")


def obstacle(path: Path) -> str | None:
    """What is in the way of writing to `path`, if anything is; or OSError."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):
            return "it is a folder, expected a file"
        if not os.access(path, os.W_OK):
            return "it cannot be written to"
        if is_special(path):
            return None
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        return "expected a file in a folder that is there"
    if not os.access(folder, os.W_OK):
        return f"its folder {folder} cannot be written to"
    clear(folder)
    with scratch_file(folder) as (_, file):
        file.write(bytes(ROOM))
        file.flush()
    return None


def is_special(path: Path) -> bool:
    """Whether something is there that is no file: it cannot be replaced by one."""
    return path.exists() and not path.is_file()


def is_same(path: Path, other: Path) -> bool:
    """Whether both are one file, under whatever names; devices and pipes take several outputs."""
    if is_special(path):
        return False
    if path.exists() and other.exists():
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)
