"""Homework of six courses: judged as it is, right called right, wrong caught and named."""

import os
from pathlib import Path

import pytest

from parity.checking.entry import check, check_file
from parity.contract.layouts import LAYOUTS
from parity_tests.checking.courses.wrong import COURSES, WRONG, Wrong, right_file

RIGHT = ("pass", "partial", "missing")
pytestmark = pytest.mark.usefixtures("unchecked")  # thousands of calls
SEEDS = int(os.environ.get("PARITY_SEEDS", "1"))  # `make layouts` asks for 200


def test_every_layout_has_its_homework() -> None:
    assert sorted(COURSES) == LAYOUTS


@pytest.mark.parametrize("course", COURSES)
def test_a_right_file_is_recognised_and_right(course: str) -> None:
    report = check_file(right_file(course))
    assert report.layout == course
    assert report.notes[0].startswith(f"read as {course}")
    assert [one.message for one in report.results if one.status not in RIGHT] == []
    assert report.passed >= 2


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some courses ask for no stability
@pytest.mark.parametrize("course", COURSES)
def test_a_right_file_is_right_for_every_seed(course: str) -> None:
    namespace = {"__name__": "homework"}
    exec(right_file(course).read_text(encoding="utf-8"), namespace)
    for seed in range(1, 1 + SEEDS):
        report = check(namespace, seed=seed)
        wrong = {one.name: one.message for one in report.results}
        assert report.failed == 0, (seed, wrong)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda it: f"{it.course}: {it.wrong.strip()[:30]}")
def test_a_wrong_file_is_caught_and_its_mistake_named(wrong: Wrong, tmp_path: Path) -> None:
    file = tmp_path / "homework.py"
    file.write_text(wrong.source(), encoding="utf-8")
    report = check_file(file, only=[wrong.name])
    assert report.layout == wrong.course
    (result,) = (one for one in report.results if one.name == wrong.name)
    assert result.status in ("fail", "unstable", "error"), result.message
    if wrong.diagnosis is not None:
        assert result.diagnosis == wrong.diagnosis


def test_each_of_two_functions_that_do_the_same_is_looked_at(tmp_path: Path) -> None:
    """The loops of CS231n as well as the products; the penalty, too."""
    text = right_file("cs231n-a1").read_text(encoding="utf-8")
    text = text.replace("dW / num_train + 2 * reg * W", "dW / num_train + reg * W")
    file = tmp_path / "homework.py"
    file.write_text(text.replace("- scores[y[i]]", "- scores[y[0]]"), encoding="utf-8")
    wrong = {one.name: one.diagnosis for one in check_file(file).results if one.status == "fail"}
    assert wrong == {
        "cross_entropy (softmax_loss_naive)": None,
        "loss_and_grads (softmax_loss_naive)": None,
    }


def test_the_cause_of_most_mistakes_is_named() -> None:
    assert len(WRONG) == 5 * len(COURSES)
    assert sum(wrong.diagnosis is not None for wrong in WRONG) >= 24
