"""`parity.check(...).assert_right(...)`: an assertion in the words of the check."""

from typing import get_args

import pytest

from parity.checking.checker import Result, Status
from parity.checking.report import Report
from parity_tests.checking.homework.table import check_code

STATUSES = get_args(Status)
WRONG = "def linear_backward(g, x, w):\n    return g @ w, g.T @ x, g.sum()\n"
RIGHT = "def relu(x):\n    return np.maximum(x, 0)\n"


def report(**statuses: Status) -> Report:
    """A report with these verdicts."""
    return Report("mine", [Result(name, status) for name, status in statuses.items()])


def test_what_is_wrong_raises_with_the_words_of_the_check() -> None:
    found = check_code(WRONG + RIGHT, only=["linear_backward", "relu", "tanh"])
    with pytest.raises(AssertionError) as caught:
        found.assert_right("relu", "linear_backward", "tanh")
    first, second = str(caught.value).split("\n\n")
    (result,) = (one for one in found.results if one.name == "linear_backward")
    assert first.startswith("linear_backward: fail: grad-bias-over-everything\n")
    assert f"\n  hint: {result.hint}\n  {result.explanation}\n  {result.where}\n" in first
    assert all(f"  {line}" in first.splitlines() for line in result.example.splitlines())
    assert second == "tanh: missing\n  not written yet"


def test_what_is_right_does_not_raise() -> None:
    report(relu="pass", tanh="partial", linear="fail").assert_right("relu", "tanh")


COUNTS = {  # what counts as right beside `pass`
    "by default": ({}, {"partial"}),
    "unstable as well": ({"unstable": True}, {"partial", "unstable"}),
    "only what is whole": ({"partial": False}, set()),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("options", "right"), COUNTS.values(), ids=COUNTS)
def test_what_counts_as_right(options: dict[str, bool], right: set[str], status: Status) -> None:
    if status in right | {"pass"}:
        report(relu=status).assert_right("relu", **options)
    else:
        with pytest.raises(AssertionError, match=f"^relu: {status}$"):
            report(relu=status).assert_right("relu", **options)


def test_a_report_that_warns_counts_unstable_as_right() -> None:
    Report("mine", [Result("relu", "unstable")], stability="warn").assert_right("relu")


def test_without_names_all_that_is_written_must_be_right() -> None:
    report(relu="pass", tanh="missing").assert_right()
    with pytest.raises(AssertionError, match=r"^linear: fail$"):
        report(relu="pass", tanh="missing", linear="fail").assert_right()


def test_a_file_without_anything_is_not_right() -> None:
    with pytest.raises(AssertionError, match=r"^mine: none of relu, tanh is written yet$"):
        report(relu="missing", tanh="missing").assert_right()


def test_a_name_that_is_not_there_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="assert_right: got lineer, expected some of relu, tanh"):
        report(relu="pass", tanh="pass").assert_right("lineer")
