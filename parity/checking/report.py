"""The verdicts as a table, for people, and as a dict, for machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parity.checking.checker import Result
from parity.errors import InputError
from parity.system import html

__all__ = ["Report", "Stability"]

Stability = Literal["fail", "warn"]

COLOURS = {
    "pass": "green",
    "partial": "green",
    "unstable": "yellow",
    "fail": "red",
    "borrowed": "red",
    "error": "red",
    "timeout": "red",
    "missing": "dim",
}
LISTED = 12  # names in a row; of more the first ones are shown
FINE = ("pass", "partial", "missing")
RIGHT = ("pass", "partial")


@dataclass(frozen=True)
class Report:
    """What was found in one file or module."""

    file: str
    results: Sequence[Result]
    printed: str = ""  # what the file printed
    layout: str = "contract"  # whose names it has
    isolation: str = "none"  # what it was shut in by
    seed: int = 0  # of the probes
    notes: Sequence[str] = ()  # how the file was read
    stability: Stability = "fail"  # what an unstable name counts as
    asked: tuple[str, ...] = ()  # the names that have to be there; none for whatever is written

    @property
    def passed(self) -> int:
        """How many names are right."""
        right = (*RIGHT, "unstable") if self.stability == "warn" else RIGHT
        return sum(result.status in right for result in self.results)

    @property
    def failed(self) -> int:
        """How many names are wrong, in whatever way."""
        counted = sum(result.status != "missing" for result in self.results)
        return counted - self.passed

    @property
    def ok(self) -> bool:
        """Whether something is right, nothing is wrong, and all that was asked for is there."""
        asked = [one for one in self.results if one.name in self.asked]
        there = all(one.status != "missing" for one in asked)
        return self.failed == 0 and self.passed > 0 and there

    def assert_right(self, *names: str, partial: bool = True, unstable: bool = False) -> None:
        """Raise unless all these names are right, in the words that `parity check` has for them.

        A line in a cell of a notebook, or in a test of pytest, otter or nbgrader, is a test of its
        own: `parity.check(globals()).assert_right("linear_backward")`.

        Parameters
        ----------
        names
            Of the contract, whatever the course calls them. Without any: those that were asked
            for by `only`, or else all that are written.
        partial
            Whether a name that is right as far as it went counts as right.
        unstable
            Whether a name that is right but for extreme numbers counts as right; it does for a
            report of `check(..., stability="warn")` in any case.

        Raises
        ------
        AssertionError
            If one of the names is wrong or not written yet: for each its diagnosis, hint,
            explanation and smallest example.
        InputError
            If the report does not have a name; a ValueError.
        """
        found = {result.name: result for result in self.results}
        for name in names:
            if name not in found:
                raise InputError(f"assert_right: got {name}, expected some of {', '.join(found)}")
        right = ["pass"] + ["partial"] * partial
        right += ["unstable"] * (unstable or self.stability == "warn")
        written = [name for name in found if found[name].status != "missing" or name in self.asked]
        if not (names or written):
            raise AssertionError(f"{self.file}: none of {', '.join(found)} is written yet")
        wrong = [found[name] for name in names or written if found[name].status not in right]
        if wrong:
            raise AssertionError("\n\n".join(map(paragraph_as_text, wrong)))

    def as_json(self) -> dict[str, Any]:
        """The answer for machines."""
        return {
            "file": self.file,
            "layout": self.layout,
            "isolation": self.isolation,
            "seed": self.seed,
            "notes": list(self.notes),
            "results": [
                {
                    "name": result.name,
                    "status": result.status,
                    "diagnosis": result.diagnosis,
                    "explanation": result.explanation,
                    "hint": result.hint,
                    "where": result.where,
                    "example": result.example,
                    "unchecked": list(result.unchecked),
                    "notes": list(result.notes),
                }
                for result in self.results
            ],
            "passed": self.passed,
            "failed": self.failed,
        }

    def render(self, verbose: bool = False) -> RenderableType:
        """How the file was read, the hints of what is wrong, the table, what was not checked."""
        parts: list[RenderableType] = [Text(note) for note in self.notes]
        parts += [Text()] if self.notes else []
        for result in self.results:
            if result.status not in FINE:
                parts += [*paragraphs(result, verbose), Text()]
        parts.append(table_of(self.results))
        missing = [result.name for result in self.results if result.status == "missing"]
        if missing:
            parts.append(
                Text(f"not written yet: {listed(missing, LISTED if not verbose else None)}")
            )
        parts.append(Text(self.summary()))
        if verbose and self.printed:
            parts += [Text("\nthe file printed:", style="bold"), Text(self.printed)]
        return Group(*parts)

    def summary(self) -> str:
        """One line."""
        if not self.passed and not self.failed:
            return f"{self.file}: nothing is written yet, so nothing was checked"
        return f"{self.file}: {self.passed} right, {self.failed} wrong"

    def __repr__(self) -> str:
        return f"<Report {self.summary()}>"

    def _repr_html_(self) -> str:
        """The table, and what is wrong, in a notebook."""
        return self.as_html()

    def as_html(self) -> str:
        """The summary, the table, and below it a paragraph for each name that is wrong."""
        header = ("name", "verdict", "why")
        rows = [
            (result.name, result.status, why(result))
            for result in self.results
            if result.status != "missing"
        ]
        missing = [result.name for result in self.results if result.status == "missing"]
        parts = [f"<p><b>{escape(self.summary())}</b></p>", html.table(header, rows, words=True)]
        parts += [paragraph_as_html(one) for one in self.results if one.status not in FINE]
        if missing:
            parts.append(f"<p>not written yet: {escape(', '.join(missing))}</p>")
        return "\n".join(parts)


def paragraph_as_html(result: Result) -> str:
    """One wrong name: what it does, the hint, what came and what should have come."""
    head = f"<h3>{escape(result.name)}: {escape(result.diagnosis or result.status)}</h3>"
    hint = [f"<p><b>hint:</b> {escape(result.hint)}</p>"] if result.hint else []
    lines = filter(None, (result.explanation, result.where, result.example))
    return "".join([head, *hint, f"<pre>{escape(chr(10).join(lines))}</pre>"])


def paragraph_as_text(result: Result) -> str:
    """One wrong name in lines of text: the verdict, the hint, what happens, the example."""
    reason = f": {result.diagnosis}" if result.diagnosis else ""
    hint = f"hint: {result.hint}" if result.hint else ""
    lines = (hint, result.explanation, result.where, *result.remarks, *result.example.splitlines())
    return "\n  ".join([f"{result.name}: {result.status}{reason}", *filter(None, lines)])


def paragraphs(result: Result, verbose: bool) -> list[RenderableType]:
    """One wrong name: the hint first, then what happens, where, and behind them the traceback."""
    head = Text.assemble((result.name, "bold red"))
    if result.diagnosis:
        head.append(f"  {result.diagnosis}")
    lines: list[RenderableType] = [head]
    if result.hint:
        lines.append(Text.assemble(("  hint: ", "bold"), result.hint))
    if result.explanation:
        lines.append(Text(f"  {result.explanation}"))
    if result.where:
        lines.append(Text(f"  {result.where}"))
    lines += [Text(f"    {line}") for line in result.example.splitlines()]
    if verbose and result.traceback:
        lines += [Text(f"    {line}", style="dim") for line in result.traceback.splitlines()]
    return lines


def listed(names: Sequence[str], most: int | None) -> str:
    """The names, or the first of them and how many there are beside them."""
    if most is None or len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def table_of(results: Sequence[Result]) -> Table:
    """A row for each name that is there."""
    table = Table()
    for title in ("name", "verdict", "why"):
        table.add_column(title)
    for result in results:
        if result.status == "missing":
            continue
        colour = COLOURS[result.status]
        table.add_row(result.name, Text(result.status, style=colour), Text(why(result)))
    return table


def why(result: Result) -> str:
    """The diagnosis, or what happened, and what was noted beside it."""
    reason = result.diagnosis or ("" if result.status in RIGHT else "not recognised")
    if result.status in ("error", "timeout", "borrowed"):
        reason = result.diagnosis or result.explanation
    remarks = result.remarks if result.status in (*FINE, "unstable") else result.notes
    return "; ".join(filter(None, (reason, *remarks)))
