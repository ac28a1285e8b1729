"""What machines read of the grades: `grades.csv`, and `results.json` as Gradescope has it."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from parity.grading.marks import Mark
from parity.grading.settings import Show
from parity.grading.words import about

__all__ = ["as_csv", "as_gradescope"]


def as_csv(marks: Sequence[Mark]) -> str:
    """A row for each student: student, file, points, max, and the verdict on each name."""
    names = list(marks[0].most) if marks else []
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["student", "file", "points", "max", *names])
    for mark in marks:
        who = [harmless(mark.submission.student), harmless(mark.submission.file)]
        statuses = [mark.results[name].status for name in names]
        writer.writerow([*who, f"{mark.total:g}", f"{mark.max:g}", *statuses])
    return output.getvalue()


def harmless(cell: str) -> str:
    """The cell, which a spreadsheet takes for a formula in no case."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def as_gradescope(mark: Mark, show: Show) -> dict[str, Any]:
    """What Gradescope reads: the score, and a test for each name."""
    tests = [
        {
            "name": name,
            "score": mark.points[name],
            "max_score": mark.most[name],
            "status": "passed" if mark.points[name] >= mark.most[name] else "failed",
            "output": "\n".join([result.status, *about(result, show)]),
            "output_format": "text",
            "visibility": "visible",
        }
        for name, result in mark.results.items()
    ]
    return {
        "score": mark.total,
        "output": "\n".join(filter(None, [mark.problem, *mark.notes])),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
