"""What a request carries, read field by field: a wrong one is told in one line, never passed on."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from parity.errors import InputError

__all__ = ["Fields", "from_json"]

Real = int | float


class Fields:
    """The fields of a JSON object or of a query string, whose numbers are text."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) not in (None, "")

    def text(self, name: str, longest: int, default: str | None = None) -> str:
        """A string of at most `longest` characters."""
        value = self.given.get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            raise wrong(name, value, f"a text of at most {longest:,} characters")
        return value

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """One of the options; the default where none is given."""
        value = self.given[name] if name in self else default
        if not isinstance(value, str) or value not in options:
            raise wrong(name, value, f"one of {', '.join(options)}")
        return value

    def integer(self, name: str, lowest: int, highest: int, default: int) -> int:
        """A whole number within bounds, both included."""
        value = self.number(name, lowest, highest, default)
        if value != int(value):
            raise wrong(name, value, "a whole number")
        return int(value)

    def number(self, name: str, lowest: Real, highest: Real, default: Real) -> float:
        """A number within bounds, both included."""
        value = self.given[name] if name in self else default
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not lowest <= number <= highest:  # NaN is in no interval
            raise wrong(name, value, f"a number from {lowest:g} to {highest:g}")
        return number

    def items(self, name: str, most: int) -> list[Any]:
        """A list of at most `most` items; an empty one where none is given."""
        value = self.given.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise wrong(name, value, f"a list of at most {most:,}")
        return value


def from_json(body: bytes) -> Fields:
    """The fields of a JSON object; of an empty body, none."""
    try:
        given = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise InputError("the request is no JSON") from None
    if not isinstance(given, dict):
        raise InputError(f"the request is {shown(given)}, expected a JSON object")
    return Fields(given)


def wrong(name: str, value: Any, expected: str) -> InputError:
    """The error for a field that does not fit."""
    return InputError(f"{name} is {shown(value)}, expected {expected}")


def shown(value: Any) -> str:
    """The beginning of what came."""
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
