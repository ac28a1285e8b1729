"""What the server computes for the page, held against the library and against arithmetic."""

import math
import re
from typing import Any

import numpy as np
import pytest

import numpy_impl.functional
from parity.backends import make_backend
from parity.checking.catalogue import mistakes_of
from parity.contract.operations import SUBJECTS
from parity.errors import InputError
from parity.web import engine, functions, homework, pencil, predictions, rasterising, step
from parity.web.fields import Fields, from_json
from parity.web.lessons import LESSONS, mathml
from parity.web.packing import Json, ulps, ulps_of_scale
from parity.web.source import aligned, side_by_side
from parity.web.tape import PLANS, Optimizer, by_hand, in_torch
from parity.web.training import choices_of, command_line, notebook_cell

# --- one step ------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["tutorial", "feedforward", "cnn-adam"])
def test_the_tape_takes_the_step_of_the_library(recipe: str) -> None:
    """Its gradients and new weights are those of both backends, float64, to rounding."""
    experiment = engine.experiment_of(recipe, dtype="float64")
    images, labels = (array[:5] for array in experiment.arrays("training", "float64"))
    optimizer = Optimizer(experiment.recipe.optimizer, experiment.recipe.lr)
    weights = {name: np.array(array, order="C") for name, array in experiment.initial.items()}
    given = PLANS[experiment.recipe.model], weights, images, labels, optimizer
    steps = {"numpy": by_hand(numpy_impl.functional, *given), "torch": in_torch(*given)}
    for name, found in steps.items():
        backend = make_backend(name, experiment.recipe, "float64", 0, "cpu")
        backend.load(experiment.initial)
        (outcome,) = backend.steps(images, labels, [np.arange(5)])
        assert found.values["loss"] == pytest.approx(outcome.loss, rel=1e-12)
        for key, grad in backend.gradients().items():
            np.testing.assert_allclose(found.grads[key], grad, rtol=1e-9, atol=1e-15)
        for key, weight in backend.weights().items():
            np.testing.assert_allclose(found.updated[key], weight, rtol=1e-9, atol=1e-15)


def test_the_pencil_computes_what_it_writes() -> None:
    """Each line is read as arithmetic, and its left side is the number on its right."""
    lines = [
        line
        for at in range(10)
        for line in step.answer(Fields({"at": at, "weight_decay": 0.1}))["worked"]
    ]
    assert len(lines) == 14
    for line in lines:
        _name, formula, result = line.split(" = ")
        python = formula.replace("×", "*").replace("[", "(").replace("]", ")")
        value = eval(python, {"exp": math.exp, "log": math.log})  # our own text
        assert value == pytest.approx(float(result), rel=2e-3, abs=2e-6), line


def test_no_stage_of_the_small_net_is_without_its_line() -> None:
    functions = {step.answer(Fields({"at": at}))["function"] for at in range(10)}
    assert functions - {"input"} == set(pencil.WRITERS)


def test_an_edit_that_fits_nowhere_is_told() -> None:
    for edits in ([["fc9.weight", 0, 1]], [["input", 99, 1]], [["target", 0, 2]], [7], [["input"]]):
        with pytest.raises(InputError, match=r"edits|index|value"):
            step.answer(Fields({"edits": edits}))


def test_ulps_count_the_numbers_between() -> None:
    one = np.array([1.0, 0.0, np.nan, -2.0, np.inf], np.float32)
    other = np.array([1.0, 0.0, np.nan, -2.0, 1.0], np.float32)
    other[3] = np.nextafter(np.float32(-2), np.float32(-3))
    found = ulps(one, other)
    assert found[:4].tolist() == [0, 0, 0, 1]
    assert not found[4] < np.inf
    assert ulps_of_scale(one[:4], other[:4]) == pytest.approx(1)


# --- side by side --------------------------------------------------------------------------------


def test_every_operation_has_its_lesson() -> None:
    from numpy_impl import functional

    assert set(functional.__all__) <= LESSONS.keys()


@pytest.mark.parametrize("name", LESSONS)
def test_every_formula_is_set(name: str) -> None:
    for latex in (LESSONS[name].formula, *(formula for _, formula in LESSONS[name].steps)):
        html = mathml(latex)
        assert html.startswith("<math")
        assert "\\" not in html


def test_lines_that_correspond_stand_on_one_line() -> None:
    left = ["def f(x):", "    check(x)", "    return x + 1"]
    right = ["def f(x):", "    return x + one"]
    assert aligned(left, right) == [(0, 0), (1, None), (2, 1)]


@pytest.mark.parametrize("module", functions.NAMES)
def test_the_sources_are_shown_whole(module: str) -> None:
    for name in functions.NAMES[module]:
        mine, theirs, rows = side_by_side(module, name)
        numbers = [row.numpy[0] for row in rows if row.numpy]
        assert numbers == list(range(mine.first, mine.first + len(mine.text.splitlines())))
        numbers = [row.torch[0] for row in rows if row.torch]
        assert numbers == list(range(theirs.first, theirs.first + len(theirs.text.splitlines())))


@pytest.mark.parametrize("name", functions.NAMES["functional"])
@pytest.mark.usefixtures("unchecked")
def test_a_known_mistake_can_be_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of each function's, with a curve of a few steps."""
    monkeypatch.setattr(functions, "STEPS", 3)
    monkeypatch.setattr(functions, "STEPS_OF_CONVNET", 2)
    effect = functions.spoiled(Fields({"name": name, "mistake": len(mistakes_of(name)) - 1}))
    assert effect["numbers"].get("raises") or effect["numbers"]["output"]
    Json(effect)  # it can be sent


def test_a_mistake_of_a_gradient_is_seen_in_all_three() -> None:
    """The slope of tanh in the place of the sigmoid's."""
    known = [mistake.id for mistake in mistakes_of("sigmoid_backward")]
    number = known.index("tanh-derivative")
    effect = functions.spoiled(Fields({"name": "sigmoid_backward", "mistake": number}))
    assert effect["numbers"]["output"] == "grad_input"
    assert not effect["gradcheck"]["ok"]
    curve = effect["curve"]
    assert curve["right"][0] == curve["wrong"][0]  # the first loss knows no gradient yet
    assert curve["right"][-1] < curve["wrong"][-1]


# --- train ---------------------------------------------------------------------------------------


def test_the_command_line_and_the_cell_are_those_of_the_run() -> None:
    choices = choices_of(Fields({"recipe": "feedforward", "lr": "0.25", "activation": "relu"}))
    line = command_line(choices)
    assert line == "parity compare feedforward --data digits --lr 0.25 --activation relu"
    scope: dict[str, Any] = {}
    source = notebook_cell(choices).splitlines()
    exec("\n".join(line for line in source if not line.startswith("result")), scope)  # our own text
    recipe = scope["experiment"].recipe
    assert (recipe.lr, recipe.activation) == (0.25, "relu")


@pytest.mark.parametrize("given", [{"lr": "0"}, {"epochs": "1.5"}, {"recipe": "x"}, {"lr": True}])
def test_a_setting_that_makes_no_sense_is_told(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        choices_of(Fields(given))


# --- draw ----------------------------------------------------------------------------------------


def test_a_drawing_is_centred_as_mnist_is() -> None:
    ink = rasterising.rasterised([[(30.0, 40.0), (30.0, 200.0)], [(30.0, 200.0), (90.0, 200.0)]])
    image = rasterising.as_mnist(ink)
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) == 19  # fitted into 20 pixels
    for axis in (0, 1):
        mass = image.sum(axis=1 - axis)
        centre = (mass * (np.arange(28) + 0.5)).sum() / mass.sum()
        assert abs(centre - 14) <= 0.5


def test_the_same_drawing_elsewhere_or_smaller_looks_the_same() -> None:
    stroke = [(60.0, 60.0), (60.0, 160.0), (120.0, 160.0)]
    moved = [(x + 40, y + 50) for x, y in stroke]
    for prepare in rasterising.PREPARATIONS.values():
        one, other = (prepare(rasterising.rasterised([points])) for points in (stroke, moved))
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("unchecked")
def test_what_spoke_for_a_class_adds_up_to_its_lead() -> None:
    """In a linear model the pixels' shares are the logit over the mean, but for the biases."""
    model = engine.trained("tutorial", "digits")
    images, _ = model.experiment.arrays(model.experiment.held_out, "float32")
    weight, image = model.weights["fc.weight"], images[3]
    logits = weight @ image
    found = predictions.contributions(model, image, 7).sum()
    assert found == pytest.approx(logits[7] - logits.mean(), rel=1e-4)


@pytest.mark.usefixtures("unchecked")
def test_both_programs_answer_a_drawing() -> None:
    answer = predictions.answer(Fields({"strokes": [[140, 30, 140, 250]]}))
    numpy, torch = (np.array(answer["probabilities"][side]) for side in ("numpy", "torch"))
    np.testing.assert_allclose(numpy, torch, atol=1e-5)
    assert numpy.argmax() == 1


# --- check ---------------------------------------------------------------------------------------


def test_a_file_is_judged_and_forgotten(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = homework.check(Fields({"source": "def relu(input):\n    return input * 0\n"}))
    (wrong,) = [one for one in answer["results"] if one["status"] == "fail"]
    assert wrong["name"] == "relu"
    assert str(tmp_path) not in str(answer)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_our_names_is_one_line(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=re.escape("homework.py has none of the names")) as told:
        homework.check(Fields({"source": "x = 1\n"}))
    assert "/" not in str(told.value)


# --- what comes in and goes out ------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 10**5, b"3", b"[]", b'"x"'])
def test_a_body_that_is_no_object_is_told(body: bytes) -> None:
    with pytest.raises(InputError, match="the request is"):
        from_json(body)


def test_numbers_that_are_not_finite_go_out_as_text() -> None:
    body = Json({"a": [float("nan"), float("inf"), -float("inf"), 1.5]}).body
    assert body == b'{"a":["NaN","inf","-inf",1.5]}'


def test_the_contract_and_the_page_have_the_same_functions() -> None:
    assert set(functions.NAMES["functional"]) <= SUBJECTS.keys()
