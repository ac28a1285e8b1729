"""Points, and what is made of them: tables, pages, a summary."""

import csv
from html.parser import HTMLParser
from typing import Any

import pytest

from parity.grading.marks import Mark, counted, marked
from parity.grading.pages import student_page, teacher_page
from parity.grading.settings import Grading, Part, Show
from parity.grading.submissions import Submission
from parity.grading.summary import distribution, summarised
from parity.grading.tables import as_csv, as_gradescope

POINTS = {"linear": 2.0, "relu": 1.0}
EVIL = "<script>alert(1)</script>"


def answer(*verdicts: tuple[str, str], **details: Any) -> dict[str, Any]:
    """The report on a file with these verdicts."""
    plain = {"diagnosis": None, "explanation": "", "hint": "", "where": "", "example": ""}
    lists: dict[str, list[str]] = {"unchecked": [], "notes": []}
    return {
        "results": [
            {"name": name, "status": status, **plain, **lists, **details}
            for name, status in verdicts
        ],
        "notes": [],
    }


def mark(found: dict[str, Any], student: str = "ann", **options: Any) -> Mark:
    grading = Grading(points=POINTS, **options)
    return marked(Submission(student, f"{student}.py"), found, grading, counted(grading, []))


SHARES = [
    ("pass", 2.0),
    ("partial", 1.5),
    ("unstable", 1.0),
    ("fail", 0.0),
    ("borrowed", 0.0),
    ("error", 0.0),
    ("timeout", 0.0),
    ("missing", 0.0),
]


@pytest.mark.parametrize(("status", "points"), SHARES)
def test_each_verdict_has_its_share_of_the_points(status: str, points: float) -> None:
    one = mark(answer(("linear", status)), part=Part(unstable=0.5, partial=0.75))
    assert (one.total, one.max) == (points, 3.0)


def test_without_points_each_name_that_is_looked_at_counts_one() -> None:
    found = [answer(("relu", "pass"), ("file", "error")), answer(("linear", "fail"))]
    assert counted(Grading(), found) == {"linear": 1.0, "relu": 1.0}


def test_a_file_without_verdicts_is_an_error_in_every_name() -> None:
    one = mark({"error": "no Python"})
    assert [result.status for result in one.results.values()] == ["error", "error"]
    assert (one.total, one.problem) == (0, "no Python")


def test_a_file_that_stops_late_has_the_points_of_what_it_defined() -> None:
    one = mark(answer(("file", "error"), ("relu", "pass"), explanation="the file stops"))
    assert (one.total, one.problem) == (1.0, "the file stops")
    assert one.results["linear"].status == "missing"


# --- what is made of them ------------------------------------------------------------------------

WRONG = {
    "diagnosis": "relu-mask-missing",
    "explanation": "The cause.",
    "hint": "The hint.",
    "where": "output[0] is 1, but should be 0",
    "example": "relu(np.array([1]))",
}


@pytest.mark.parametrize(
    ("show", "seen"),
    [
        (Show(), {"The cause.", "The hint.", "output[0]", "relu(np", "relu-mask"}),
        (Show(explanation=False), {"The hint.", "output[0]", "relu(np"}),
        (Show(hint=False), {"The cause.", "output[0]", "relu(np", "relu-mask"}),
        (Show(example=False), {"The cause.", "The hint.", "relu-mask"}),
    ],
    ids=["everything", "no explanation", "no hint", "no example"],
)
def test_students_see_what_they_may(show: Show, seen: set[str]) -> None:
    one = mark(answer(("relu", "fail"), **WRONG))
    page, (_, test) = student_page(one, show), as_gradescope(one, show)["tests"]
    words = {"The cause.", "The hint.", "output[0]", "relu(np", "relu-mask"}
    assert {one for one in words if one in page} == seen
    assert {one for one in words if one in test["output"]} == seen - {"relu-mask"}


class Tags(HTMLParser):
    """Counts the script elements, and the handlers of events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.handlers = 0, 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += sum(name.startswith("on") for name, _ in attrs)


def test_nothing_of_a_students_runs_in_the_browser() -> None:
    evil = dict.fromkeys(WRONG, f"{EVIL}<img src=x onerror=alert(1)>")
    one = mark(answer(("relu", "fail"), **evil), f'{EVIL}" onload="x')
    harmless = mark(answer(("relu", "fail")))
    summary = summarised([one], [])
    pages = [student_page(one, Show()), teacher_page([one], ["ann"], summary, [])]
    ours = Tags(student_page(harmless, Show()))
    for page in map(Tags, pages):
        assert (page.scripts, page.handlers) == (ours.scripts, 0)


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    (row,) = csv.DictReader(as_csv([mark(answer(), "=HYPERLINK(1)")]).splitlines())
    assert row["student"] == "'=HYPERLINK(1)"


def test_the_mistakes_are_counted_and_the_commonest_is_first() -> None:
    found = [
        answer(("relu", "fail"), **WRONG),
        answer(("relu", "fail"), **WRONG),
        answer(("relu", "fail")),
        answer(("linear", "borrowed")),
    ]
    summary = summarised([mark(one) for one in found], [])
    assert summary.mistakes == [
        ("relu", "relu-mask-missing", 2),
        ("relu", "fail, cause not recognised", 1),
        ("linear", "borrowed", 1),
    ]
    assert summary.missing == [("linear", 3)]


@pytest.mark.parametrize(
    ("totals", "most", "expected"),
    [
        ([0.0, 1.0, 1.0, 3.0], 3.0, [("3", 1), ("2", 0), ("1", 2), ("0", 1)]),
        ([0.5, 2.0], 2.0, [("1.8 to 2", 1), ("0.4 to 0.6", 1)]),
        ([0.0, 20.0, 20.0], 20.0, [("18 to 20", 2), ("0 to 2", 1)]),
    ],
)
def test_every_total_is_in_one_range(
    totals: list[float], most: float, expected: list[tuple[str, int]]
) -> None:
    found = distribution(totals, most)
    assert sum(count for _, count in found) == len(totals)
    assert [one for one in found if one[1] or len(found) < 10] == expected


def test_no_points_at_all_are_a_distribution_too() -> None:
    assert distribution([0.0, 0.0], 0.0) == [("0", 2)]
