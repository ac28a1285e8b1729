"""What a known mistake is: a function that computes what somebody who makes it would compute.

A mistake takes the right function first and its arguments after it, so that mistakes of one
function can be composed: the first is given the second in the place of the right function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["CATALOGUE", "Mistake", "compose", "mistake", "mistakes_of"]

Function = Callable[..., Any]

CATALOGUE: list["Mistake"] = []


@dataclass(frozen=True)
class Mistake:
    """A known mistake."""

    id: str
    subjects: tuple[str, ...]  # the names of the contract in which it is made
    sentence: str  # what happens
    hint: str  # where to look; not the solution
    wrong: Function  # (right, *args, **options) -> what comes out


def mistake(subjects: str, id: str, sentence: str, hint: str) -> Callable[[Function], Function]:
    """Enter the decorated function in the catalogue, under names separated by spaces."""

    def enter(wrong: Function) -> Function:
        CATALOGUE.append(Mistake(id, tuple(subjects.split()), sentence, hint, wrong))
        return wrong

    return enter


def mistakes_of(subject: str) -> list[Mistake]:
    """The known mistakes of one function or class; the fewer share one, the earlier it comes."""
    found = [known for known in CATALOGUE if subject in known.subjects]
    return sorted(found, key=lambda known: len(known.subjects))


def compose(right: Function, *mistakes: Mistake) -> Function:
    """`right` with the mistakes made in it, the last one innermost."""
    for known in reversed(mistakes):
        right = partial(known.wrong, right)
    return right
