"""Which files belong to the one under check: the modules and the package that it imports."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parity.sandbox.loading import Unreadable, pieces

__all__ = ["OwnFiles", "own_files"]

LEVELS = 3  # folders above the file in which an import is looked for


@dataclass
class OwnFiles:
    """What a child process has to see of a student's files."""

    package: str  # that the file is a part of, "" for none
    paths: list[Path]  # where imports are looked for
    files: list[Path] = field(default_factory=list)  # the file, modules, folders of packages


def own_files(path: Path) -> OwnFiles:
    """The file and what it imports, directly or through other files, from near it."""
    path = path.resolve()
    top = path.parent
    relative = any(isinstance(node, ast.ImportFrom) and node.level for node in imports(path))
    while (top / "__init__.py").is_file():
        top = top.parent
    if relative and top == path.parent:  # a package without an __init__.py
        top = path.parent.parent
    package = ".".join(path.parent.relative_to(top).parts)
    own = OwnFiles(package, [path.parent, *([top] if top != path.parent else [])], [path])
    if package:
        own.files.append(path.parent if relative else top / package.partition(".")[0])
    follow(own, path, {path})
    return own


def follow(own: OwnFiles, file: Path, seen: set[Path]) -> None:
    """Add what a file imports."""
    near = [*own.paths, *list(own.files[0].parents)[1 : LEVELS + 1]]
    for name in sorted(set(modules(file))):
        if name in sys.stdlib_module_names or name == "numpy":
            continue
        for folder in near:
            found = [
                one
                for one in (folder / f"{name}.py", folder / name)
                if one.is_file() or (one.is_dir() and any(one.glob("*.py")))
            ]
            if found:
                own.files += [one for one in found if one not in own.files]
                own.paths += [folder] if folder not in own.paths else []
                for inner in found[0].rglob("*.py") if found[0].is_dir() else found:
                    if inner not in seen:
                        seen.add(inner)
                        follow(own, inner, seen)
                break


def modules(file: Path) -> Iterator[str]:
    """The top names of the absolute imports of a file."""
    for node in imports(file):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif not node.level and node.module:
            yield node.module.partition(".")[0]


def imports(file: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements of a file, none if it cannot be read."""
    try:
        parts, _ = pieces(file)
    except Unreadable:
        return
    for part in parts:
        for node in ast.walk(part.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node
