"""Assertions on one array, by the rule of `parity.tolerance`."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from parity.tolerance import allowance, distance, index_of, scale_of
from parity_tests import naive


def error(value: ndarray, truth: ndarray) -> float:
    """The largest difference from `truth`, divided by its scale; fails if `truth` is all zeros."""
    assert value.shape == truth.shape, f"shape is {value.shape}, expected {truth.shape}"
    scale = scale_of(truth)
    assert scale > 0, "bad case: the reference is zero in every element"
    return distance(value, truth) / scale


def assert_close(name: str, value: ndarray, truth: ndarray) -> None:
    """Fails unless the float64 array `value` equals `truth` up to rounding."""
    got, allowed = error(value, truth), allowance("float64", 1.0)
    assert got <= allowed, f"{name}: relative error {got:.1e}, allowed {allowed:.1e}"


def assert_as_accurate(name: str, value: ndarray, torch: ndarray, truth: ndarray) -> None:
    """Fails unless `value`, in float32, is about as near to the float64 `truth` as `torch` is."""
    got, torch_error = error(value, truth), error(torch, truth)
    allowed = allowance("float32", 1.0, torch_error)
    assert got <= allowed, (
        f"{name}: {got:.1e} from the truth, PyTorch {torch_error:.1e}, allowed {allowed:.1e}"
    )


def assert_derivative(
    name: str,
    grad: ndarray,
    function: Callable[[], float],
    array: ndarray,
    places: int = 10,
    step: float = naive.STEP,
) -> None:
    """Fails unless `grad` is the derivative of `function()` with respect to `array` (float64).

    `function` reads `array`. Central differences are taken at some of its elements. Their error is
    about 1e-10 where values are near 1 (see `naive.slope`), and a wrong gradient is wrong in its
    first digits.
    """
    assert grad.shape == array.shape
    scale = np.abs(grad).max()
    assert scale > 0, f"{name}: bad case, it is zero in every element"
    for flat in np.random.default_rng(array.size).permutation(array.size)[:places]:
        index = index_of(int(flat), array.shape)
        expected = naive.slope(function, array, index, step)
        assert abs(grad[index] - expected) <= 1e-6 * scale, (
            f"{name}{list(index)} = {grad[index]}, but the slope is {expected}"
        )
