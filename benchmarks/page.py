"""`python -m benchmarks.page ANSWER.json ...`: put measured answers into docs/benchmarks.md.

The text between `<!-- NAME -->` and `<!-- /NAME -->` is replaced, and the pictures are drawn again.
The rest of the page is written by hand.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import charts, report
from maintenance.pages import ROOT, replace_block
from parity.cli.exits import guarded
from parity.errors import InputError

__all__ = ["rebuild"]

Answer = Mapping[str, Any]

TABLES = {
    "steps": report.step_table,
    "goals": report.goal_table,
    "ratios": report.mean_table,
    "scaling": report.scaling_table,
    "memory": report.memory_table,
}


def rebuild(root: Path, answers: Sequence[Answer]) -> None:
    """Rewrite the tables of docs/benchmarks.md below `root`, and draw docs/benchmarks-*.png.

    Raises
    ------
    InputError
        If the page lacks the markers of a table, or a file cannot be read or written.
    """
    lines = [line for answer in answers for line in report.machine_lines(answer)]
    machine = "\n".join(f"- {line}" for line in dict.fromkeys(lines))
    page = root / "docs" / "benchmarks.md"
    replace_block(page, "machine", machine)
    for name, table in TABLES.items():
        replace_block(page, name, sections(table, answers))
    charts.steps(answers, page.with_name("benchmarks-step.png"))
    charts.scaling(answers, page.with_name("benchmarks-scaling.png"))


def sections(table: Any, answers: Sequence[Answer]) -> str:
    """The table of each answer below its number of threads."""
    return "\n\n".join(
        f"**{report.threads(answer)}**\n\n{table(answer).markdown()}" for answer in answers
    )


def main(arguments: Sequence[str]) -> int:
    """Rebuild the page from the answers in the files `arguments`; returns the exit code."""
    if not arguments:
        raise InputError("answers: got none, expected files that `python -m benchmarks` wrote")
    rebuild(ROOT, [read(Path(name)) for name in arguments])
    return 0


def read(path: Path) -> Answer:
    """The answer in the file; InputError if it lacks what the pages show."""
    try:
        answer: Answer = json.loads(path.read_text(encoding="utf-8"))
        report.machine_lines(answer)
        if not report.tables(answer):
            raise ValueError("no rows")
    # What the tables raise over JSON of another shape.
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"answers: got {path}, expected a file that `python -m benchmarks --json` wrote"
        ) from error
    return answer


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(sys.argv[1:]), "benchmarks.page"))
