"""The numbers that the gradient check reports, and how many elements it looks at."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy import ndarray

from parity.errors import BadCaseError
from parity.gradients.gradcheck import BLOCK, ENOUGH, Part, by_differences, gradcheck
from parity.gradients.slopes import Probe, Slope
from parity_tests.gradients.test_gradcheck import normal, off_at, seeds, sizes


@given(seeds)
def test_the_slope_of_f_and_that_of_a_wrong_gradient(seed: int) -> None:
    x = normal(seed, 6)
    right = gradcheck(np.sin, lambda g, x: g * np.cos(x), [x]).inputs[0]
    wrong = gradcheck(np.sin, lambda g, x: 1.5 * g * np.cos(x), [x]).inputs[0]
    assert wrong.difference == pytest.approx(right.analytic, rel=1e-6)
    assert wrong.analytic == pytest.approx(1.5 * right.analytic)


def test_the_error_of_no_gradient_is_the_whole_slope() -> None:
    (check,) = gradcheck(np.sin, lambda g, x: 0 * g, [normal(0, 4)]).inputs
    assert check.error == 1


@given(seeds, sizes)
def test_what_shows_is_twice_the_tolerance(seed: int, size: int) -> None:
    """One typical element among n is 1/√n of a typical slope; half may be the difference's own."""
    (check,) = gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(seed, size)]).inputs
    assert check.sensitivity == pytest.approx(2 * check.tolerance * np.sqrt(size))


@given(st.floats(1, 1e12))
def test_a_case_is_bad_if_what_must_show_would_not(offset: float) -> None:
    """The offset makes the rounding, which is less at no other step."""

    def check(visible: float) -> Any:
        x = normal(0, 5)
        return gradcheck(lambda x: x + offset, lambda g, x: +g, [x], visible=visible).inputs[0]

    shows = check(np.inf).sensitivity
    assert check(1.1 * shows).verdict == "pass"
    with pytest.raises(BadCaseError, match="about zero"):
        check(0.9 * shows)


@given(seeds)
def test_whoever_asks_again_gets_the_same_numbers(seed: int) -> None:
    def slope(seed: int) -> float:
        result = gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(0, 3)], seed=seed)
        return result.inputs[0].difference

    assert slope(seed) == slope(seed)
    assert slope(seed) != slope(seed + 1)


def test_who_asks_for_no_seed_gets_seed_0() -> None:
    def check(**options: Any) -> Any:
        return gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(0, 3)], **options)

    assert check() == check(seed=0)


@given(st.sampled_from([1e-6, 1.0, 1e6, 1e12]))
def test_the_step_is_as_long_as_the_input_is_large(scale: float) -> None:
    x = scale * (2 + normal(0, 5) / 4)
    result = gradcheck(np.square, lambda g, x: 2 * g * x, [x])
    assert result.inputs[0].verdict == "pass"


@given(st.floats(1, 1e6))
def test_from_1_on_a_step_is_the_same_share_of_the_input(x: float) -> None:
    def share(x: float) -> float:
        points = []

        def f(x: ndarray) -> ndarray:
            points.append(float(x))
            return np.asarray(x * np.pi)

        gradcheck(f, lambda g, x: np.asarray(g * np.pi), [np.array(x)])
        return max(points) / x - 1

    assert share(x) == pytest.approx(share(1.0))


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_what_is_wrong_is_off_by_more_than_its_tolerance(scale: float) -> None:
    x = scale * np.array([1.0, 2.0, 3.0])
    (check,) = gradcheck(np.square, lambda g, x: off_at((1,), 1 + 1e-6)(2 * g * x), [x]).inputs
    (element,) = check.elements
    assert element.tolerance < element.error == pytest.approx(1e-6 * abs(element.expected), rel=0.1)


def test_inputs_without_names_are_numbered() -> None:
    result = gradcheck(
        lambda x, y: x * y, lambda g, x, y: (g * y, g * x), [normal(0, 3), normal(1, 3)]
    )
    assert str(result) == "inputs[0]: pass\ninputs[1]: pass"


def test_a_result_in_words_tells_what_is_wrong() -> None:
    result = gradcheck(
        lambda x, y: x + y, lambda g, x, y: ("?", +g), [normal(0, 3), normal(1, 3)], names="xy"
    )
    assert str(result) == (
        "x: the gradient is str, but should be a float64 array of shape (3,)\ny: pass"
    )
    with pytest.raises(AssertionError) as caught:
        result.assert_right()
    assert str(caught.value) == f"gradients are wrong\n{result}"


def test_a_number_is_told_without_an_index() -> None:
    result = gradcheck(np.sin, lambda g, x: 2 * g, [np.array(0.5)], names=["angle"])
    assert result.inputs[0].message.startswith("angle = ")


def test_a_part_without_a_result_is_not_right() -> None:
    right = gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(0, 3)])
    wrong = gradcheck(np.sin, lambda g, x: +g, [normal(0, 3)])
    assert [Part("", result).ok for result in (right, wrong, None)] == [True, False, False]


# How much is looked at


def looked_at(size: int, spoil: Callable[[ndarray], ndarray], scale: float = 1.0) -> str:
    """The end of the message on a linear function of so many elements, after its semicolon."""
    x = scale * normal(0, size)
    (check,) = gradcheck(lambda x: 3 * x, lambda g, x: spoil(3 * g), [x]).inputs
    return check.message.partition("; ")[2]


@pytest.mark.parametrize("size", [1, BLOCK])
def test_of_few_elements_each_is_looked_at(size: int) -> None:
    assert looked_at(size, off_at((0,))) == f"wrong: 1 of {size} elements looked at"


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_the_half_that_is_in_order_is_left(scale: float) -> None:
    assert looked_at(2 * BLOCK, off_at((0,)), scale) == f"wrong: 1 of {BLOCK} elements looked at"


def test_a_small_part_need_not_be_known_better_than_the_whole() -> None:
    """The sum's rounding is the same in all parts, and half of what may be."""
    (check,) = gradcheck(
        lambda x: x.sum() + 4e5,
        lambda g, x: off_at((0,), 1.01)(np.full(x.shape, g)),
        [np.zeros(8 * BLOCK)],
        grad_output=np.array(1.0),
    ).inputs
    assert check.message.endswith(f"wrong: 1 of {BLOCK} elements looked at")


def test_in_both_halves_the_wrong_ones_are_found() -> None:
    size = 2 * BLOCK
    assert looked_at(size, lambda g: 2 * g) == f"wrong: {size} of {size} elements looked at"


def test_when_all_are_wrong_enough_is_looked_at() -> None:
    """As many as make a fair sample, and no more: it would take minutes."""
    size = 8 * ENOUGH
    assert looked_at(size, lambda g: 2 * g) == f"wrong: {ENOUGH} of {ENOUGH} elements looked at"


def test_the_elements_looked_at_are_drawn() -> None:
    """Not the first ones: what is wrong at the end is as likely to be among them."""
    x = normal(0, 8 * ENOUGH)
    (check,) = gradcheck(lambda x: 3 * x, lambda g, x: 2 * g, [x]).inputs
    middle = np.mean([element.index[0] for element in check.elements])
    assert middle == pytest.approx(x.size / 2, rel=0.1)


@example(918846)
@given(seeds)
def test_waves_shorter_than_a_step_make_no_right_gradient_wrong(seed: int) -> None:
    """Along whole waves f seems to be flat, and the difference to be exact."""
    x = 1e4 * normal(seed, 5, 4)
    assert gradcheck(lambda x: np.sin(1e3 * x), lambda g, x: 1e3 * g * np.cos(1e3 * x), [x]).ok


def test_the_answer_for_machines_has_each_input() -> None:
    result = gradcheck(np.sin, lambda g, x: g * np.cos(x), [normal(0, 3)], names=["x"])
    answer = result.as_json()
    assert answer["ok"] is True
    assert [(it["name"], it["verdict"]) for it in answer["inputs"]] == [("x", "pass")]
    result.assert_right()


# --- the second direction ------------------------------------------------------------------------


class Prepared(Probe):
    """A probe whose slopes are given: along the first direction, each element, and the second."""

    def __init__(self, *slopes: Slope) -> None:
        x = np.array([1.0, 1000.0])
        super().__init__(np.sin, x, np.cos(x), np.ones(2), 1e-3)
        self.slopes = list(slopes)
        self.directions: list[ndarray] = []

    def slope(self, direction: ndarray, wanted: float | None = None) -> Slope:
        self.directions.append(direction)
        return self.slopes.pop(0)


def slope(error: float, trusted: bool = True) -> Slope:
    """A slope of 2 by differences, known to 0.1, beside one that is `error` more."""
    return Slope(2.0, 2.0 + error, 1.0, 0.05, 0.05, 2.0, 2.0, wanted=1.0 if trusted else 0.0)


@pytest.mark.parametrize(
    ("again", "flat", "verdict"),
    [
        (slope(0.01), False, "pass"),
        (slope(0.01, trusted=False), False, "fail"),
        (slope(0.01, trusted=False), True, "pass"),
        (slope(0.2), False, "fail"),
        (slope(0.2), True, "fail"),
    ],
)
def test_where_no_element_is_wrong_a_second_direction_decides(
    again: Slope, flat: bool, verdict: str
) -> None:
    probe = Prepared(slope(0.3), slope(0.0), slope(0.0), again)
    rng = np.random.default_rng(0)
    check = by_differences("x", probe, np.ones(2), rng, flat)
    assert (check.name, check.verdict, check.shape) == ("x", verdict, (2,))
    assert check.error == pytest.approx(again.analytic - 2 if verdict == "pass" else 0.3)
    assert ("but no element by itself" in check.message) == (verdict == "fail")
    shares = np.abs(probe.directions[-1]) / probe.scale
    assert (shares >= 0.5).all()
    assert (shares <= 1.5).all()
