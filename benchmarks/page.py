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
from parity.pages import ROOT, replace_block

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
    ValueError
        If a file lacks the marks of a part.
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


if __name__ == "__main__":
    rebuild(ROOT, [json.loads(Path(name).read_text()) for name in sys.argv[1:]])
