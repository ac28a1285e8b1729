"""Two sources side by side: what corresponds stands on one line, highlighted."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

__all__ = ["MODULES", "Row", "aligned", "names_of", "side_by_side"]

ALIKE = 0.5  # lines that share less than half of their letters do not correspond

BACKWARD = ".backward("  # in both programs the same step of a loop, however it is written

MODULES = ("training", "models", "optim", "functional")


@dataclass(frozen=True)
class Row:
    """A line of either source, as HTML, with its number; None where the other has one more."""

    numpy: tuple[int, str] | None
    torch: tuple[int, str] | None
    kind: str  # "same", "differs", "alone", or "the line": what tells the two loops apart


@dataclass(frozen=True)
class Source:
    """Lines of a file."""

    file: str
    first: int
    text: str


def names_of(module: str) -> tuple[str, ...]:
    """The public functions and classes that both packages have, in the order of the file."""
    mine, theirs = both(module)
    return tuple(name for name in mine.__all__ if callable(getattr(theirs, name, None)))


def both(module: str) -> tuple[ModuleType, ModuleType]:
    """The module of that name in either program."""
    return import_module(f"numpy_impl.{module}"), import_module(f"torch_impl.{module}")


@cache
def side_by_side(module: str, name: str) -> tuple[Source, Source, list[Row]]:
    """Both sources of one of `names_of(module)`, and their lines aligned."""
    mine, theirs = (source_of(package, name) for package in both(module))
    return mine, theirs, rows(mine, theirs, marked=(module, name) == ("training", "steps"))


def source_of(module: ModuleType, name: str) -> Source:
    """The function or class; where it is another package's own, the line that imports it."""
    value: Any = inspect.unwrap(getattr(module, name))
    package = module.__name__.partition(".")[0]
    if getattr(value, "__module__", "").partition(".")[0] == package:
        lines, first = inspect.getsourcelines(value)
        path = inspect.getsourcefile(value) or ""
        return Source(path[path.rindex(package) :], first, "".join(lines))
    lines = inspect.getsource(module).splitlines()
    for number, line in enumerate(lines, start=1):
        if "import" in line and name in line.replace(",", " ").split():
            return Source(f"{module.__name__.replace('.', '/')}.py", number, line)
    raise ValueError(f"name is {name!r}, expected one that {module.__name__} defines or imports")


def rows(mine: Source, theirs: Source, marked: bool) -> list[Row]:
    """The lines in order, the corresponding ones beside each other."""
    texts = [source.text.splitlines() for source in (mine, theirs)]
    colored = [highlighted(source.text) for source in (mine, theirs)]
    found = []
    for i, j in aligned(*texts):
        left = None if i is None else (mine.first + i, colored[0][i])
        right = None if j is None else (theirs.first + j, colored[1][j])
        kind = "alone"
        if i is not None and j is not None:
            one, other = texts[0][i].strip(), texts[1][j].strip()
            kind = "same" if one == other else "differs"
            if marked and kind == "differs" and BACKWARD in one and BACKWARD in other:
                kind = "the line"
        found.append(Row(left, right, kind))
    return found


def aligned(left: Sequence[str], right: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Pairs of indices, in order, such that the paired lines are as alike as can be.

    Needleman and Wunsch, J. Mol. Biol. 48 (1970) 443, with gaps that cost nothing.
    """
    likeness = [[alike(one, other) for other in right] for one in left]
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            paired = best[i + 1][j + 1] + likeness[i][j]
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        both_left = i < len(left) and j < len(right)
        if both_left and likeness[i][j] and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif j == len(right) or (i < len(left) and best[i][j] == best[i + 1][j]):
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def alike(one: str, other: str) -> float:
    """From 0, for lines that do not correspond, to 1 for the same."""
    one, other = one.strip(), other.strip()
    if one == other:
        return 1.0 if one else 0.2  # an empty line is like any other, and says little
    if not one or not other:
        return 0.0
    if BACKWARD in one and BACKWARD in other:
        return 1.0
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio if ratio >= ALIKE else 0.0


def highlighted(text: str) -> list[str]:
    """Each line as HTML."""
    html = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return html.split("\n")[: len(text.splitlines())]
