"""Points: what each verdict of a submission is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.checking.checker import Result
from parity.contract.operations import SUBJECTS
from parity.grading.settings import Grading
from parity.grading.submissions import Submission

__all__ = ["Mark", "counted", "marked"]

Answer = Mapping[str, Any]  # what `check_one` gives


@dataclass(frozen=True)
class Mark:
    """What one student gets."""

    submission: Submission
    results: Mapping[str, Result]  # of each name that counts
    points: Mapping[str, float]  # got for each name
    most: Mapping[str, float]  # to be had for each name
    problem: str = ""  # why the file, or the rest of it, could not be checked
    notes: Sequence[str] = ()  # how the file was read

    @property
    def total(self) -> float:
        """The points of all names."""
        return sum(self.points.values())

    @property
    def max(self) -> float:
        """The points that could be had."""
        return sum(self.most.values())


def counted(grading: Grading, answers: Sequence[Answer]) -> dict[str, float]:
    """The points to be had for each name: those of grading.toml, or one for each name looked at."""
    if grading.points:
        return dict(grading.points)
    looked_at = {one["name"] for answer in answers for one in answer.get("results", ())}
    return {name: 1.0 for name in SUBJECTS if name in looked_at or not looked_at & SUBJECTS.keys()}


def marked(
    submission: Submission, answer: Answer, grading: Grading, most: Mapping[str, float]
) -> Mark:
    """The points of a submission, of which `most` are to be had for each name."""
    found = {one["name"]: result_of(one) for one in answer.get("results", ())}
    whole = found.pop("file", None)  # the file does not run to its end
    problem = answer.get("error") or (whole.explanation if whole else "")
    nothing = Result("", "missing", explanation="not written yet")
    if not found:
        nothing = Result("", whole.status if whole else "error", explanation=problem)
    results = {name: found.get(name, nothing) for name in most}
    points = {name: most[name] * grading.share(results[name].status) for name in most}
    return Mark(submission, results, points, most, problem, answer.get("notes", ()))


def result_of(answer: Mapping[str, Any]) -> Result:
    """The verdict that JSON holds."""
    return Result(**{k: tuple(v) if isinstance(v, list) else v for k, v in answer.items()})
