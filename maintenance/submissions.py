"""What a class might hand in: right and wrong files, stubs, files that mean harm or cheat.

All of it is data that the tests have already; nothing is listed here a second time.
"""

import ast
import inspect
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

import torch

import numpy_impl
import parity.checking.catalogue
from parity.checking.catalogue import CATALOGUE, Mistake, mistakes_of
from parity.contract.layouts import LAYOUTS, layout_named
from parity.contract.operations import SUBJECTS
from parity.contract.template import template
from parity_tests.checking.courses.wrong import COURSES, WRONG, Wrong, right_file
from parity_tests.checking.homework import loops, single
from parity_tests.checking.homework.network import FUNCTIONS, network
from parity_tests.checking.homework.pairs import PAIRS
from parity_tests.checking.homework.rows import ROWS
from parity_tests.checking.homework.snippets import HELPERS
from parity_tests.checking.test_check import ALIASES
from parity_tests.sandbox import test_borrowed, test_hostile

__all__ = ["MARK", "Handed", "handed_in"]

MARK = "parity-classroom"  # in the command line of what a file leaves running

Ways = tuple[str, ...]  # the verdicts that may come

WRONG_IN_ANY_WAY: Ways = ("fail", "unstable", "error")
HARMED: Ways = ("error", "timeout", "fail")


@dataclass(frozen=True)
class Handed:
    """What one student hands in, and what should come of it."""

    kind: str
    files: dict[str, str]  # by name
    right: frozenset[str] = frozenset()  # the names that are right
    wrong: dict[str, Ways] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)  # the mistakes that should be called so
    either: frozenset[str] = frozenset()  # the names that a mistake elsewhere in the file reaches


def handed_in(count: int) -> list[Handed]:
    """So many submissions of all kinds: all that the tests have, and files of catalogue mistakes.

    With fewer than the tests have, some of each kind.
    """
    known = [*right(), *known_mistakes(), *stubs(), *harm(), *cheats()]
    rest = count - len(known)
    if rest > 0:
        return [*known, *catalogue(rest)]
    step = (len(known) + 2) / count
    return [*known[:: int(step) + 1], *catalogue(40)[:2]][:count]


def alone(kind: str, code: str, wrong: dict[str, Ways], named: str = "") -> Handed:
    """A single file, of whose names these are wrong."""
    names = {node.name for node in ast.parse(code).body if hasattr(node, "name")}
    right = frozenset(names & SUBJECTS.keys() - wrong.keys())
    diagnoses = dict.fromkeys(wrong, named) if named else {}
    return Handed(kind, {"homework.py": code}, right, wrong, diagnoses)


# --- right and wrong ------------------------------------------------------------------------------


def right() -> Iterator[Handed]:
    """Files in several styles and of all courses."""
    for code in (inspect.getsource(loops), inspect.getsource(single), *map(network, FUNCTIONS)):
        yield alone("right", code, {})
    for row in ROWS:
        if row.diagnosis is None:
            yield alone("right", HELPERS + row.code, {})
    for course in COURSES:
        yield of_course("right", course, Wrong(course, "", "", "", None))


def known_mistakes() -> Iterator[Handed]:
    """A mistake in one function, two mistakes in one function, mistakes in files of courses."""
    for row in ROWS:
        if row.diagnosis is not None:
            wrong = {row.name: WRONG_IN_ANY_WAY}
            yield alone("a known mistake", HELPERS + row.code, wrong, row.diagnosis)
    for pair in PAIRS:
        wrong = {pair.name: WRONG_IN_ANY_WAY}
        yield alone("two mistakes at once", HELPERS + pair.code, wrong, pair.diagnosis)
    for one in WRONG:
        yield of_course("a mistake in a course", one.course, one)


def of_course(kind: str, course: str, one: Wrong) -> Handed:
    """The right file of a course, or with a mistake in one of its operations.

    Other operations that are computed with the same function, or with one that calls it, may be
    wrong, or not.
    """
    text = right_file(course).read_text(encoding="utf-8")
    defined = {node.name: node for node in ast.parse(text).body if hasattr(node, "name")}
    names = computed_with(course, set(defined))
    if not one.name:
        return Handed(kind, {"homework.py": text}, names)
    line = text[: text.index(one.right)].count("\n") + 1
    spoiled = {n for n, node in defined.items() if node.lineno <= line <= (node.end_lineno or 0)}
    while callers := {n for n in defined.keys() - spoiled if names_in(defined[n]) & spoiled}:
        spoiled |= callers
    either = names - computed_with(course, defined.keys() - spoiled) - {one.name}
    named = {one.name: one.diagnosis} if one.diagnosis else {}
    wrong = {one.name: WRONG_IN_ANY_WAY}
    files = {"homework.py": one.source()}
    return Handed(kind, files, names - either - {one.name}, wrong, named, either)


def names_in(node: ast.AST) -> set[str]:
    """The names that a definition uses."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def computed_with(course: str, defined: Set[str]) -> frozenset[str]:
    """The operations that a layout computes with some names, in the first way that it has."""
    operations = layout_named(course).operations.items()
    return frozenset(name for name, ways in operations if ways[0].needs <= defined)


def catalogue(count: int) -> list[Handed]:
    """So many files that hold every mistake of the catalogue in every function that has it.

    Each function is the right one with a mistake of the catalogue; both come with the file.
    """
    made: list[dict[str, Mistake]] = [{} for _ in range(count)]
    place = 0
    for name, subject in SUBJECTS.items():
        if subject.role not in ("network", "class", "loop"):
            for known in {one.id: one for one in mistakes_of(name)}.values():
                assert name not in made[place % count], "more mistakes of a function than files"
                made[place % count][name] = known
                place += 1
    packages = copied("right", Path(numpy_impl.__file__).parent)
    packages |= copied("catalogue", Path(parity.checking.catalogue.__file__).parent)
    return [with_mistakes(mistakes, packages) for mistakes in made]


def with_mistakes(mistakes: dict[str, Mistake], packages: dict[str, str]) -> Handed:
    """A file with a mistake in each of these functions."""
    code = "from right import functional\nfrom catalogue import CATALOGUE\n"
    for name, known in mistakes.items():
        mistake = f"CATALOGUE[{CATALOGUE.index(known)}].wrong"
        code += f"\n\ndef {name}(*args, **options):\n    # {known.id}\n"
        code += f"    return {mistake}(functional.{name}, *args, **options)\n"
    named = {name: ALIASES.get((name, known.id), known.id) for name, known in mistakes.items()}
    wrong = dict.fromkeys(mistakes, WRONG_IN_ANY_WAY)
    files = {"homework.py": code, **packages}
    return Handed("mistakes of the catalogue", files, wrong=wrong, named=named)


def copied(name: str, folder: Path) -> dict[str, str]:
    """The files of a package under another name, that import nothing of what checks them."""
    roles = {name: subject.role for name, subject in SUBJECTS.items()}
    instead = {
        "numpy_impl": "right",
        "parity.checking.catalogue": "catalogue",
        "from parity.contract.operations import SUBJECTS": "from types import SimpleNamespace\n"
        f"SUBJECTS = {{name: SimpleNamespace(role=role) for name, role in {roles!r}.items()}}",
        "from parity.contract.reference import reference": "from right import functional\n"
        "def reference(name): return getattr(functional, name)",
    }
    files = {}
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for before, after in instead.items():
            text = text.replace(before, after)
        files[f"{name}/{path.name}"] = text
    return files


# --- stubs, harm, cheats --------------------------------------------------------------------------


def stubs() -> Iterator[Handed]:
    """Templates as they were handed out."""
    for layout in ("contract", *LAYOUTS):
        yield Handed("stub", {"homework.py": template(layout=layout)})


def harm() -> Iterator[Handed]:
    """A right relu beside a sigmoid that means harm, or answers with nonsense."""
    bodies = [
        body.replace("{sleep}", test_hostile.SLEEPER.format(MARK))
        for body, _ in test_hostile.HARM.values()
    ]
    places = {
        "port": 22,
        "beside": "/etc/hostname",
        "answers": inspect.getsourcefile(parity.checking.catalogue),
        "parent": os.getpid(),
        "torch": torch.__file__,
    }
    right = "return 1 / (1 + np.exp(-x))"
    bodies += [f"{code.format(**places)}\n{right}" for code in test_hostile.SECRETS.values()]
    bodies += [
        f"for fd in range(3, 30):\n    try: os.write(fd, {line!r}.encode('latin-1') + b'\\n')\n"
        f"    except OSError: pass\n{right}"
        for line in test_hostile.NONSENSE.values()
    ]
    for body in bodies:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        code = f"{test_hostile.HEAD}{test_hostile.RIGHT}def sigmoid(x):\n{lines}"
        yield alone("hostile", code, {"sigmoid": HARMED})


def cheats() -> Iterator[Handed]:
    """A sigmoid that another package computes, or that reaches for the answers or the verdict."""
    for code in test_borrowed.BORROWED:
        yield Handed("cheating", {"homework.py": code}, wrong={"sigmoid": ("borrowed",)})
    for code in test_borrowed.CHEATS.values():
        wrong: dict[str, Ways] = {"sigmoid": ("fail", "error", "borrowed")}
        yield Handed("cheating", {"homework.py": code}, wrong=wrong)
