"""What the gradient checker refuses: cases that prove nothing, and what is no gradient."""

import re
from itertools import cycle
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from numpy_impl import functional as F
from parity.errors import BadCaseError
from parity.gradients.gradcheck import gradcheck
from parity.gradients.pairs import PAIRS, check_pair
from parity_tests.gradients.test_gradcheck import normal


def bad(match: str, f: Any, backward: Any, x: ndarray) -> None:
    with pytest.raises(BadCaseError, match=match):
        gradcheck(f, backward, [x])


def test_a_gradient_of_zero() -> None:
    bad("about zero", lambda x: 0 * x + 1, lambda g, x: 0 * g, normal(0, 3, 4))


def test_a_plain_sum_under_softmax() -> None:
    """The sum of softmax is 1 whatever comes in: `return 0` would pass."""
    x = normal(0, 3, 4)
    with pytest.raises(BadCaseError, match="about zero"):
        gradcheck(F.softmax, lambda g, x: 0 * g, [x], grad_output=np.ones((3, 4)))


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_a_saturated_activation(name: str) -> None:
    f, backward = getattr(F, name), getattr(F, f"{name}_backward")
    bad("about zero", f, lambda g, x: backward(g, f(x)), np.array([[1e3, -1e3], [-2e3, 2e3]]))


def test_a_saturated_cross_entropy() -> None:
    target = np.array([0, 1])
    bad(
        "about zero",
        lambda x: F.cross_entropy(x, target),
        lambda g, x: F.cross_entropy_backward(g, x, target),
        np.array([[1e3, -1e3], [-2e3, 2e3]]),
    )


def test_nan_on_both_sides() -> None:
    bad(r"output\[0\] = nan", lambda x: x * np.nan, lambda g, x: g * np.nan, normal(0, 3))


def test_inputs_that_are_not_finite() -> None:
    bad(r"input\[1\] = inf", np.tanh, lambda g, x: g, np.array([0, np.inf, 1]))


def test_an_f_that_is_not_finite_nearby() -> None:
    bad("not finite next to input", np.log, lambda g, x: g / x, np.full(3, 1e-12))


def test_an_f_that_changes_its_input() -> None:
    def f(x: ndarray) -> ndarray:
        x[x < 0] = 0
        return x * 1

    bad(r"f changed its argument: input\[1\]", f, lambda g, x: g, np.array([1.0, -2.0]))


@pytest.mark.parametrize("victim", ["grad_output", "input"])
def test_a_backward_that_changes_its_arguments(victim: str) -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        gradient = g * np.cos(x)
        (g if victim == "grad_output" else x)[2] = 0
        return gradient

    bad(rf"backward changed its argument: {victim}\[2\]", np.sin, backward, normal(0, 4))


def test_a_backward_that_changes_the_output() -> None:
    def in_place(grad_output: ndarray, output: ndarray) -> ndarray:
        output *= 1 - output
        return grad_output * output

    pair = next(pair for pair in PAIRS if pair.name == "sigmoid")
    with pytest.raises(BadCaseError, match=r"in_place changed its argument: output\[0, 0\]"):
        check_pair(pair, F.sigmoid, in_place)


def test_a_gradient_in_the_memory_of_an_input() -> None:
    bad("lies in the memory", lambda x: x**2 / 2, lambda g, x: x, normal(0, 4))


def test_an_f_that_draws() -> None:
    rng = np.random.default_rng(0)
    bad(
        "^f gives another answer when it is asked again$",
        lambda x: x * (rng.random(4) > 0.5),
        lambda g, x: g,
        normal(0, 4),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": [np.arange(3)]}, "inputs has no float array, which compares nothing"),
        ({"inputs": []}, "inputs has no float array, which compares nothing"),
        ({"f": lambda x: (x, x)}, "f returned a tuple, expected one array"),
        ({"f": lambda x: [x, 1]}, "f returned a list, expected one array"),
        ({"inputs": [[1.0, 2.0]]}, "gradcheck: input is list, expected a float array"),
        ({"grad_output": np.arange(4)}, "grad_output is int64, expected a float array"),
        ({"names": ["x", "y"]}, "names is ['x', 'y'], expected 1, one for each input"),
        (
            {"names": ["x", "x"], "inputs": [np.ones(2), np.ones(2)]},
            "names is ['x', 'x'], expected 2, one for each input",
        ),
        ({"inputs": np.ones(3)}, "inputs is an array, expected a list or tuple of arrays"),
        ({"inputs": [np.zeros((0, 3))]}, "input has shape (0, 3), expected no empty dimension"),
        (
            {"grad_output": np.ones(2)},
            "grad_output has shape (2,), expected (4,) as f's output has",
        ),
        ({"f": lambda x: x.astype(np.float32)}, "f returned float32 for float64 inputs"),
        ({"backward": lambda g, x: (g, g)}, "backward returned 2 gradients, expected 1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_told_in_one_line(arguments: dict[str, Any], message: str) -> None:
    given = {"f": np.sin, "backward": lambda g, x: g * np.cos(x), "inputs": [normal(0, 4)]}
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        gradcheck(**{**given, **arguments})


def by_index(g: ndarray, x: ndarray, i: ndarray) -> tuple[ndarray, ndarray]:
    return 0 * x, 0 * i


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (
            {"inputs": np.ones(3)},
            "gradcheck: inputs is an array, expected a list or tuple of arrays",
        ),
        ({"inputs": [np.arange(3)]}, "inputs has no float array, which compares nothing"),
        (
            {"names": ["x", "y"]},
            "gradcheck: names is ['x', 'y'], expected 1, one for each input and none twice",
        ),
        (
            {
                "f": lambda x, i: x[i],
                "backward": by_index,
                "inputs": [np.array([0.1, 0.2, 0.3]), np.array([0, 2])],
                "names": ["x", "i"],
                "zero": ["x"],
            },
            "gradcheck: i is int64, expected a float array",
        ),
        (
            {"f": lambda x: np.sin(x.astype(np.float32)).astype(np.float64)},
            "f computes in single precision, too coarse for differences",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_in_full(arguments: dict[str, Any], whole: str) -> None:
    given = {"f": np.sin, "backward": lambda g, x: g * np.cos(x), "inputs": [normal(0, 4)]}
    with pytest.raises((TypeError, ValueError)) as caught:
        gradcheck(**{**given, **arguments})
    assert str(caught.value) == whole


def test_an_f_of_zero() -> None:
    bad("about zero", lambda x: 0 * x, lambda g, x: 0 * g, normal(0, 3, 4))


def test_an_autograd_that_is_not_finite() -> None:
    """Next to infinity any gradient would be near enough."""

    def mirror(x: torch.Tensor) -> torch.Tensor:
        return x * torch.tensor([1.0, np.inf, 1.0, 1.0])

    with pytest.raises(BadCaseError, match=r"^autograd's gradient of input\[1\] = -?inf, which"):
        gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(0, 4)], mirror=mirror)


@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_an_f_that_answers_a_little_differently(scale: float) -> None:
    drift = iter(range(100))

    def f(x: ndarray) -> ndarray:
        return scale * np.sin(x) * (1 + 1e-9 * next(drift))

    bad(
        "^f gives another answer when it is asked again$",
        f,
        lambda g, x: scale * g * np.cos(x),
        normal(0, 4),
    )


@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_an_f_that_rounds_differently_is_the_same(scale: float) -> None:
    turn = cycle([1, 1 + 2e-16])
    result = gradcheck(
        lambda x: scale * np.sin(x) * next(turn), lambda g, x: scale * g * np.cos(x), [normal(0, 4)]
    )
    assert result.ok


def test_an_f_that_computes_in_single_precision() -> None:
    weight = normal(1, 4, 3)

    def f(x: ndarray) -> ndarray:
        return np.asarray((x.astype(np.float32) @ weight.astype(np.float32)).astype(np.float64))

    bad("f computes in single precision", f, lambda g, x: g @ weight.T, normal(0, 5, 4))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.tanh(x.astype(np.float32)).astype(np.float64) * 2.1,
        lambda x: np.asarray(np.square(x.astype(np.float32)).astype(np.float64).sum()),
    ],
)
def test_single_precision_shows_in_what_comes_after_it(f: Any) -> None:
    bad("f computes in single precision", f, lambda g, x: g * np.ones_like(x), normal(0, 5, 4))


@pytest.mark.parametrize("f", [np.round, np.floor, lambda x: np.eye(4)[x.argmax(1)]])
def test_a_function_of_steps_is_not_single(f: Any) -> None:
    x = 3 * normal(0, 5, 4)
    assert gradcheck(f, lambda g, x: 0 * x, [x], zero=["input"]).ok
    assert not gradcheck(f, lambda g, x: x + 1, [x]).ok


def test_numbers_that_single_precision_has_are_no_reason_to_refuse() -> None:
    """A ReLU of round numbers, and an f that is flat but where it jumps."""
    x = np.array([0.5, -1.5, 2.0])
    assert gradcheck(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), [x]).ok
    assert gradcheck(np.sign, lambda g, x: 0 * g, [x], zero=["input"]).ok
