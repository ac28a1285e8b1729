"""`parity check`: what is right passes, what is wrong is caught, and called by its name."""

import importlib.util
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_impl.functional
import numpy_impl.models
import numpy_impl.optim
import numpy_impl.training
import parity
from parity.checking.catalogue import CATALOGUE, Mistake, compose, mistakes_of
from parity.checking.checker import Checker, Result
from parity.checking.diagnosis import Trial, diagnose, remembered
from parity.checking.entry import check
from parity.checking.judging import as_arrays, expect
from parity.checking.report import Report
from parity.contract.calls import Call
from parity.contract.conventions import Conventions
from parity.contract.operations import SUBJECTS
from parity.errors import InputError
from parity.sandbox.student import ModuleStudent
from parity_tests.checking.homework.network import network
from parity_tests.checking.homework.pairs import PAIRS, Pair
from parity_tests.checking.homework.right import STYLES
from parity_tests.checking.homework.rows import ROWS, Row
from parity_tests.checking.homework.table import check_code, check_row

HOMEWORK = Path(__file__).parent / "homework"

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # wrong code overflows
    pytest.mark.usefixtures("unchecked"),  # thousands of calls, and a student's are not checked
]


def homework(name: str) -> ModuleType:
    """A module of right code."""
    spec = importlib.util.spec_from_file_location(name, HOMEWORK / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- silence on the right ------------------------------------------------------------------------

OURS = {
    **vars(numpy_impl.functional),
    **vars(numpy_impl.models),
    **vars(numpy_impl.optim),
    **vars(numpy_impl.training),
}
exec(network("tanh"), OURS)  # which has no function for a whole network


def test_our_own_implementation_is_right() -> None:
    report = check(OURS)
    assert {result.name: result.message for result in report.results} == dict.fromkeys(SUBJECTS, "")
    assert report.passed == len(SUBJECTS)


@pytest.mark.parametrize("name", ["loops", "single"])
@pytest.mark.parametrize("seed", [1])
def test_code_in_another_style_is_right(name: str, seed: int) -> None:
    report = check(homework(name), seed=seed)
    faults = {result.name: result.message for result in report.results if not ok(result.status)}
    assert not faults
    assert report.passed > 10


# Three of a thousand: a gradient that cancels over the batch, a sigmoid that rounds to 1 in single
# precision, and 1 - a² of a tanh near 1.
@pytest.mark.parametrize(
    ("style", "name", "seed"),
    [
        ("network of relu", "loss_and_grads", 91),
        ("single", "sigmoid_backward", 198),
        ("network of tanh", "loss_and_grads", 421),
    ],
)
def test_right_code_is_right_where_rounding_costs_most(style: str, name: str, seed: int) -> None:
    (result,) = check(STYLES[style], only=[name], seed=seed).results
    assert (result.status, result.message) == ("pass", "")


RIGHT = ("pass", "partial")


def ok(status: str) -> bool:
    return status in (*RIGHT, "missing")


# --- what is wrong is named ----------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.mistake)
def test_a_known_mistake_is_caught_and_named(row: Row) -> None:
    result = check_row(row)
    caught = ("fail", "unstable")
    assert result.status in (RIGHT if row.diagnosis is None else caught), result.message
    assert result.diagnosis == row.diagnosis, result.message


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.diagnosis)
def test_two_mistakes_in_one_function_are_both_named(pair: Pair) -> None:
    (result,) = check_code(pair.code, only=[pair.name]).results
    assert result.diagnosis == pair.diagnosis, result.message


# What gives the same numbers as another mistake, in that function, on every probe.
ALIASES = {
    ("loss_and_grads", "relu-derivative"): "hidden-derivative-missing",  # of a sigmoid, above 0
    ("sigmoid_backward", "integers"): "zeros",  # numbers below 1
    ("softmax_backward", "integers"): "zeros",
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_mistake_of_the_catalogue_is_caught_and_named(name: str) -> None:
    subject = SUBJECTS[name]
    checker = Checker(ModuleStudent({}, 1.0), Conventions())
    calls = checker.draw(subject)
    variants = [
        [replace(call, reference_options=dict(variant)) for call in calls]
        for variant in subject.variants
    ]
    expected = [[expect(subject, call, list) for call in calls] for calls in variants]
    assert mistakes_of(name)
    for known in mistakes_of(name):
        for variant_calls, exact in zip(variants, expected, strict=True):
            trials = [
                Trial(call, right, outcome(name, known, call))
                for call, right in zip(variant_calls, exact, strict=True)
            ]
            if any(trial.arrays is None or trial.mismatch for trial in trials):
                break  # with ReLU in the hidden layer, its derivative is no mistake
        else:
            pytest.fail(f"{known.id} passes")
        named = [mistake.id for mistake in diagnose(name, trials, Conventions(), pairs=False)]
        assert named == [ALIASES.get((name, known.id), known.id)]


def outcome(name: str, known: Mistake, call: Call) -> dict[str, object]:
    """What code with this mistake makes of a call."""
    try:
        value = compose(partial(remembered, name), known)(*call.args, **call.all_options)
        return {"arrays": as_arrays(value)}
    except Exception as error:
        return {"raised": f"raises {type(error).__name__}: {error}"}


def test_the_catalogue_explains_each_mistake() -> None:
    for known in CATALOGUE:
        assert known.sentence.rstrip(")").endswith(".")
        assert known.hint.endswith((".", "?"))
        assert set(known.subjects) <= set(SUBJECTS)


def test_an_unknown_mistake_is_shown_by_its_smallest_example() -> None:
    report = check_code("def relu(x):\n    return np.maximum(x, 0) + 1e-3 * (x > 0.5)\n")
    (result,) = (result for result in report.results if result.name == "relu")
    assert result.diagnosis is None
    assert result.explanation.startswith("wrong, cause not recognised")
    assert result.where.startswith("output[0, 0] is 8.551, but should be 8.55")
    assert result.example.splitlines()[0].count(",") == 0  # one number is enough to show it


def test_no_mistake_is_named_where_no_number_comes() -> None:
    code = "class Adam:\n    def __init__(self, parameters, lr=1e-3):\n        self.x = 1 / 0\n"
    (result,) = (result for result in check_code(code).results if result.name == "Adam")
    assert (result.status, result.diagnosis) == ("error", None)
    assert result.explanation == "raises ZeroDivisionError: division by zero"


def test_an_optimizer_that_keeps_no_lr_is_told_so() -> None:
    report = check_code(
        "class SGD:\n    def __init__(self, parameters, lr):\n        self.rate = lr\n"
    )
    (result,) = (result for result in report.results if result.name == "SGD")
    assert result.status == "error"
    assert result.explanation == "does not keep the learning rate in self.lr"


def test_a_large_example_is_told_by_shapes_and_numbers_as_they_are() -> None:
    report = check_code(
        "from numpy_impl.functional import avg_pool2d_backward as right\n"
        "def avg_pool2d_backward(g, x, k, stride=None):\n"
        "    return right(g, x, k, stride) + (x.size > 99)\n"
    )
    (result,) = (result for result in report.results if result.name == "avg_pool2d_backward")
    shapes = "grad_output (2, 3, 1, 3), input (2, 3, 3, 6), kernel_size=2"
    assert result.example == f"avg_pool2d_backward({shapes})"


@pytest.mark.filterwarnings("always")
def test_the_mistakes_that_are_tried_warn_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    code = "def evaluate(model, images, labels, batch_size=1000):\n    return 3.0, 0.5\n"
    assert check_code(code).failed == 1
    assert [str(warning.message) for warning in recwarn] == []


def test_a_single_wrong_size_is_enough() -> None:
    report = check_code("def relu(x):\n    return np.maximum(x, 0) if len(x) < 4 else x\n")
    assert report.failed == 1


# --- one bug is reported once --------------------------------------------------------------------


def test_a_function_is_not_blamed_for_the_one_it_calls() -> None:
    report = check_code(
        "def relu(x):\n"
        "    return abs(x)\n"
        "def softmax(x):\n"
        "    e = np.exp(x - x.max(0))\n"
        "    return e / e.sum(0)\n"
        "def cross_entropy_backward(g, x, y):\n"
        "    return g * (softmax(x) - np.eye(x.shape[1])[y]) / len(y)\n"
    )
    verdicts = {result.name: result for result in report.results if result.status != "missing"}
    assert verdicts["softmax"].diagnosis == "softmax-over-batch"
    assert verdicts["cross_entropy_backward"].status == "partial"
    assert "right once softmax is" in verdicts["cross_entropy_backward"].notes


def test_a_wrong_caller_is_named_beside_the_wrong_function_it_calls() -> None:
    report = check_code(
        "def softmax(x):\n"
        "    e = np.exp(x - x.max(0))\n"
        "    return e / e.sum(0)\n"
        "def cross_entropy_backward(g, x, y):\n"
        "    return g * (softmax(x) - np.eye(x.shape[1])[y])\n"
    )
    verdicts = {result.name: result.diagnosis for result in report.results}
    assert verdicts["cross_entropy_backward"] == "summed-not-averaged"


def test_fit_which_nothing_else_calls_is_never_blamed() -> None:
    report = check_code(
        "def fit(model, optimizer, images, labels, batches, on_step=None):\n"
        "    for batch in batches:\n"
        "        pass\n"
        "def evaluate(model, images, labels, batch_size=1000):\n"
        "    return 3.0, 0.5\n"
    )
    verdicts = {result.name: result for result in report.results}
    assert verdicts["fit"].status == "fail"
    assert verdicts["evaluate"].diagnosis is None
    assert verdicts["evaluate"].explanation.startswith("wrong, cause not recognised")


def test_inputs_changed_in_place_are_a_fault_of_their_own() -> None:
    report = check_code("def relu(x):\n    x[x < 0] = 0\n    return x\n")
    (result,) = (result for result in report.results if result.name == "relu")
    assert (result.status, result.diagnosis) == ("fail", "input-changed")
    assert "changes input in place" in result.message


# --- conventions ---------------------------------------------------------------------------------

SUMMED = next(row.code for row in ROWS if row.diagnosis == "summed-not-averaged")
IN_OUT = """
def linear(x, w, b):
    return x @ w + b
def linear_backward(g, x, w):
    return g @ w.T, x.T @ g, g.sum(axis=0)
"""
DOUBLED = next(row.code for row in ROWS if row.diagnosis == "decay-doubled")


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (SUMMED, {"reduction": "sum"}),
        (IN_OUT, {"weights": "in-out"}),
        (DOUBLED, {"l2_half": True}),
    ],
    ids=["sum", "in-out", "l2-half"],
)
def test_a_convention_is_wrong_only_where_it_is_not_said(
    code: str, options: dict[str, object]
) -> None:
    assert check_code(code).failed > 0
    assert check_code(code, **options).failed == 0


# --- in a notebook -------------------------------------------------------------------------------


def test_parity_check_shows_a_table() -> None:
    module = ModuleType("mine")
    exec("import numpy as np\ndef relu(x):\n    return np.abs(x)\n", vars(module))
    report = parity.check(module)
    assert repr(report) == "<Report mine: 0 right, 1 wrong>"
    assert "relu-absolute" in report._repr_html_()
    assert "<pre" in report._repr_html_()


def test_a_report_shows_itself_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A notebook takes what is printed for a further output."""
    Report("a.py", [Result("relu", "pass")])._repr_html_()
    assert capsys.readouterr() == ("", "")


def test_a_module_with_none_of_the_names_is_refused() -> None:
    with pytest.raises(InputError, match="none of the names"):
        check({"__name__": "empty"})


@pytest.mark.parametrize("value", [b"homework.py", 3])
def test_what_is_no_module_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"source is {value!r}, expected a module"):
        parity.check(value)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_checked_in_a_process_of_its_own(kind: type, tmp_path: Path) -> None:
    file = tmp_path / "homework.py"
    file.write_text(
        "import os\nimport numpy as np\ndef linear(x, w, b):\n    return x @ w + b\n"
        f"assert os.getpid() != {os.getpid()}\n"
    )
    report = parity.check(kind(file), only="linear")
    assert [(it.name, it.status) for it in report.results] == [("linear", "fail")]
    assert 'weights="in-out"' in report.results[0].hint
    assert parity.check(kind(file), only="linear", weights="in-out").ok


@pytest.mark.parametrize("only", ["relu,sigmoid", "relu, sigmoid", ["relu,sigmoid"]])
def test_names_may_be_a_text_with_commas(only: Any) -> None:
    functions = {"relu": lambda x: np.maximum(x, 0), "sigmoid": np.abs, "tanh": np.abs}
    report = parity.check(functions, only=only)
    assert {it.name for it in report.results if it.status != "missing"} == {"relu", "sigmoid"}


def test_probes_are_drawn_anew_with_each_seed() -> None:
    draw = SUBJECTS["linear"].draw
    one, same, other = draw(0, (2, 3, 4)), draw(0, (2, 3, 4)), draw(1, (2, 3, 4))
    assert np.array_equal(one[0].args[0], same[0].args[0])
    assert not np.array_equal(one[0].args[0], other[0].args[0])
