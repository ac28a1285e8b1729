"""The class that `make classroom` grades holds everything, and its figures are in the docs."""

import ast
import json
from collections import Counter

import pytest

from maintenance.classroom import outcome
from maintenance.pages import RESULTS, ROOT
from maintenance.submissions import Handed, catalogue, handed_in
from maintenance.suite_pages import classroom_table
from parity.checking.catalogue import mistakes_of
from parity.contract.operations import SUBJECTS
from parity_tests.checking.homework.rows import ROWS
from parity_tests.sandbox.test_borrowed import BORROWED, CHEATS

FIGURES = json.loads((RESULTS / "classroom.json").read_text())


@pytest.mark.parametrize("count", [20, 200])
def test_the_class_has_as_many_files_as_asked_for_and_all_kinds(count: int) -> None:
    handed = handed_in(count)
    assert len(handed) == count
    assert len({one.kind for one in handed}) == 8


def test_the_class_holds_all_that_the_tests_have() -> None:
    kinds = Counter(one.kind for one in handed_in(200))
    assert kinds["cheating"] == len(BORROWED) + len(CHEATS)
    assert kinds["a known mistake"] == sum(row.diagnosis is not None for row in ROWS)


def test_every_mistake_of_a_function_is_in_some_file() -> None:
    planted = {
        (node.name, ast.unparse(node.body[0]).partition("[")[2].partition("]")[0])
        for one in catalogue(41)
        for node in ast.parse(one.files["homework.py"]).body
        if isinstance(node, ast.FunctionDef)
    }
    functions = [n for n, one in SUBJECTS.items() if one.role not in ("network", "class", "loop")]
    assert len(planted) == sum(len({one.id for one in mistakes_of(n)}) for n in functions)


def test_nothing_of_the_checker_comes_with_a_file() -> None:
    for name, text in catalogue(41)[0].files.items():
        imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        assert not [one for one in imported if str(one.module).startswith("parity")], name


RELU = Handed("any", {}, frozenset({"relu"}), {"sigmoid": ("borrowed",)}, {"sigmoid": "x"})


@pytest.mark.parametrize(
    ("points", "sigmoid", "lines"),
    [
        (1, "borrowed", []),
        (
            2,
            "pass",
            [
                "sigmoid is pass, expected borrowed",
                "2 points for ['relu', 'sigmoid'], expected ['relu']",
            ],
        ),
        (2, "borrowed", ["2 points for ['relu'], expected ['relu']"]),
    ],
)
def test_a_grade_that_is_not_as_expected_is_told(
    points: int, sigmoid: str, lines: list[str]
) -> None:
    student = {"student": "A", "points": points, "names": {"relu": "pass", "sigmoid": sigmoid}}
    told = [f"A, any: {line}" for line in lines]
    assert outcome(RELU, student, {"results": []})["unexpected"] == told


def test_a_name_that_a_mistake_elsewhere_reaches_may_be_right_or_wrong() -> None:
    for points, status in ((1, "pass"), (0, "fail")):
        student = {"student": "A", "points": points, "names": {"relu": status}}
        found = outcome(Handed("any", {}, either=frozenset({"relu"})), student, {})
        assert found["points"], status


def test_a_verdict_of_several_lines_is_told() -> None:
    student = {"student": "A", "points": 1, "names": {"relu": "pass", "sigmoid": "borrowed"}}
    results = [{"name": "sigmoid", "diagnosis": "x", "explanation": "one\ntwo"}]
    found = outcome(RELU, student, {"results": results})
    assert found["unexpected"] == ["A, any: the verdict on sigmoid has several lines"]
    assert found["named"] == 1


def test_the_figures_on_the_page_are_those_of_the_run() -> None:
    assert classroom_table() in (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")


def test_in_the_run_everybody_had_the_points_that_he_should_have() -> None:
    assert FIGURES["unexpected"] == []
    assert sum(kind["points"] for kind in FIGURES["kinds"]) == FIGURES["files"] == 200
