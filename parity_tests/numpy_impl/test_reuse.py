"""What is computed once, and what lies where in memory: it changes the speed, and no number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_impl.convolution
from numpy_impl import functional as F
from numpy_impl import nn
from numpy_impl.training import gather


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
    calls = count_calls(monkeypatch, "unfold", numpy_impl.convolution, nn)
    layer = nn.Conv2d(1, 2, 3)
    layer.backward(layer(np.ones((4, 1, 5, 6), np.float32)))
    assert calls == ["unfold"]


def test_the_loss_takes_its_logarithms_once_for_forward_and_backward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = count_calls(monkeypatch, "log_softmax", F)
    criterion = nn.CrossEntropyLoss()
    criterion(np.ones((2, 3)), np.array([0, 2]))
    criterion.backward()
    assert calls == ["log_softmax"]


def test_a_batch_is_gathered_into_the_memory_of_the_last() -> None:
    """Until one has another length, as the last of an epoch may have."""
    images, labels = np.arange(12.0).reshape(6, 2), np.arange(6)
    batches = [np.array(indices) for indices in ([0, 1], [5, 3], [4])]
    first, second, third = (input for input, _ in gather(images, labels, batches))
    assert first is second
    assert second is not third


@pytest.mark.parametrize(
    ("n", "out_features", "in_features", "sizes"),
    [
        (100, 100, 100, [100]),  # 10⁶ multiplications
        (101, 100, 100, [96, 5]),
        (192, 100, 100, [96, 96]),
        (1200, 1, 1000, [992, 208]),
        (65, 125, 125, [64, 1]),  # a portion is 64 rows at least
        (65, 125, 126, [65]),
        (10, 0, 5, [10]),
        (1_000_001, 1, 1, [1_000_000, 1]),
    ],
)
def test_few_outputs_are_multiplied_in_portions(
    n: int, out_features: int, in_features: int, sizes: list[int]
) -> None:
    """Of up to a million multiplications, in multiples of 32 rows."""
    input, weight = np.ones((n, in_features)), np.ones((out_features, in_features))
    portions = [len(input[rows]) for rows in F.blocks(input, weight)]
    assert portions == sizes


@pytest.mark.parametrize(("out_features", "transposed"), [(32, False), (33, True)])
def test_the_weights_of_wide_layers_lie_as_in_out(out_features: int, transposed: bool) -> None:
    """Their gradients, too, or the update would go across the rows."""
    layer = nn.Linear(5, out_features)
    layer.backward(layer(np.ones((3, 5), np.float32)))
    assert layer.weight.grad is not None
    for array in (layer.weight.data, layer.weight.grad):
        assert (array.T if transposed else array).flags.c_contiguous


def test_only_the_wanted_gradients_are_computed() -> None:
    grad_output, input, weight = np.ones((3, 2)), np.ones((3, 5)), np.ones((2, 5))
    grads = F.linear_backward(grad_output, input, weight, (False, True, False))
    assert [grad is None for grad in grads] == [True, False, True]
    images, kernel = np.ones((3, 2, 4, 4)), np.ones((5, 2, 3, 3))
    grads = F.conv2d_backward(
        np.ones((3, 5, 2, 2)), images, kernel, output_mask=(False, False, True)
    )
    assert [grad is None for grad in grads] == [True, True, False]
