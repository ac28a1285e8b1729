"""`parity.assert_close`: what passes, what its message says, and what proves nothing."""

from typing import Any

import numpy as np
import pytest
import torch

import parity
from parity.errors import BadCaseError
from parity.tolerance.table import BASE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("times", "passes"), [(0.9, True), (1.1, False)])
def test_the_dtype_decides_how_much_is_allowed(dtype: str, times: float, passes: bool) -> None:
    expected = np.array([1.0, -8.0])
    actual = (expected + np.array([0, times * BASE[dtype] * 8])).astype(dtype)
    if passes:
        parity.assert_close(actual, expected)
    else:
        with pytest.raises(AssertionError, match=r"array\[1\]"):
            parity.assert_close(actual, expected)


def test_four_times_the_error_of_a_valid_result_is_allowed() -> None:
    expected = np.ones(3)
    parity.assert_close(expected + 3.9e-3, expected, valid=expected + 1e-3)
    with pytest.raises(AssertionError, match="3 of 3 elements"):
        parity.assert_close(expected + 4.1e-3, expected, valid=expected + 1e-3)


def test_the_message_has_share_index_and_allowance() -> None:
    expected = np.arange(6.0).reshape(2, 3)
    actual = expected.copy()
    actual[1, 2] += 1
    with pytest.raises(AssertionError) as caught:
        parity.assert_close(actual, expected, name="weight")
    assert str(caught.value).splitlines() == [
        "weight is not close: 1 of 6 elements (16.7%) differ",
        "  worst: weight[1, 2] = 6.0, expected 5.0",
        "  off by 1.000e+00, allowed 5.000e-12 (float64)",
    ]


def test_a_tensor_is_taken_with_its_graph() -> None:
    weight = torch.ones(3, requires_grad=True)
    parity.assert_close(2 * weight, np.full(3, 2.0))


def test_a_tensor_of_bfloat16_is_refused_in_one_line() -> None:
    with pytest.raises(TypeError, match="a tensor is bfloat16, expected float32 or float64"):
        parity.assert_close(torch.ones(2, dtype=torch.bfloat16), np.ones(2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_close(bad: float) -> None:
    with pytest.raises(AssertionError, match=r"array\[0\]"):
        parity.assert_close(np.array([bad, 1.0]), np.ones(2))


@pytest.mark.parametrize(
    ("expected", "why"),
    [(np.zeros(2), "zero throughout"), (np.array([np.nan, 1]), "not finite"), ([], "empty")],
)
def test_what_compares_nothing_is_a_bad_case(expected: Any, why: str) -> None:
    with pytest.raises(BadCaseError, match=why):
        parity.assert_close(np.array(expected, float), expected)


def test_a_zero_can_be_meant() -> None:
    parity.assert_close(np.zeros(2), np.zeros(2), zero=True)
    with pytest.raises(AssertionError, match="1 of 2"):
        parity.assert_close(np.array([0, 1e-300]), np.zeros(2), zero=True)


def test_another_shape_or_dtype_is_told() -> None:
    with pytest.raises(AssertionError, match=r"shape \(2,\), expected \(1, 2\)"):
        parity.assert_close(np.ones(2), np.ones((1, 2)))
    with pytest.raises(TypeError, match="array is int64, expected float32 or float64"):
        parity.assert_close(np.ones(2, int), np.ones(2))


@pytest.mark.parametrize("shape", [(3,), (1,), (3, 2), ()])
def test_a_valid_result_of_another_shape_allows_nothing(shape: tuple[int, ...]) -> None:
    """(N,) beside (N, 1) would be N² differences, of which most are large."""
    with pytest.raises(ValueError, match="valid has shape"):
        parity.assert_close(np.full((3, 1), 9.0), np.ones((3, 1)), valid=np.zeros(shape))
