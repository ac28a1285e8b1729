"""Which submissions are equal or nearly so, when names, comments and layout are left out.

A file becomes the sequence of its syntax tree's nodes, and that the set of its shingles: every 8
nodes in a row (Schleimer, Wilkerson, Aiken, "Winnowing", 2003, without the sampling). The measure
is Jaccard's: the shingles that two files share, over those that either has. What stands in the
template, and in so many files of the class that it says nothing, does not count.
"""

import ast
import builtins
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from parity.grading.submissions import Submission
from parity.sandbox.loading import Unreadable, pieces

__all__ = ["Cluster", "alike", "similarity"]

LENGTH = 8  # nodes in a shingle
LEAST = 60  # shingles without which a file says too little
NEAR = 0.8  # of Jaccard's measure
# A shingle that more students than this have, and more than this share of them, does not count.
COMMON, COMMON_SHARE = 10, 0.1

# Names that mean the same in every file: of variables, attributes, and arguments of calls.
KNOWN: dict[type[ast.AST], tuple[str, set[str]]] = {
    ast.Name: ("id", {*dir(builtins), "np"} - {"input"}),
    ast.Attribute: ("attr", {*dir(np), *dir(np.ndarray)}),
    ast.keyword: ("arg", {"axis", "keepdims", "dtype"}),
}

Shingles = frozenset[int]


@dataclass(frozen=True)
class Cluster:
    """Students whose files are alike."""

    students: tuple[str, ...]
    least: float  # the smallest similarity of a pair that holds the group together, in [0, 1]


def alike(submissions: Sequence[Submission], template: Sequence[bytes] = ()) -> list[Cluster]:
    """The groups of two and more, the most alike first.

    Parameters
    ----------
    submissions
        What was handed in; each with its Python files and notebooks.
    template
        The files that were handed out.
    """
    handed_out = frozenset().union(*(shingles({"template.py": one}) for one in template))
    own = [shingles(one.contents) - handed_out for one in submissions]
    equal = pairs_of([one if len(one) >= LEAST else frozenset() for one in own], 1.0, len(own))
    often = Counter(shingle for one in own for shingle in one)
    most = max(COMMON, int(COMMON_SHARE * len(own)))
    rare = [frozenset(shingle for shingle in one if often[shingle] <= most) for one in own]
    near = pairs_of([one if len(one) >= LEAST else frozenset() for one in rare], NEAR, most)
    return groups([one.student for one in submissions], {**near, **equal})


def similarity(one: Shingles, other: Shingles) -> float:
    """Jaccard's measure: what two sets share, of all that either has."""
    return len(one & other) / len(one | other) if one | other else 0.0


def pairs_of(sets: Sequence[Shingles], least: float, most: int) -> dict[tuple[int, int], float]:
    """The pairs of sets that are at least so similar.

    Only sets that share a shingle are compared, and of equal ones the first with each other.
    """
    if least == 1.0:
        same: dict[Shingles, list[int]] = defaultdict(list)
        for index, one in enumerate(sets):
            if one:
                same[one].append(index)
        return {(found[0], other): 1.0 for found in same.values() for other in found[1:]}
    having = defaultdict(list)
    for index, one in enumerate(sets):
        for shingle in one:
            having[shingle].append(index)
    near = {pair for found in having.values() for pair in combinations(found, 2)}
    measured = {(a, b): similarity(sets[a], sets[b]) for a, b in near}
    return {pair: value for pair, value in measured.items() if value >= least}


def groups(students: Sequence[str], pairs: Mapping[tuple[int, int], float]) -> list[Cluster]:
    """The students that pairs hold together."""
    group = list(range(len(students)))  # of each student, the smallest index in it
    for a, b in pairs:
        low, high = sorted((group[a], group[b]))
        group = [low if one == high else one for one in group]
    found = [
        Cluster(
            tuple(students[k] for k in range(len(students)) if group[k] == first),
            min(value for (a, _), value in pairs.items() if group[a] == first),
        )
        for first in sorted({group[a] for a, _ in pairs})
    ]
    return sorted(found, key=lambda one: (-one.least, one.students))


# --- from the text to the shingles ----------------------------------------------------------------


def shingles(contents: Mapping[str, bytes]) -> Shingles:
    """Every 8 nodes in a row of each definition, and of what stands between them."""
    found: set[int] = set()
    for name, content in contents.items():
        for unit in units(name, content):
            nodes = list(normalised(unit))
            found.update(
                hash(tuple(nodes[at : at + LENGTH])) for at in range(len(nodes) - LENGTH + 1)
            )
    return frozenset(found)


def units(name: str, content: bytes) -> Iterator[ast.stmt]:
    """The statements of a file or a notebook; none of one that is no Python."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        file = Path(folder) / f"file{Path(name).suffix}"
        file.write_bytes(content)
        try:
            parts, _ = pieces(file)
        except (Unreadable, RecursionError, MemoryError):
            return
    for part in parts:
        yield from part.tree.body


def normalised(unit: ast.stmt) -> Iterator[str]:
    """The nodes from the top down, left to right, without names, docstrings and annotations."""
    waiting: list[ast.AST] = [unit]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring, or nothing
        if not isinstance(node, ast.expr_context):
            yield type(node).__name__ + word(node)
        waiting += reversed(list(children(node)))


def word(node: ast.AST) -> str:
    """What of a node is no matter of taste."""
    if isinstance(node, ast.Constant):
        return "" if isinstance(node.value, str | bytes) else f" {node.value!r}"
    field, known = KNOWN.get(type(node), ("", set()))
    name = getattr(node, field, "")
    return f" {name}" if name in known else ""


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes directly below one, but for annotations."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST):
                yield one
