"""What is computed only once, or only if it is needed. It changes the speed, but no result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numpy_impl import functional as F
from numpy_impl import nn
from numpy_impl.fast import filled, gather, identity
from numpy_impl.plan import Plan


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str, *modules: Any) -> list[str]:
    """A list that grows by `name` whenever one of the modules calls its function of that name."""
    calls: list[str] = []
    function: Callable[..., Any] = getattr(modules[0], name)

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(name)
        return function(*args, **options)

    for module in modules:
        monkeypatch.setattr(module, name, counted)
    return calls


def test_images_are_unfolded_once_for_forward_and_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(monkeypatch, "unfold", Plan)
    layer = nn.Conv2d(1, 2, 3)
    layer.backward(layer(np.ones((4, 1, 5, 6), np.float32)))
    assert calls == ["unfold"]


def test_the_loss_takes_its_exponentials_once_for_forward_and_backward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = count_calls(monkeypatch, "entropy", F)
    criterion = nn.CrossEntropyLoss()
    criterion(np.ones((2, 3)), np.array([0, 2]))
    criterion.backward()
    assert calls == ["entropy"]


def test_a_batch_is_gathered_into_the_memory_of_the_one_before() -> None:
    """Until one is longer."""
    images, labels = np.arange(12.0).reshape(6, 2), np.arange(6)
    batches = [np.array(indices) for indices in ([0, 1], [5, 3], [4], [1, 2, 3])]
    first, second, third, fourth = (
        input for batch in gather(images, labels, batches) for input, _, _ in batch
    )
    assert np.shares_memory(first, second)
    assert np.shares_memory(first, third)
    assert not np.shares_memory(first, fourth)


@pytest.mark.parametrize(
    ("size", "lengths"), [(None, [5]), (5, [5]), (9, [5]), (2, [2, 2, 1]), (1, [1] * 5)]
)
def test_a_batch_comes_in_portions(size: int | None, lengths: list[int]) -> None:
    images, labels, indices = np.arange(12.0).reshape(6, 2), np.arange(6), np.array([4, 1, 0, 5, 5])
    for batch in gather(images, labels, [indices, indices[:0], indices], size):
        portions = [(input.copy(), target, share) for input, target, share in batch]
        if not portions[0][2]:  # an empty batch is an empty portion
            continue
        inputs, targets, shares = zip(*portions, strict=True)
        assert [len(target) for target in targets] == lengths
        np.testing.assert_array_equal(np.concatenate(inputs), images[indices])
        np.testing.assert_array_equal(np.concatenate(targets), indices)
        assert shares == tuple(length / 5 for length in lengths)


def test_gathering_writes_into_no_image() -> None:
    images, labels = np.arange(12.0).reshape(6, 2), np.arange(6)
    before = images.copy()
    for batch in gather(images, labels, [np.array([3]), np.array([5])]):
        for input, target, _ in batch:
            np.testing.assert_array_equal(input, before[target])
    np.testing.assert_array_equal(images, before)


def test_only_the_gradients_that_are_needed_are_computed() -> None:
    grad_output, input, weight = np.ones((3, 2)), np.ones((3, 5)), np.ones((2, 5))
    grads = F.linear_backward(grad_output, input, weight, (False, True, False))
    assert [grad is None for grad in grads] == [True, False, True]


def test_a_layer_whose_weights_have_another_dtype_has_another_plan() -> None:
    layer = nn.Conv2d(1, 2, 3)
    images = np.random.default_rng(0).random((4, 1, 5, 6))
    single = layer(images.astype(np.float32))
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    double = layer(images)
    assert str(single.dtype) == "float32"
    assert str(double.dtype) == "float64"
    assert 0 < np.abs(double - single).max() < 1e-6


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_array_has_no_plan() -> None:
    layer: Any = nn.Conv2d(1, 2, 3)
    with pytest.raises(TypeError, match="conv2d: input is a list, expected a NumPy array"):
        layer([[[[1.0] * 5] * 5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_in_blocks_keeps_the_dtype(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    input, weight = rng.random((2000, 784)).astype(dtype), rng.random((10, 784)).astype(dtype)
    output = F.linear(input, weight)
    assert output.dtype == dtype
    np.testing.assert_allclose(output, input @ weight.T, rtol=1e-5)


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False,) * 3])
def test_gradients_that_are_not_wanted_are_left_out(wanted: tuple[bool, bool, bool]) -> None:
    grads = F.linear_backward(np.ones((4, 3)), np.ones((4, 2)), np.ones((3, 2)), wanted)
    assert tuple(grad is not None for grad in grads) == wanted


def test_what_is_kept_for_all_cannot_be_changed() -> None:
    for kept in (identity(7, np.dtype("float64")), filled(7, 3.0, np.dtype("float64"))):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 2
