"""Batch normalization and dropout: images, and what is refused."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from numpy_impl import functional
from parity_tests.assertions import assert_close
from torch_impl import functional as torch_functional

F: Any = functional  # mypy counts what a star stands for as more than it is
T: Any = torch_functional
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(2, 3, (4, 3, 5, 2))
FEATURES: Any = [RNG.normal(size=3), RNG.uniform(0.5, 2, 3), RNG.normal(size=3), RNG.normal(size=3)]


@pytest.mark.parametrize("training", [False, True])
def test_images_are_normalized_by_channel(training: bool) -> None:
    tensors = map(torch.from_numpy, (IMAGES, *FEATURES))
    theirs = T.batch_norm(*tensors, training)
    for name, ours, other in zip(
        ("output", "running_mean", "running_var"),
        F.batch_norm(IMAGES, *FEATURES, training),
        theirs,
        strict=True,
    ):
        assert_close(name, ours, other.numpy())


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_images(training: bool) -> None:
    mean, var, weight, _ = FEATURES
    arrays = RNG.normal(size=IMAGES.shape), IMAGES, weight, mean, var
    tensors = map(torch.from_numpy, arrays)
    theirs = T.batch_norm_backward(*tensors, training)
    ours = F.batch_norm_backward(*arrays, training)
    for name, grad, other in zip(("input", "weight", "bias"), ours, theirs, strict=True):
        assert_close(f"gradient of {name}", grad, other.numpy())


def test_two_numbers_of_a_channel_have_a_variance() -> None:
    theirs = T.batch_norm(*map(torch.from_numpy, (IMAGES[:2, :, 0, 0], *FEATURES)), True)
    ours = F.batch_norm(IMAGES[:2, :, 0, 0], *FEATURES, True)
    for name, array, other in zip(("output", "mean", "var"), ours, theirs, strict=True):
        assert_close(name, array, other.numpy())


@pytest.mark.usefixtures("unchecked")
def test_one_number_of_a_channel_has_no_variance() -> None:
    words = "batch_norm: input has shape (1, 3), expected at least two numbers of each channel"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        F.batch_norm(np.zeros((1, 3)), *FEATURES, training=True)
    F.batch_norm(np.zeros((1, 3)), *FEATURES, training=False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", [F.dropout, F.dropout_backward])
def test_something_has_to_be_left_by_dropout(function: object) -> None:
    with pytest.raises(ValueError, match=r"p is 1.0, expected a number in \[0, 1\)$"):
        function(np.zeros(3), np.ones(3), p=1.0)  # type: ignore[operator]
