"""Batches in another order, and the results of them in the order of the batch itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from parity.backends import TrainingStep
from parity.comparison.order import Order

RNG = np.random.default_rng(0)
sizes = st.integers(1, 7)


def images(size: int, axis: int = 0) -> ndarray:
    """A row for each of `size` examples, with these along the axis."""
    return np.moveaxis(RNG.random((size, 11, 12)), 0, axis)


@given(sizes, st.sampled_from([0, 1]), st.booleans())
def test_what_was_permuted_is_restored(size: int, axis: int, repeat: bool) -> None:
    order, x = Order(axis, repeat, seed=size), images(size, axis)
    (permuted,) = order.permuted((x,))
    np.testing.assert_array_equal(order.restored(permuted), x)
    np.testing.assert_array_equal(
        order.restored(np.stack([permuted] * 2), axis=1), np.stack([x] * 2)
    )


@pytest.mark.parametrize(("size", "times"), [(1, 3), (2, 3), (3, 1)])
def test_a_small_batch_goes_in_three_times_where_the_loss_is_a_mean(size: int, times: int) -> None:
    assert len(Order(seed=0).permuted((images(size),))[0]) == size * times
    assert len(Order(repeat=False, seed=0).permuted((images(size),))[0]) == size


@given(sizes)
def test_images_and_labels_are_permuted_alike(size: int) -> None:
    labels = np.arange(size)
    x, t = Order(seed=1).permuted((images(size) + labels[:, None, None], labels))
    np.testing.assert_array_equal(x.astype(int)[:, 0, 0], t)


@given(sizes, st.sampled_from([(), (9,), (10, 3)]))
def test_what_has_no_entry_for_each_example_stays(size: int, shape: tuple[int, ...]) -> None:
    order, other = Order(seed=0), RNG.random(shape)
    kept = order.permuted((images(size), other))[1]
    np.testing.assert_array_equal(kept, other)
    if shape[:1] != (size * 3,):
        np.testing.assert_array_equal(order.restored(other), other)


def test_a_batch_has_the_order_that_it_has_among_all() -> None:
    batches = [(images(5),) for _ in range(4)]
    among_all = list(Order(seed=0).batches(batches))
    left = list(Order(seed=0).batches(batches, done=3))
    assert len(among_all) == 4
    assert len(left) == 1
    np.testing.assert_array_equal(left[0][0], among_all[3][0])


def test_outputs_layers_and_their_gradients_are_restored() -> None:
    """And of a layer that was called often each call."""
    order, x = Order(repeat=False, seed=0), images(5)
    (permuted,) = order.permuted((x,))
    often = np.stack([permuted, 2 * permuted])
    step = TrainingStep(
        number=1,
        output={"logits": permuted},
        loss=0.0,
        layers={"fc": permuted, "cell": often},
        layer_gradients={"fc": permuted, "cell": often},
        repeated={"cell"},
    )
    found: Any = {("forward", "logits"): permuted, ("step", "weight"): permuted}
    for phase in ("forward", "backward"):
        found |= {(phase, "fc.output"): permuted, (phase, "cell.output"): often}
    order.restore(found, step)
    np.testing.assert_array_equal(found.pop(("step", "weight")), permuted)
    for key, array in found.items():
        expected = np.stack([x, 2 * x]) if key[1] == "cell.output" else x
        np.testing.assert_array_equal(array, expected, str(key))
