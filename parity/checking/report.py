"""The verdicts as a table, for people, and as a dict, for machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from parity.checking.checker import Result

__all__ = ["Report"]

COLOURS = {
    "pass": "green",
    "fail": "red",
    "borrowed": "red",
    "error": "red",
    "timeout": "red",
    "missing": "dim",
}


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

    @property
    def passed(self) -> int:
        """How many names are right."""
        return sum(result.status == "pass" for result in self.results)

    @property
    def failed(self) -> int:
        """How many names are wrong, in whatever way."""
        return sum(result.status not in ("pass", "missing") for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether something is right and nothing is wrong."""
        return self.failed == 0 and self.passed > 0

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
                    "message": result.message,
                }
                for result in self.results
            ],
            "passed": self.passed,
            "failed": self.failed,
        }

    def render(self, verbose: bool = False) -> RenderableType:
        """How the file was read, the hints of what is wrong, the table, what was not checked."""
        parts: list[RenderableType] = [Text(note) for note in self.notes]
        for result in self.results:
            if result.status not in ("pass", "missing"):
                parts += [*paragraphs(result, verbose), Text()]
        parts.append(table_of(self.results))
        missing = [result.name for result in self.results if result.status == "missing"]
        if missing:
            parts.append(Text(f"not written yet: {', '.join(missing)}"))
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
        console = Console(width=100, highlight=False, color_system=None)
        with console.capture() as capture:
            console.print(self.render())
        return capture.get()

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        console = Console(width=100, highlight=False, record=True, file=Discard())  # type: ignore[arg-type]
        console.print(self.render())
        style = "font-family:monospace; line-height:normal; background:none"
        return console.export_html(
            inline_styles=True, code_format=f'<pre style="{style}">{{code}}</pre>'
        )


class Discard:
    """A stream that goes nowhere."""

    def write(self, _text: str) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Nothing is waiting."""


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


def table_of(results: Sequence[Result]) -> Table:
    """A row for each name that is there."""
    table = Table()
    for title in ("name", "verdict", "why"):
        table.add_column(title)
    for result in results:
        if result.status == "missing":
            continue
        why = result.diagnosis or ("" if result.status == "pass" else "not recognised")
        if result.status in ("error", "timeout", "borrowed"):
            why = result.diagnosis or result.explanation
        why = "; ".join(filter(None, (why, *result.notes)))
        colour = COLOURS[result.status]
        table.add_row(result.name, Text(result.status, style=colour), Text(why))
    return table
