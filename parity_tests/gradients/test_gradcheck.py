"""The gradient checker: it passes what is right, and names what is wrong, down to the element."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy import ndarray

from numpy_impl import functional as F
from parity.gradients.gradcheck import GradcheckResult, InputCheck, gradcheck
from parity.gradients.pairs import PAIRS, Pair, check_pair

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 30)


def functions(pair: Pair) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return getattr(F, pair.name), getattr(F, f"{pair.name}_backward")


def spoiled(backward: Callable[..., Any], position: int, spoil: Callable[[ndarray], Any]) -> Any:
    """`backward` with `spoil` applied to the gradient at `position`."""

    def wrong(*args: Any, **options: Any) -> Any:
        gradients = backward(*args, **options)
        if not isinstance(gradients, tuple):
            return spoil(gradients)
        return (*gradients[:position], spoil(gradients[position]), *gradients[position + 1 :])

    wrong.__name__ = backward.__name__
    return wrong


def off_by_typical(index: tuple[int, ...]) -> Callable[[ndarray], ndarray]:
    """0.1% of the gradient's typical size is added to one element, which may be zero itself."""

    def spoil(gradient: ndarray) -> ndarray:
        gradient = gradient.copy()
        gradient[index] += 1e-3 * np.sqrt(np.mean(gradient**2))
        return gradient

    return spoil


def off_at(index: tuple[int, ...], factor: float = 1.001) -> Callable[[ndarray], ndarray]:
    def spoil(gradient: ndarray) -> ndarray:
        gradient = gradient.copy()
        gradient[index] *= factor
        return gradient

    return spoil


def largest(gradient: ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.abs(gradient).argmax(), gradient.shape))


def normal(seed: int, *shape: int) -> ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# What is right passes


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_pair_of_the_contract_is_right(pair: Pair) -> None:
    result = check_pair(pair, *functions(pair))
    assert result.ok, str(result)
    assert all(check.verdict == "pass" for check in result.inputs)
    assert all(check.torch_error is not None for check in result.inputs)


def test_no_backward_of_the_contract_is_left_out() -> None:
    backwards = {name for name in F.__all__ if name.endswith("_backward")}
    assert {f"{pair.name}_backward" for pair in PAIRS} == backwards


@given(seeds, sizes, sizes, sizes, st.sampled_from([0.1, 1.0, 1e3]))
@example(2297220975, 1, 1, 1, 1.0)  # w x + b cancels, and b is what rounding is measured by
@example(3613630761, 1, 3, 1, 1e3)
def test_no_false_alarm_on_linear(seed: int, n: int, n_in: int, n_out: int, scale: float) -> None:
    x, w, b = scale * normal(seed, n, n_in), normal(seed + 1, n_out, n_in), normal(seed + 2, n_out)
    x[0, 0] = scale  # for of an x of about zero the weight has no gradient to check
    result = gradcheck(F.linear, lambda g, x, w, b: F.linear_backward(g, x, w), [x, w, b])
    assert {check.verdict for check in result.inputs} == {"pass"}, str(result)


@given(
    seeds,
    sizes,
    st.integers(2, 30),
    st.sampled_from([1e-3, 0.1, 1.0]),
    st.sampled_from(["sigmoid", "relu", "softmax", "log_softmax"]),
)
def test_no_false_alarm_on_activations(
    seed: int, n: int, classes: int, scale: float, name: str
) -> None:
    f, backward = getattr(F, name), getattr(F, f"{name}_backward")
    x = scale * normal(seed, n, classes)
    x[0, 0] = scale  # for relu of what is negative throughout has no gradient to check
    result = gradcheck(f, lambda g, x: backward(g, f(x)), [x])
    assert result.ok, str(result)


def test_five_points_at_any_size() -> None:
    """A gradient of a million elements costs as many evaluations as one of ten."""
    calls = []

    def f(x: ndarray) -> ndarray:
        calls.append(x.size)
        return np.sin(x)

    for size in (10, 1_000_000):
        calls.clear()
        assert gradcheck(f, lambda g, x: g * np.cos(x), [normal(0, size)]).ok
        assert len(calls) == 2 + 5  # twice to see that it answers the same, then the direction


def test_float32_inputs_are_checked_in_float64() -> None:
    x = normal(0, 3, 4).astype(np.float32)
    result = gradcheck(np.sin, lambda g, x: g * np.cos(x), [x])
    assert result.inputs[0].error < 1e-9


def test_numbers_as_inputs() -> None:
    result = gradcheck(np.sin, lambda g, x: g * np.cos(x), [np.array(0.5)])
    assert result.ok


# What is wrong is named

EACH_INPUT = [
    pytest.param(pair, position, id=f"{pair}-{name}")
    for pair in PAIRS
    for position, name in enumerate(pair.inputs)
]


@pytest.mark.parametrize(("pair", "position"), EACH_INPUT)
def test_a_tenth_of_a_percent_in_one_element(pair: Pair, position: int) -> None:
    forward, backward = functions(pair)
    name, shape = list(pair.inputs.items())[position]
    index = tuple(size // 2 for size in shape)
    result = check_pair(pair, forward, spoiled(backward, position, off_by_typical(index)))
    wrong = [check for check in result.inputs if check.verdict == "fail"]
    assert [check.name for check in wrong] == [name]
    assert [element.index for element in wrong[0].elements] == [index]
    assert f"{name}[{', '.join(map(str, index))}] = " in wrong[0].message


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_tenth_of_a_percent_in_one_of_many(size: int) -> None:
    x = normal(1, size)
    at = (size // 3,)
    result = gradcheck(np.sin, lambda g, x: off_at(at)(g * np.cos(x)), [x])
    (check,) = result.inputs
    assert [element.index for element in check.elements] == [at]
    element = check.elements[0]
    assert element.gradient == pytest.approx(1.001 * element.expected, rel=1e-6)


@settings(max_examples=20)
@example(seed=0, size=3_000, positive=False)  # the slope happens to be 2.5 times the typical one
@given(seeds, st.sampled_from([1, 10, 100, 3_000]), st.booleans())
def test_the_stated_sensitivity_holds(seed: int, size: int, positive: bool) -> None:
    """An error of the stated size shows wherever it is.

    All elements are of one size here. A direction weighs an element at least half of what is
    typical, √(13/12), so 2.1 times the stated error shows for certain.
    """
    x = np.random.default_rng(seed).uniform(-1, 1, size)
    right = gradcheck(lambda x: 3 * x, lambda g, x: 3 * g, [x], grad_output=np.ones(size))
    error = (2.2 if positive else -2.2) * right.inputs[0].sensitivity
    spoil = off_at((seed % size,), 1 + error)
    wrong = gradcheck(lambda x: 3 * x, lambda g, x: spoil(3 * g), [x], grad_output=np.ones(size))
    assert right.ok
    assert right.inputs[0].sensitivity < 1e-3
    assert not wrong.ok


MISTAKES: dict[str, tuple[str, int, Callable[[ndarray], ndarray]]] = {
    "linear: sign": ("linear", 1, lambda g: -g),
    "linear: factor": ("linear", 1, lambda g: 5 * g),
    "linear: zero": ("linear", 0, lambda g: 0 * g),
    "linear: off by a constant": ("linear", 2, lambda g: g + 1e-5),
    "linear: rows in another order": ("linear", 0, lambda g: g[::-1].copy()),
    "softmax: zero": ("softmax", 0, lambda g: 0 * g),
    "relu: half": ("relu", 0, lambda g: g / 2),
    "cross_entropy: summed over the batch": ("cross_entropy", 0, lambda g: 5 * g),
    "cross_entropy: sign": ("cross_entropy", 0, lambda g: -g),
    "conv2d: rotated by 180 degrees": ("conv2d", 1, lambda g: g[:, :, ::-1, ::-1].copy()),
    "avg_pool2d: summed": ("avg_pool2d", 0, lambda g: 4 * g),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake: str) -> None:
    name, position, spoil = MISTAKES[mistake]
    pair = next(pair for pair in PAIRS if pair.name == name)
    forward, backward = functions(pair)
    result = check_pair(pair, forward, spoiled(backward, position, spoil))
    assert [check.verdict == "fail" for check in result.inputs] == [
        index == position for index in range(len(pair.inputs))
    ], str(result)


def test_the_worst_element_comes_first() -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        return g * np.cos(x) + np.array([0, 1e-4, 0, -1e-2, 1e-3])

    (check,) = gradcheck(np.sin, backward, [normal(0, 5)]).inputs
    assert [element.index for element in check.elements] == [(3,), (4,), (1,)]
    assert check.message.startswith("input[3] = ")


def test_a_small_error_is_no_kink_where_f_is_curved() -> None:
    """To the two sides of x the slopes of x² differ by more than this error, without a kink."""
    x = np.array([0.5, -1.0, 2.0])
    result = gradcheck(np.square, lambda g, x: off_at((1,), 1 + 1e-7)(2 * g * x), [x])
    assert result.inputs[0].verdict == "fail"


def test_transposed_and_square() -> None:
    result = gradcheck(
        lambda w: normal(0, 5, 4) @ w.T, lambda g, w: normal(0, 5, 4).T @ g, [normal(1, 4, 4)]
    )
    assert "input[" in result.inputs[0].message
    assert not result.ok


def test_equal_errors_of_opposite_sign_do_not_cancel() -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        gradient = 3 * g
        gradient[2] += 1e-3
        gradient[7] -= 1e-3
        return gradient

    for seed in range(20):
        result = gradcheck(lambda x: 3 * x, backward, [normal(0, 10)], seed=seed)
        assert {element.index for element in result.inputs[0].elements} == {(2,), (7,)}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda g: g.T, "has shape (4, 3), but should have (3, 4)"),
        (lambda g: g.sum(), "has shape (), but should have (3, 4)"),
        (lambda g: g.astype(np.float32), "is float32, but should be a float64 array"),
        (lambda g: g.tolist(), "is list, but should be a float64 array of shape (3, 4)"),
        (lambda g: None, "is NoneType, but should be a float64 array of shape (3, 4)"),
        (lambda g: off_at((1, 2), np.nan)(g), "input[1, 2] = nan, but should be finite"),
    ],
)
def test_what_is_wrong_at_first_sight(spoil: Callable[[ndarray], Any], message: str) -> None:
    result = gradcheck(np.sin, lambda g, x: spoil(g * np.cos(x)), [normal(0, 3, 4)])
    assert not result.ok
    assert message in result.inputs[0].message


def test_many_errors_that_each_hide_in_rounding() -> None:
    """The sum's rounding is the same along one element as along all of them."""
    (check,) = gradcheck(
        lambda x: x.sum() + 1e3,
        lambda g, x: np.full(100, g + 4e-7),
        [np.zeros(100)],
        grad_output=np.array(1.0),
    ).inputs
    assert check.verdict == "fail"
    assert check.message == (
        "the slope is wrong along a random direction, but no element by itself"
    )


def test_autograd_sees_what_differences_cannot() -> None:
    spoil = off_at((1, 2), 1 + 1e-10)
    x = normal(0, 3, 4)
    alone = gradcheck(np.exp, lambda g, x: spoil(g * np.exp(x)), [x])
    with_torch = gradcheck(np.exp, lambda g, x: spoil(g * np.exp(x)), [x], mirror=torch.exp)
    assert alone.ok
    assert not with_torch.ok
    assert "input[1, 2] = " in with_torch.inputs[0].message
    assert "by autograd" in with_torch.inputs[0].message


def test_a_forward_that_is_wrong_but_consistent_is_caught_by_autograd() -> None:
    x = normal(0, 3, 4)
    result = gradcheck(lambda x: 2 * x, lambda g, x: 2 * g, [x], mirror=lambda x: 3 * x)
    assert not result.ok


def test_an_error_that_autograd_sees_comes_before_the_kinks() -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        return off_at((2,), 1 + 1e-10)(g * (x > 0))

    x = np.array([1.0, 0.0, 2.0])
    (check,) = gradcheck(F.relu, backward, [x], mirror=torch.relu).inputs
    assert [(element.index, element.kink) for element in check.elements] == [
        ((2,), False),
        ((1,), True),
    ]


@given(seeds, st.sampled_from([1e-6, 1.0, 1e6]))
def test_autograd_is_as_strict_in_any_unit(seed: int, unit: float) -> None:
    """The tolerance is relative: in micrometres as in metres, 1e-10 is told and rounding is not."""

    def backward(g: ndarray, x: ndarray) -> ndarray:
        return unit * g * np.exp(x)

    def wrong(g: ndarray, x: ndarray) -> ndarray:
        gradient = backward(g, x)
        return off_at(largest(gradient), 1 + 1e-10)(gradient)

    def check(backward: Callable[..., Any]) -> Any:
        f, mirror = lambda x: unit * np.exp(x), lambda x: unit * torch.exp(x)
        return gradcheck(f, backward, [normal(seed, 3, 4)], mirror=mirror).inputs[0]

    assert check(backward).verdict == "pass"
    assert check(wrong).torch_error == pytest.approx(1e-10, rel=0.01)
    (element,) = check(wrong).elements
    assert element.error > element.tolerance


def test_autograd_finds_the_slope_of_a_right_gradient() -> None:
    (check,) = gradcheck(
        np.sin, lambda g, x: g * np.cos(x), [normal(0, 4)], mirror=torch.sin
    ).inputs
    assert check.torch == pytest.approx(check.analytic, rel=1e-9)  # the step is rounded
    assert check.torch_error == pytest.approx(0, abs=1e-12)


def test_an_autograd_of_zero_agrees_with_nothing() -> None:
    (check,) = gradcheck(
        np.sin, lambda g, x: g * np.cos(x), [normal(0, 4)], mirror=lambda x: 0 * x
    ).inputs
    assert check.torch_error == np.inf
    assert check.verdict == "fail"


# --- which inputs have a gradient -----------------------------------------------------------------


def test_what_is_meant_to_be_zero_is_an_input() -> None:
    message = r"^gradcheck: zero has 'b', expected of inputs\[0\], inputs\[1\]$"
    inputs = [normal(0, 3), normal(1, 3)]
    with pytest.raises(ValueError, match=message):
        gradcheck(lambda x, y: x * y, lambda g, x, y: (g * y, g * x), inputs, zero=["b"])


def test_integers_have_none() -> None:
    x, rows = normal(0, 4, 3), np.array([0, 2])

    def backward(g: ndarray, rows: ndarray, x: ndarray) -> tuple[None, ndarray]:
        grad = np.zeros_like(x)
        grad[rows] = g
        return None, grad

    of_rows, of_x = gradcheck(lambda rows, x: x[rows], backward, [rows, x]).inputs
    assert of_x.verdict == "pass"
    assert of_rows.shape == (2,)
    assert str(GradcheckResult((of_rows,))) == "inputs[0]: none, for it is int64"


def test_an_input_that_nothing_depends_on_needs_none() -> None:
    inputs = [normal(0, 3), normal(1, 3)]
    assert gradcheck(lambda x, y: 2 * x, lambda g, x, y: (2 * g, None), inputs).ok
    of_y = gradcheck(lambda x, y: 2 * x + y, lambda g, x, y: (2 * g, None), inputs).inputs[1]
    assert of_y.verdict == "fail"


# --- what is shown --------------------------------------------------------------------------------


def test_a_result_is_shown_in_a_line_and_as_a_table() -> None:
    """The messages have characters that mean something in HTML."""

    def check(name: str, verdict: Any, message: str, *numbers: float) -> InputCheck:
        difference, analytic, error, tolerance = numbers
        return InputCheck(
            name,
            (),
            verdict,
            message,
            difference=difference,
            analytic=analytic,
            error=error,
            tolerance=tolerance,
        )

    result = GradcheckResult(
        (
            check("x", "pass", "", 0.5, 0.25, 1e-9, 2e-6),
            check("w", "fail", "dL/dw < 0", 1.5, -2.5, 0.1, 1e-6),
            check("b", "kink", "b & x", 1.0, 1.0, 0.0, 1e-6),
        )
    )
    assert repr(result) == "<GradcheckResult x pass, w fail, b kink>"
    shown = result._repr_html_()
    assert re.findall(r"<t[hd]>([^<]*)</t[hd]>", shown) == [
        *("gradient of", "by differences", "by backward", "error", "tolerance", "verdict"),
        *("x", "0.5", "0.25", "1.0e-09", "2.0e-06", "pass"),
        *("w", "1.5", "-2.5", "1.0e-01", "1.0e-06", "fail"),
        *("b", "1", "1", "0.0e+00", "1.0e-06", "kink"),
    ]
    assert shown.endswith("</table><p>dL/dw &lt; 0</p><p>b &amp; x</p>")
