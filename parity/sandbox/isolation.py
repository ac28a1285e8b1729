"""How the child process is shut in: by bubblewrap where that is installed, else by limits alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from parity.errors import InputError

__all__ = ["Isolation", "chosen", "environment", "python", "wrapped"]

Isolation = Literal["required", "auto", "none"]

TEMPORARY = 64 * 2**20  # bytes that the child may write into its temporary folder
PYTHON = os.path.realpath(sys.executable)
SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")


def chosen(isolation: Isolation) -> str:
    """What the child is shut in by: bubblewrap, or none; raises InputError if that is refused."""
    if isolation == "none":
        return "none"
    reason = unavailable()
    if not reason:
        return "bubblewrap"
    if isolation == "required":
        raise InputError(f"isolation is required, but {reason}")
    return "none"


@cache
def unavailable() -> str:
    """Why bubblewrap cannot be used, "" if it can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap (the program bwrap) is not installed"
    done = subprocess.run(
        wrapped([PYTHON, "-I", "-S", "-c", ""], []), capture_output=True, text=True
    )
    return f"bubblewrap does not run here: {done.stderr.strip()}" if done.returncode else ""


def python(file: Path) -> list[str]:
    """The command that runs a file without any package and without the caller's environment."""
    return [PYTHON, "-I", "-S", str(file)]


def environment(home: str) -> dict[str, str]:
    """All that the child knows of the world."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LC_ALL": "C.UTF-8", **threads}


def wrapped(command: list[str], seen: Iterable[Path]) -> list[str]:
    """The command in bubblewrap: it sees Python, its libraries and the files `seen`, to read.

    It has a network, processes and users of its own, an empty home, and no environment.
    """
    libraries = [*dict.fromkeys([*SYSTEM, f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"])]
    present = [Path(folder) for folder in libraries if os.path.isdir(folder)]
    packages = [
        found
        for folder in present
        if not folder.is_symlink()
        for kind in ("site-packages", "dist-packages")
        for found in folder.glob(f"python*/{kind}")
    ]
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    options += ["--clearenv", "--proc", "/proc", "--dev", "/dev"]
    for name, value in environment("/tmp").items():
        options += ["--setenv", name, value]
    for folder in present:
        if folder.is_symlink():
            options += ["--symlink", os.readlink(folder), str(folder)]
        else:
            options += read_only(folder)
    options += read_only(Path(PYTHON))
    for folder in packages:
        options += ["--tmpfs", str(folder)]
    for writable in ("/tmp", "/dev/shm"):
        options += ["--size", str(TEMPORARY), "--tmpfs", writable]
    for path in dict.fromkeys([Path(__file__).parent, *seen]):
        options += read_only(path)
    for folder in [*packages, Path("/dev"), Path("/")]:
        options += ["--remount-ro", str(folder)]
    return ["bwrap", *options, "--chdir", "/tmp", "--", *command]


def read_only(path: Path) -> list[str]:
    """The option that shows a file or folder, under its own name."""
    return ["--ro-bind", str(path), str(path)]
