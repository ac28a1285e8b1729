"""What a teacher wants to see of a class: the points, the mistakes, what is not there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from parity.grading.alike import Cluster
from parity.grading.marks import Mark
from parity.system.console import Column, table

__all__ = ["Summary", "summarised"]

BINS = 10
BAR = 30  # characters of the longest bar
SHOWN = 12  # mistakes in the terminal


@dataclass(frozen=True)
class Summary:
    """The class in figures."""

    students: int
    max: float
    mean: float
    median: float
    distribution: list[tuple[str, int]]  # a range of points, and how many students are in it
    mistakes: list[tuple[str, str, int]]  # name, what is wrong, how many students
    missing: list[tuple[str, int]]  # what most did not write, how many
    not_run: list[tuple[str, str, str]]  # student, file, why
    alike: list[Cluster]  # students whose files are equal or nearly so

    def as_json(self) -> dict[str, Any]:
        """The answer for machines."""
        return asdict(self)

    def render(self) -> RenderableType:
        """The answer for the terminal."""
        return Group(*self.parts())

    def parts(self) -> list[RenderableType]:
        """A line of figures, and a table for whatever there is."""
        parts: list[RenderableType] = [Text(self.in_short), Text()]
        bars = [
            (points, f"{count}", bar(count, self.students)) for points, count in self.distribution
        ]
        parts.append(table([Column("points"), Column("students"), Column("", "left")], bars))
        if self.mistakes:
            columns = [Column("students"), Column("name", "left"), Column("mistake", "left")]
            rows = [(f"{count}", name, what) for name, what, count in self.mistakes[:SHOWN]]
            parts.append(table(columns, rows))
        if self.missing:
            names = ", ".join(f"{name} ({count})" for name, count in self.missing)
            parts.append(Text(f"most did not write: {names}"))
        if self.not_run:
            head = [Column("did not run", "left"), Column("why", "left")]
            parts.append(table(head, [(f"{who}\n{file}", why) for who, file, why in self.not_run]))
        if self.alike:
            pairs = [
                (", ".join(group.students), "equal" if group.least == 1 else f"{group.least:.0%}")
                for group in self.alike
            ]
            parts.append(table([Column("alike, names aside", "left"), Column("")], pairs))
        return parts

    @property
    def in_short(self) -> str:
        """One line."""
        plural = "" if self.students == 1 else "s"
        return (
            f"{self.students} student{plural}: mean {self.mean:.3g}, median {self.median:.3g} of "
            f"{self.max:g} points"
        )


def summarised(marks: Sequence[Mark], alike: list[Cluster]) -> Summary:
    """The summary of at least one student's marks, and of whose files are alike."""
    totals = [mark.total for mark in marks]
    mistakes = Counter(
        (name, what_is_wrong(mark, name))
        for mark in marks
        for name in mark.results
        if not mark.problem and what_is_wrong(mark, name)
    )
    missing = Counter(
        name for mark in marks for name, one in mark.results.items() if one.status == "missing"
    )
    return Summary(
        len(marks),
        marks[0].max,
        mean(totals),
        median(totals),
        distribution(totals, marks[0].max),
        [(name, what, count) for (name, what), count in mistakes.most_common()],
        [(name, count) for name, count in missing.items() if 2 * count > len(marks)],
        [
            (mark.submission.student, mark.submission.file, mark.problem)
            for mark in marks
            if mark.problem
        ],
        alike,
    )


def what_is_wrong(mark: Mark, name: str) -> str:
    """The mistake in a name, "" for none."""
    result = mark.results[name]
    if result.status in ("pass", "partial", "missing"):
        return ""
    if result.status in ("borrowed", "timeout") or (
        result.status == "error" and not result.diagnosis
    ):
        return result.status
    return result.diagnosis or f"{result.status}, cause not recognised"


def distribution(totals: Sequence[float], most: float) -> list[tuple[str, int]]:
    """How many totals there are in each of ten ranges, or at each number of few points."""
    if most <= BINS and all(total == int(total) for total in totals):
        return [(f"{k}", totals.count(k)) for k in range(int(most), -1, -1)]
    width = most / BINS
    ranges = Counter(min(int(total / width), BINS - 1) for total in totals)
    return [(f"{k * width:g} to {(k + 1) * width:g}", ranges[k]) for k in range(BINS - 1, -1, -1)]


def bar(count: int, students: int) -> str:
    """A bar of blocks, as long as the share of the students."""
    return "█" * round(BAR * count / students)
