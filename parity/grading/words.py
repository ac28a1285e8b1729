"""What a student is told about a name, in the words of the check."""

from collections.abc import Iterator
from dataclasses import replace

from parity.checking.checker import Result
from parity.checking.report import why
from parity.grading.settings import Show

__all__ = ["about", "reason", "shown"]

RIGHT = ("pass", "partial")


def shown(result: Result, show: Show) -> Result:
    """The result without what students do not see."""
    if not show.explanation:
        result = replace(result, diagnosis=None, explanation="")
    if not show.hint:
        result = replace(result, hint="")
    return result if show.example else replace(result, where="", example="")


def reason(result: Result, show: Show) -> str:
    """Why a name does not have all points, in a few words."""
    if result.status == "missing":
        return result.explanation
    if show.explanation or result.status in RIGHT:
        return why(result)
    return "; ".join(result.remarks)


def about(result: Result, show: Show) -> Iterator[str]:
    """All lines about a name."""
    if result.status == "missing":
        yield result.explanation
        return
    if result.status not in RIGHT:
        seen = shown(result, show)
        if seen.hint:
            yield f"hint: {seen.hint}"
        yield from filter(None, (seen.explanation, seen.where, *seen.example.splitlines()))
    yield from result.remarks
