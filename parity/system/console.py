"""Where the commands print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

__all__ = ["console", "track", "written"]

WIDE = 120  # where there is no terminal: tables in a log file are not squeezed


class Output(Console):
    """Standard output, whose end is the command's affair."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which says that parity does not hold


console = Output(highlight=False)
if not console.is_terminal:
    console = Output(highlight=False, width=WIDE)


@contextmanager
def track(title: str, total: int) -> Iterator[Callable[[object], None]]:
    """A progress bar; yields what to call at each step. Silent where there is no terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda _step: progress.advance(task)


def written(loss: float) -> str:
    """With four digits after the point, or of a large one the first four."""
    return f"{loss:.4f}" if loss < 1e5 else f"{loss:.4g}"
