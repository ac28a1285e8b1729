"""The grades of a class, and the files that they go to."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from parity.errors import InputError
from parity.grading.alike import alike
from parity.grading.marks import Mark, counted, marked
from parity.grading.pages import student_page, teacher_page
from parity.grading.settings import Grading
from parity.grading.submissions import Submission
from parity.grading.summary import Summary, summarised
from parity.grading.tables import as_csv, as_gradescope
from parity.system import files, jsonfile

__all__ = ["Grades"]


@dataclass(frozen=True)
class Grades:
    """The marks of all students, and what they come to."""

    marks: Sequence[Mark]
    summary: Summary
    grading: Grading
    seed: int
    isolation: str

    @classmethod
    def of(
        cls,
        submissions: Sequence[Submission],
        answers: Sequence[Mapping[str, Any]],
        grading: Grading,
        seed: int,
    ) -> "Grades":
        """The grades that the answers to some submissions give."""
        most = counted(grading, answers)
        marks = [
            marked(one, answer, grading, most)
            for one, answer in zip(submissions, answers, strict=True)
        ]
        modes = sorted({answer["isolation"] for answer in answers if "isolation" in answer})
        pairs = alike(submissions, grading.template_content)
        return cls(
            marks, summarised(marks, pairs), grading, seed, " and ".join(modes) or "nothing ran"
        )

    def write(self, folder: Path) -> None:
        """Write all files; each whole or not at all."""
        show, names = self.grading.show, folder_names(self.marks)
        for name, mark in zip(names, self.marks, strict=True):
            own = folder / "students" / name
            make(own)
            jsonfile.write(own / "results.json", as_gradescope(mark, show))
            files.write(own / "report.html", student_page(mark, show).encode(), "output")
        page = teacher_page(self.marks, names, self.summary, [self.how])
        files.write(folder / "index.html", page.encode(), "output")
        files.write(folder / "grades.csv", as_csv(self.marks).encode(), "output")

    @property
    def how(self) -> str:
        """What the verdicts rest on."""
        return f"seed {self.seed}, isolation: {self.isolation}"

    def render(self) -> RenderableType:
        """The answer for the terminal."""
        return Group(self.summary.render(), Text(self.how))

    def as_json(self) -> dict[str, Any]:
        """The answer for machines."""
        return {
            "seed": self.seed,
            "isolation": self.isolation,
            "summary": self.summary.as_json(),
            "students": [
                {
                    "student": mark.submission.student,
                    "file": mark.submission.file,
                    "points": mark.total,
                    "max": mark.max,
                    "problem": mark.problem,
                    "names": {name: result.status for name, result in mark.results.items()},
                }
                for mark in self.marks
            ],
        }


def folder_names(marks: Sequence[Mark]) -> list[str]:
    """A folder for each student: the name without what a file system may not take."""
    plain = [
        re.sub(r"[^\w.@+-]+", "_", mark.submission.student).strip("._")[:80] or "student"
        for mark in marks
    ]
    seen: Counter[str] = Counter()
    names = []
    for name in plain:
        seen[name.casefold()] += 1
        often = seen[name.casefold()]
        names.append(name if often == 1 else f"{name}-{often}")
    return names


def make(folder: Path) -> None:
    """Make a folder; raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output: cannot make {folder}: {error.strerror}") from None
