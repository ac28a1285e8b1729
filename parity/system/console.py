"""Where the commands print: tables whose numbers stay whole, rows that come one by one, Ctrl-C."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from parity.system.signals import Ending, ending_signals

__all__ = ["Column", "Rows", "console", "show_path", "table", "track", "written"]

WIDE = 120  # where there is no terminal: tables in a log file are not squeezed
NOTEBOOK = 80  # what the output of a notebook's cell shows without scrolling


class Output(Console):
    """Standard output, whose end is the command's affair."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which says that parity does not hold


def make_console() -> Output:
    """As wide as the terminal; `!parity` in a notebook passes for one, but has no moving lines."""
    output = Output(highlight=False)
    if "JPY_PARENT_PID" in os.environ:  # a child of Jupyter's kernel
        colors: Any = output.color_system
        return Output(highlight=False, width=NOTEBOOK, force_terminal=False, color_system=colors)
    if output.is_terminal or "COLUMNS" in os.environ:
        return output
    return Output(highlight=False, width=WIDE)


console = make_console()


class Column(NamedTuple):
    """A column of a table; an `optional` one is left out where the terminal is too narrow."""

    title: str
    justify: Literal["left", "right"] = "right"
    optional: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], **options: Any) -> Table:
    """A table that breaks no number: what does not fit gets narrow gaps, then fewer columns."""
    rows = list(rows)
    few = [index for index, column in enumerate(columns) if not column.optional]
    for chosen, gap in (
        (range(len(columns)), 1),
        (range(len(columns)), 0),
        (few, 1),
        (few, 0),
    ):
        made = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, gap),
            pad_edge=False,
            caption_justify="left",
            **options,
        )
        for index in chosen:
            made.add_column(columns[index].title, justify=columns[index].justify)
        for row in rows:
            made.add_row(*(row[index] for index in chosen))
        unlimited = console.options.update(max_width=10_000)
        if Measurement.get(console, unlimited, made).minimum <= console.width:
            break
    return made


class Rows:
    """A table whose rows are printed as they come.

    `columns` are titles of two lines, and widths. Shown are those whose indices are in the first
    of `choices` that fits the terminal, or in the last.
    """

    def __init__(self, columns: Sequence[tuple[str, int]], *choices: Sequence[int]) -> None:
        self.widths = [width for _, width in columns]
        self.shown = next(
            (shown for shown in choices if self.total(shown) <= console.width), choices[-1]
        )
        titles = [title.rpartition("\n") for title, _ in columns]
        console.print()
        for line in (0, 2):
            self.add(*(title[line] for title in titles))
        console.print(self.line(["─" * width for width in self.widths], "──"), style="dim")

    def total(self, shown: Sequence[int]) -> int:
        """The width of the columns `shown`, with the gaps before them."""
        return sum(2 + self.widths[index] for index in shown)

    def add(self, *cells: str | Text) -> None:
        """Print one row, of as many cells as there are columns."""
        console.print(self.line(cells, "  "))

    def line(self, cells: Sequence[str | Text], gap: str) -> Text:
        """The cells that are shown, each at the right end of its column."""
        line = Text(no_wrap=True)
        for index in self.shown:
            cell = Text.assemble(cells[index])
            line.append(gap + gap[0] * (self.widths[index] - len(cell)))
            line.append_text(cell)
        return line


@contextmanager
def track(title: str, total: int) -> Iterator[Callable[[object], bool]]:
    """A progress bar, on a terminal; yields what to call after each step.

    It returns whether Ctrl-C was pressed (or another signal asked for the end), so that the run can
    end between two steps and show what it has. A second one raises there and then.
    """
    pressed = False

    def on_signal(number: int, _frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise Ending(number)
        pressed = True

    def advance(_step: object) -> bool:
        progress.advance(task)
        return pressed

    with (
        ending_signals(on_signal),
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task(title, total=total)
        yield advance


def show_path(what: str, path: object) -> None:
    """Say where something was written, on a line that is not broken."""
    console.print(f"{what}: {path}", markup=False, soft_wrap=True)


def written(loss: float) -> str:
    """With four digits after the point, or of a large one the first four."""
    return f"{loss:.4f}" if loss < 1e5 else f"{loss:.4g}"
