"""The layouts that come with the package, and which of them a file has."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from parity.contract.layouts.layout import Layout
from parity.contract.layouts.reading import read_map
from parity.contract.operations import SUBJECTS
from parity.errors import InputError

__all__ = ["LAYOUTS", "layout_named", "recognised"]

COURSES = Path(__file__).parent / "courses"
LAYOUTS = sorted(path.stem for path in COURSES.iterdir() if path.suffix in (".toml", ".py"))


@cache
def layout_named(name: str) -> Layout:
    """A shipped layout; raises InputError if there is none of the name."""
    if name not in LAYOUTS:
        raise InputError(f"layout is {name!r}, expected one of {', '.join(LAYOUTS)}")
    path = next(path for path in COURSES.iterdir() if path.stem == name)
    return replace(read_map(path), name=name, file=path.name, shipped=True)


def recognised(names: Sequence[str]) -> Layout | None:
    """The layout that a file with these names has; None for the contract's own, or none.

    A layout is known by names that no other has. A file with more names of the contract, of those
    that the layout does not use, is the contract's.
    """
    defined = set(names)
    scores = {name: len(layout_named(name).recognised_by & defined) for name in LAYOUTS}
    best = max(scores, key=lambda name: scores[name])
    if not scores[best] or list(scores.values()).count(scores[best]) > 1:
        return None
    layout = layout_named(best)
    own = defined & SUBJECTS.keys() - layout.needs
    return layout if scores[best] >= len(own) else None
