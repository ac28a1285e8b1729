"""What a student is told about a name, in the words of the check."""

from collections.abc import Iterator

from parity.checking.checker import Result
from parity.grading.settings import Show

__all__ = ["about"]


def about(result: Result, show: Show) -> Iterator[str]:
    """Lines about a verdict, as far as they are to be seen."""
    if result.status not in ("pass", "partial", "missing"):
        if show.hint and result.hint:
            yield f"hint: {result.hint}"
        if show.explanation:
            yield from filter(None, (result.explanation, result.where))
        if show.example:
            yield from result.example.splitlines()
    yield from result.remarks
