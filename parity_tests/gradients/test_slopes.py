"""The slope along a direction: how far it may be off, where f bends, and how it is drawn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy import ndarray

from parity.gradients.slopes import EPS, ROUNDING, STEPS, Probe, Slope, draw, norm
from parity.tolerance.table import SMALLEST
from parity_tests.gradients.test_gradcheck import seeds

unit = st.floats(-1, 1)
slopes = st.floats(-100, 100)


def along(
    f: Callable[[ndarray], ndarray], gradient: Any, x: float, step: float, weight: float = 1.0
) -> Slope:
    """The slope of `weight` f at the number `x`."""
    probe = Probe(f, np.array(x), np.asarray(weight * gradient), np.array(weight), 1e-3)
    return probe.slope_at(np.array(1.0), step)


def bend(left: float, right: float) -> Callable[[ndarray], ndarray]:
    """A kink at 0, with its two slopes."""
    return lambda x: np.where(x < 0, left * x, right * x)


@example(5e-324, 0.0, 0.0, 0.0, 1e-6)  # the difference is rounded to nothing
@example(1.6e-322, -2.2e-308, 0.0, 1.0, 1e-2)
@given(slopes, slopes, slopes, unit, st.floats(1e-6, 1e-2))
def test_a_cubic_is_within_the_tolerance(a: float, b: float, c: float, x: float, h: float) -> None:
    slope = along(lambda x: a * x + b * x**2 + c * x**3, a + 2 * b * x + 3 * c * x**2, x, h)
    assert slope.agrees


@pytest.mark.parametrize("weight", [1e-310, 1.0, 1e200])
@pytest.mark.parametrize("size", [0.0, 1e-310, 1e-307])
def test_below_the_smallest_normal_number_rounding_is_that_of_the_number(
    size: float, weight: float
) -> None:
    """A product is a number of its own, and cannot be more exact either."""
    rounding = along(lambda x: size + 0 * x, 0.0, 0.0, STEPS[0], weight).rounding
    largest = max(max(size, SMALLEST["float64"]) * weight, SMALLEST["float64"])
    assert rounding == pytest.approx(ROUNDING * EPS * (largest / STEPS[0]), rel=1e-6, abs=0)


@pytest.mark.parametrize("unit", [5e-324, 1e-200, 1.0, 1e200])
def test_a_norm_has_the_unit_of_its_elements(unit: float) -> None:
    assert norm(np.array([3 * unit, -4 * unit])) == pytest.approx(5 * unit, abs=0)
    assert norm(np.zeros(2)) == 0


@given(unit, st.sampled_from(STEPS))
@example(2 / 3, STEPS[0])  # here the bending is just as much as the difference is off
@example(-2 / 3, STEPS[0])
def test_near_a_kink_the_slope_is_within_the_tolerance(x: float, step: float) -> None:
    slope = along(np.abs, np.sign(x), x * step, step)
    assert slope.agrees


@given(slopes, slopes, st.floats(-10, 10), st.sampled_from([1.0, -2.0]))
def test_at_a_kink_the_slopes_to_either_side_are_the_limits(
    left: float, right: float, curvature: float, weight: float
) -> None:
    """Where f is curved, they are off by what its slope changes by over two steps."""
    kink = bend(left, right)
    h = 1e-4
    slope = along(lambda x: 50 + kink(x) + curvature * x**2, 0.0, 0.0, h, weight)
    limits = sorted([weight * left, weight * right])
    at_most = 2 * h * abs(weight * curvature) + slope.rounding
    assert limits[0] - at_most <= slope.lowest <= limits[0] + slope.rounding
    assert limits[1] - slope.rounding <= slope.highest <= limits[1] + at_most


@given(st.floats(1e3, 1e9), st.floats(0.1, 10))
def test_rounding_grows_with_what_is_added(offset: float, weight: float) -> None:
    """As the offset does, as its weight does, and as the step becomes shorter."""

    def rounding(offset: float, weight: float, step: float) -> float:
        return along(lambda x: x + offset, 1.0, 0.0, step, weight).rounding

    one = rounding(1e3, 1.0, STEPS[0])
    expected = one * (offset / 1e3) * weight
    assert rounding(offset, weight, STEPS[0]) == pytest.approx(expected, rel=1e-3)
    assert rounding(offset, weight, STEPS[0] / 2) == pytest.approx(2 * expected, rel=1e-3)


@given(seeds, st.floats(1, 1e9))
def test_rounding_is_as_much_as_outputs_that_are_an_ulp_off_make(seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)

    def f(x: ndarray) -> ndarray:
        return (x + offset) * (1 + EPS * rng.choice([-1, 1]))

    assert abs(along(f, 1.0, 0.0, STEPS[0]).difference - 1) <= (
        along(f, 1.0, 0.0, STEPS[0]).rounding
    )


@given(st.floats(1e-3, 1e3))
def test_no_slope_is_free_of_rounding(factor: float) -> None:
    slope = along(lambda x: factor * x, factor, 0.0, STEPS[0])
    assert slope.rounding >= EPS * slope.typical


@given(st.floats(1, 1e6), st.sampled_from([(0.45, True), (0.5, False), (0.55, False)]))
def test_a_bend_is_one_where_rounding_is_less_than_half(
    offset: float, case: tuple[float, bool]
) -> None:
    share, bent = case
    probe = Probe(lambda x: np.abs(x) + offset, np.array(0.0), np.array(0.0), np.array(1.0), 1e-3)
    rounding = probe.slope_at(np.array(1.0), STEPS[0]).rounding
    assert probe.slope(np.array(1.0), wanted=rounding / share).bent is bent


def test_a_slope_that_is_just_as_far_off_as_it_may_be_agrees() -> None:
    """And with just the tolerance that was asked for, an error might not show for certain."""
    slope = Slope(
        difference=1.0,
        analytic=1.25,
        typical=1.0,
        rounding=0.25,
        bending=0.0,
        lowest=1.0,
        highest=1.0,
        wanted=0.25,
    )
    assert slope.agrees
    assert not slope.trusted
    assert replace(slope, wanted=0.26).trusted


def test_the_norm_of_nothing_is_zero() -> None:
    assert norm(np.zeros((0, 3))) == 0


@given(seeds)
def test_no_element_weighs_next_to_nothing(seed: int) -> None:
    sizes = np.abs(draw(np.random.default_rng(seed), (500,)))
    assert 0.5 <= sizes.min() < 0.6
    assert 1.4 < sizes.max() <= 1.5


@given(seeds)
def test_each_element_has_a_sign_of_its_own(seed: int) -> None:
    assert 0.3 < np.mean(draw(np.random.default_rng(seed), (500,)) > 0) < 0.7


def made_slope(difference: float, tolerance: float) -> Slope:
    return Slope(difference, 5.0, 1.0, tolerance / 2, tolerance / 2, difference, difference)


@pytest.mark.parametrize(
    ("difference", "bending", "rounding", "holds"),
    [
        (3.0, 0.25, 0.25, True),
        (3.0, 0.25, 0.125, False),
        (2.0, 0.5, 0.25, True),
        (2.0, 0.75, 0.25, False),  # more than rounding may make of it
        (np.nan, np.nan, np.inf, True),
    ],
)
def test_a_shorter_step_may_contradict(
    difference: float, bending: float, rounding: float, holds: bool
) -> None:
    longer = made_slope(2.0, 0.5)  # half of it from rounding, half from bending
    shorter = replace(made_slope(difference, 0.0), bending=bending, rounding=rounding)
    assert longer.holds_beside(shorter) == holds


def test_what_the_next_shorter_step_contradicts_is_dropped() -> None:
    """Though it is the most exact one by its own measure."""
    given = dict(
        zip(
            STEPS,
            [made_slope(0.0, 0.01), made_slope(0.0, 0.001), made_slope(1.0, 0.1)],
            strict=True,
        )
    )

    class Waves(Probe):
        def slope_at(self, direction: ndarray, step: float) -> Slope:
            return given[step]

    probe = Waves(np.sin, np.ones(2), np.ones(2), np.ones(2), 1e-3)
    assert probe.slope(np.ones(2)).difference == 1


def test_next_to_what_is_not_finite_f_is_not_coarse() -> None:
    """And no warning comes of it."""
    probe = Probe(np.sqrt, np.zeros(8), np.ones(8), np.ones(8), 1e-3)
    assert not probe.is_coarse(np.random.default_rng(0))
