"""`python -m benchmarks.page ANSWER.json ...`: put measured answers into docs and README.

What stands between `<!-- NAME -->` and `<!-- /NAME -->` is replaced, the pictures are drawn anew;
the words around them are written by hand.
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
    "scaling": report.scaling_table,
    "memory": report.memory_table,
}


def rebuild(root: Path, answers: Sequence[Answer]) -> None:
    """Rewrite what is measured in README.md and docs/benchmarks.md, and draw docs/benchmarks-*.png.

    Raises
    ------
    InputError
        If a file lacks the marks of a part, or cannot be read or written.
    """
    lines = [line for answer in answers for line in report.machine_lines(answer)]
    machine = "\n".join(f"- {line}" for line in dict.fromkeys(lines))
    page = root / "docs" / "benchmarks.md"
    replace_block(page, "machine", machine)
    for name, table in TABLES.items():
        replace_block(page, name, sections(table, answers))
    means = f"{sections(report.mean_table, answers)}\n\nThe machine:\n\n{machine}"
    replace_block(root / "README.md", "benchmarks", means)
    charts.steps(answers, page.with_name("benchmarks-step.png"))
    charts.scaling(answers, page.with_name("benchmarks-scaling.png"))


def sections(table: Any, answers: Sequence[Answer]) -> str:
    """The table of each answer below its number of threads."""
    return "\n\n".join(
        f"**{report.threads(answer)}**\n\n{table(answer).markdown()}" for answer in answers
    )


def main(arguments: Sequence[str]) -> int:
    """Rebuild the pages from the answers in the files `arguments`; returns the exit code."""
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
