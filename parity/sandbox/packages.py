"""Which installed packages a child process sees: NumPy, and those that a course allows."""

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from parity.errors import InputError

__all__ = ["seen"]


def seen(allowed: Sequence[str]) -> tuple[dict[str, str], list[Path]]:
    """The folder in which each module is found, and the files and folders that these consist of.

    A package brings with it what it requires. Raises InputError for one that is not installed.
    """
    folders: dict[str, str] = {}
    paths: list[Path] = []
    for module, path in [*parts("numpy"), *(part for name in allowed for part in closure(name))]:
        folders.setdefault(module, str(path.parent))
        paths += [path] if path not in paths else []
    return folders, paths


def parts(module: str) -> Iterator[tuple[str, Path]]:
    """A module's folder, and that of the libraries which lies beside it."""
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or spec.origin is None:
        raise InputError(f"allow: got {module}, expected a package that is installed")
    origin = Path(spec.origin)
    folder = origin.parent if spec.submodule_search_locations else origin
    yield module, folder
    libraries = folder.with_name(f"{module}.libs")
    if libraries.is_dir():
        yield libraries.name, libraries


def closure(module: str) -> Iterator[tuple[str, Path]]:
    """What the distribution with this module consists of, and all that it requires."""
    yield from parts(module)
    waiting = importlib.metadata.packages_distributions().get(module, [])
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a requirement of another platform or extra
        requires = distribution.requires or []
        waiting += [re.split(r"[^\w.-]", one)[0] for one in requires if "extra ==" not in one]
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            path = Path(str(distribution.locate_file(top)))
            if path.exists():
                yield top.removesuffix(".py"), path
