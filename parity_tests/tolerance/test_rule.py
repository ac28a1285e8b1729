"""The one rule of how close is equal, and the element that is farthest off."""

from typing import Any

import numpy as np
import pytest

from parity.tolerance import allowance, distance, is_close, scale_of, worst_element
from parity.tolerance.table import BASE, FACTOR


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_allowance_is_a_base_and_a_multiple_of_the_farthest_valid_run(dtype: str) -> None:
    assert allowance(dtype, 3.0) == 3 * BASE[dtype]
    assert allowance(dtype, 3.0, farthest=0.5) == 3 * BASE[dtype] + 0.5 * FACTOR


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_no_allowance_is_relative_to_less_than_the_smallest_normal_number(
    dtype: str, share: float
) -> None:
    smallest = float(np.finfo(dtype).tiny)
    assert allowance(dtype, share * smallest) == BASE[dtype] * smallest > 0


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [([1.0, -2.0], [1.5, 1.0], 3.0), ([1.0, np.nan], [1.0, 2.0], np.nan), ([], [], 0.0)],
)
def test_the_distance_is_the_largest_absolute_difference(
    value: Any, other: Any, expected: float
) -> None:
    np.testing.assert_equal(distance(np.array(value), np.array(other)), expected)


def test_the_distance_of_two_infinities_is_nan_and_no_warning() -> None:
    assert np.isnan(distance(np.array([1.0, np.inf]), np.array([1.0, np.inf])))


def test_a_difference_is_written_into_the_memory_that_is_given() -> None:
    memory = np.zeros(2)
    assert distance(np.array([1.0, 4.0]), np.array([2.0, 2.0]), out=memory) == 2
    assert memory.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("array", "scale"), [([1.0, -3.0], 3), ([np.inf, 2.0], 2), ([np.nan], 0), ([], 0)]
)
def test_the_scale_is_the_largest_finite_number(array: Any, scale: float) -> None:
    assert scale_of(np.array(array)) == scale


def test_what_is_just_as_far_off_as_it_may_be_is_close() -> None:
    assert is_close(np.array([3.0, 3.1]), np.array([2.0, 2.0]), 1.0).tolist() == [True, False]


def test_nan_and_infinities_agree_with_themselves_alone() -> None:
    special = np.array([np.nan, np.inf, -np.inf])
    assert is_close(special, special, 0.0).all()
    assert not is_close(special, np.array([1.0, -np.inf, 2.0]), 1e300).any()


@pytest.mark.parametrize(
    ("value", "reference", "index"),
    [
        ([[1.5, 2.0], [3.0, -4.0]], [[1.0, 2.0], [3.0, 4.0]], (1, 1)),
        ([1.0, 1e9, np.nan], [1.0, 2.0, 3.0], (2,)),
        ([np.inf, 2.5], [np.inf, 2.0], (1,)),
        (2.5, 2.0, ()),
    ],
)
def test_the_element_that_is_farthest_off(value: Any, reference: Any, index: Any) -> None:
    assert worst_element(np.array(value), np.array(reference)) == index
