"""Scratch files: new content is written here before it takes the place of the old.

A scratch file has a name that nobody can guess and is opened only if nothing has that name, so that
no link planted there is followed and no two writers share one. It is locked as long as its writer
lives: one that is not locked was left by a run that was killed, and is cleared by the next.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["clear", "scratch_file"]

PREFIX, SUFFIX = ".parity-", ".partial"  # around 32 random digits; not longer for a longer target


@contextmanager
def scratch_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new, empty, locked file in `folder`; removed in the end if it is still there."""
    while True:
        path = folder / f"{PREFIX}{secrets.token_hex(16)}{SUFFIX}"
        try:
            with open(path, "xb") as file:
                lock(file, wait=True)
                if path.exists():  # else `clear` of another process came before the lock
                    yield path, file
                    return
        finally:
            path.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove the scratch files in `folder` whose writers are dead."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        # Locked, removed by another process meanwhile, or somebody else's.
        with suppress(OSError), open(path, "r+b") as file:
            lock(file, wait=False)
            path.unlink()


def lock(file: BinaryIO, wait: bool) -> None:
    """Keep `file` from other processes until it is closed; OSError if one has it and not `wait`."""
    try:
        import fcntl
    except ImportError:  # Windows removes no file that is open, which is as good as a lock
        return
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
