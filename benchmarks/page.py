"""`python -m benchmarks.page ANSWER.json ...`: put measured answers into docs/benchmarks.md.

What stands between `<!-- NAME -->` and `<!-- end -->` is replaced, the pictures are drawn anew; the
words around them are written by hand.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import charts, report

__all__ = ["rebuild"]

PAGE = Path("docs/benchmarks.md")
Answer = Mapping[str, Any]


def rebuild(page: Path, answers: Sequence[Answer]) -> None:
    """Rewrite the measured parts of the page and the pictures beside it.

    Raises
    ------
    ValueError
        If the page has a part of a name that is unknown, or lacks one.
    """
    parts = {
        "machine": "\n".join(f"- {line}" for line in report.machine_lines(answers[0])),
        **{name: sections(table, answers) for name, table in TABLES.items()},
    }
    text = page.read_text()
    found = re.findall(MARKED, text)
    if sorted(name for name, _ in found) != sorted(parts):
        raise ValueError(f"{page} has the parts {[name for name, _ in found]}, not {[*parts]}")
    text = re.sub(
        MARKED, lambda match: f"<!-- {match[1]} -->\n{parts[match[1]]}\n<!-- end -->", text
    )
    page.write_text(text)
    charts.steps(answers, page.with_name("benchmarks-step.png"))
    charts.scaling(answers, page.with_name("benchmarks-scaling.png"))


MARKED = r"(?s)<!-- ([a-z]+) -->\n(.*?)\n?<!-- end -->"

TABLES = {
    "steps": report.step_table,
    "goals": report.goal_table,
    "scaling": report.scaling_table,
    "memory": report.memory_table,
}


def sections(table: Any, answers: Sequence[Answer]) -> str:
    """The table of each answer below its number of threads."""
    return "\n\n".join(
        f"**{report.threads(answer)}**\n\n{table(answer).markdown()}" for answer in answers
    )


if __name__ == "__main__":
    rebuild(PAGE, [json.loads(Path(name).read_text()) for name in sys.argv[1:]])
