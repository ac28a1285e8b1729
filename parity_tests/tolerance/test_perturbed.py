"""Perturbed runs differ from the original by rounding alone."""

import numpy as np
import pytest

from parity.tolerance.perturbed import moved, reordered, rounded


def test_each_order_of_a_batch_rounds_in_its_own_way() -> None:
    """Two numbers add up to the same in either order, and three times two do not."""
    for size in (1, 2, 3):
        batch = np.arange(10, 10 + size)
        tiled = reordered(batch, np.arange(size)[::-1])
        assert len(tiled) == (3 if size == 3 else 3 * size)
        np.testing.assert_array_equal(tiled[:size], batch[::-1])
        np.testing.assert_array_equal(np.bincount(tiled)[10:], len(tiled) // size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_number_is_moved_by_a_unit_in_its_last_place_or_stays(dtype: str) -> None:
    eps = np.finfo(dtype).eps
    ones = rounded({"w": [np.ones(100)]}, dtype, np.random.default_rng(0))["w"][0]
    assert {*ones} == {1 - eps, 1, 1 + eps}


def test_integers_and_options_stay() -> None:
    labels = np.arange(3)
    same, option = rounded((labels, "sum"), "float32", np.random.default_rng(0))
    assert same is labels
    assert option == "sum"


@pytest.mark.parametrize(("drift", "reach"), [(1e-3, 1e-3), (0.0, np.finfo("float32").eps)])
def test_a_number_is_moved_by_up_to_the_drift_of_the_scale(drift: float, reach: float) -> None:
    array = np.linspace(-5, 1, 1000, dtype=np.float32)
    moves = np.abs(moved(array, drift, np.random.default_rng(0)) - array)
    assert 0.9 * 5 * reach < moves.max() <= 5 * reach
