"""What a report says: the statuses, the JSON, the words; and an answer that is lost is no pass."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.checking.checker import Checker, Result
from parity.checking.entry import check_file
from parity.contract.conventions import Conventions
from parity.contract.operations import SUBJECTS
from parity_tests.checking.homework.table import check_code

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


class Lossy:
    """Code that has relu right, but some of whose answers are spoiled on their way."""

    layout = None

    def __init__(self, spoil: Any) -> None:
        self.spoil = spoil

    def load(self) -> dict[str, Any]:
        return {"names": ["relu"]}

    def ask(self, request: dict[str, Any]) -> Any:
        calls = request["calls"]
        right = [{"arrays": [np.maximum(call["args"][0], 0)], "changed": []} for call in calls]
        return self.spoil(right)


SPOILED = {
    "none at all": lambda right: [],
    "the last is missing": lambda right: right[:-1],
    "one is null": lambda right: [*right[:3], None, *right[4:]],
    "one is empty": lambda right: [*right[:3], {}, *right[4:]],
    "its arrays are null": lambda right: [{"arrays": None}, *right[1:]],
    "an array too few": lambda right: [{"arrays": []}, *right[1:]],
}


def verdict_on(spoil: Any) -> Result:
    (result,) = (
        one for one in Checker(Lossy(spoil), Conventions()).run() if one.status != "missing"
    )
    return result


@pytest.mark.parametrize("how", SPOILED)
def test_an_answer_that_is_lost_is_an_error_of_the_run(how: str) -> None:
    result = verdict_on(SPOILED[how])
    assert result.status == "error"
    assert result.explanation.startswith("the run gave")


def test_answers_that_arrive_are_a_pass() -> None:
    assert verdict_on(lambda right: right).status == "pass"


def test_the_json_keeps_explanation_and_hint_apart() -> None:
    report = check_code("def relu(x):\n    return np.abs(x)\n").as_json()
    assert list(report) == [
        "file",
        "layout",
        "isolation",
        "seed",
        "notes",
        "results",
        "passed",
        "failed",
    ]
    (wrong,) = (one for one in report["results"] if one["name"] == "relu")
    assert wrong["explanation"] == "This is the absolute value: negative inputs come back positive."
    assert wrong["hint"] == "What should become of a negative number?"
    assert wrong["where"].startswith("output[0, 0] is ")
    assert wrong["example"].startswith("relu(np.array([[")
    assert (wrong["status"], wrong["diagnosis"], wrong["unchecked"]) == (
        "fail",
        "relu-absolute",
        [],
    )


def test_a_notebook_is_told_the_option_not_the_flag() -> None:
    report = check_code("def linear(x, w, b=0):\n    return x @ w + b\n")
    (wrong,) = (one for one in report.results if one.name == "linear")
    assert 'say weights="in-out".' in wrong.hint
    assert "--" not in wrong.hint


def test_what_could_not_be_checked_is_said_once() -> None:
    report = check_code("def softmax(x):\n    return probabilities(x)\n")
    (result,) = (one for one in report.results if one.name == "softmax")
    assert result.status == "partial"
    assert len(set(result.unchecked)) == len(result.unchecked)
    assert result.message.count("not checked") == 1


@pytest.mark.parametrize("name", ["softmax", "cross_entropy", "cross_entropy_backward"])
def test_an_example_does_not_shrink_to_a_single_class(name: str) -> None:
    assert SUBJECTS[name].draw(0, (2, 1)) == []


def test_a_state_that_is_kept_between_calls_is_said_to_be_kept_or_drawn() -> None:
    code = (
        "calls = []\ndef relu(x):\n    calls.append(1)\n    return np.maximum(x, 0) + len(calls)\n"
    )
    (result,) = (one for one in check_code(code).results if one.name == "relu")
    assert result.diagnosis == "not-deterministic"
    assert "drawn at random inside, or kept from one call to the next" in result.explanation


def test_a_mask_for_the_input_of_a_relu_is_right_and_said_so() -> None:
    code = "def relu_backward(g, x):\n    g = g.copy()\n    g[x < 0] = 0\n    return g\n"
    (result,) = check_code(code, only=["relu_backward"]).results
    assert result.status == "pass"
    assert result.notes == ("takes the ReLU's input, where the contract has its output",)


def test_nobody_is_blamed_for_what_another_one_prints(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def sigmoid(x):\n    print('x' * 2**23)\n    return 1 / (1 + np.exp(-x))\n"
        "def tanh(x):\n    print('tanh')\n    return np.tanh(x)\n"
        "def relu(x):\n    return np.maximum(x, 0)\n"
    )
    verdicts = {one.name: one.status for one in check_file(file).results if one.written}
    assert verdicts == {"sigmoid": "error", "tanh": "pass", "relu": "pass"}
