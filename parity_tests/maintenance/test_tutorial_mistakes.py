"""Each mistake of the tutorials is what its name says, changes the result, and is documented."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray
from torch.nn import functional as torch_functional

from maintenance.pages import markdown_table
from maintenance.tutorial_mistakes import (
    HEADER,
    Finding,
    accuracy_of_first_batch,
    cells,
    divided_twice,
    mean_of_batch_means,
    mean_of_process_means,
    measure,
    softmax_first,
)
from parity.experiment.settings import Settings
from parity_tests import type_checks

PAGE = Path(__file__).parents[2] / "docs" / "tutorial-mistakes.md"


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    # The published settings of the tutorial: those for the digits hide what a mistake costs.
    with type_checks.off():
        return list(measure(Settings(dtype="float64", lr=0.01, batch_size=64, epochs=10)))


def of(found: list[Finding], mistake: str, figure: str) -> Finding:
    (finding,) = (f for f in found if mistake in f.mistake and f.figure.startswith(figure))
    return finding


@given(
    n=st.integers(3, 9),
    num_classes=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(["divided_twice", "softmax_first", "mean_of_process_means"]),
)
def test_the_wrong_gradients_are_those_of_the_wrong_losses(
    n: int, num_classes: int, seed: int, name: str
) -> None:
    rng = np.random.default_rng(seed)
    logits, target = rng.standard_normal((n, num_classes)), rng.integers(0, num_classes, n)
    input, labels = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(target)
    if name == "divided_twice":
        loss, mine = (
            torch_functional.cross_entropy(input, labels) / n,
            divided_twice(logits, target),
        )
    elif name == "mean_of_process_means":
        both = zip(input.tensor_split(3), labels.tensor_split(3), strict=True)
        loss = torch.stack([torch_functional.cross_entropy(*share) for share in both]).mean()
        mine = mean_of_process_means(logits, target)
    else:
        loss = torch_functional.cross_entropy(input.softmax(dim=1), labels)
        mine = softmax_first(logits, target)
    (theirs,) = torch.autograd.grad(loss, input)
    np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=1e-14)


def test_the_early_return_sees_the_first_500_only() -> None:
    labels = np.zeros(1200, np.int64)
    logits = np.zeros((1200, 3))
    logits[:400, 0] = 1  # right
    logits[400:, 1] = 1
    assert accuracy_of_first_batch(logits, labels) == 0.8
    assert float((logits.argmax(axis=1) == labels).mean()) == 1 / 3


losses = st.builds(
    lambda n, seed: np.random.default_rng(seed).uniform(0.5, 2, n),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)


@given(losses=losses, batch_size=st.integers(1, 60))
def test_the_average_of_averages_weighs_the_last_batch_as_a_full_one(
    losses: ndarray, batch_size: int
) -> None:
    wrong, last = mean_of_batch_means(losses, batch_size), len(losses) % batch_size
    full = losses[: len(losses) - last].reshape(-1, batch_size)
    if last == 0:
        assert wrong == pytest.approx(losses.mean(), rel=1e-12)
    else:
        means = [*full.mean(axis=1), losses[-last:].mean()]
        assert wrong == pytest.approx(np.mean(means), rel=1e-12)


def test_dividing_twice_hardly_trains(found: list[Finding]) -> None:
    finding = of(found, "divided", "validation accuracy")
    assert finding.right > 0.85
    assert finding.wrong < 0.30
    printed = of(found, "divided", "training loss")
    assert printed.wrong == pytest.approx(printed.right / 64)
    assert 2 < printed.right < 3  # ln 10 = 2.30


def test_the_early_return_changes_the_training_accuracy_but_not_the_validation_accuracy(
    found: list[Finding],
) -> None:
    assert of(found, "return", "training").right != of(found, "return", "training").wrong
    validation = of(found, "return", "validation")  # fewer than 500 images
    assert validation.right == validation.wrong


def test_softmax_first_bounds_the_loss_and_slows_training(found: list[Finding]) -> None:
    assert 1.4611 < of(found, "softmax", "validation loss that is printed").wrong < 2.4612
    finding = of(found, "softmax", "validation accuracy")
    assert finding.wrong < finding.right - 0.3


def test_averaging_averages_changes_the_figure_a_little(found: list[Finding]) -> None:
    for figure in ("validation loss", "validation accuracy"):
        finding = of(found, "averaged", figure)
        assert 0 < abs(finding.right - finding.wrong) < 0.01


def test_dropping_a_batch_costs_more_the_larger_the_batch(found: list[Finding]) -> None:
    small, large = (of(found, f"batch size {size}", "validation loss") for size in ("64", "1024"))
    assert 0 < small.wrong - small.right < large.wrong - large.right
    assert of(found, "batch size 64", "training images").wrong == 1132 // 64 * 64


def test_unequal_shares_change_the_gradient_more_the_smaller_the_batch(
    found: list[Finding],
) -> None:
    small, large = (of(found, f"batch {shares}", "error") for shares in ("4 = 2", "64 = 22"))
    assert 0.001 < large.wrong < small.wrong
    assert small.right == large.right == 0


def test_the_page_has_every_mistake_and_figure(found: list[Finding]) -> None:
    """The figures of the page are MNIST's; here are its rows, and in order."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    page = [(row[1].strip(), row[2].strip().split(",")[0]) for row in rows[2:]]
    assert page == [(mistake, figure.split(",")[0]) for mistake, figure, *_ in cells(found)]


@pytest.mark.mnist
def test_the_page_holds_what_is_measured(mnist_root: Path, unchecked: None) -> None:
    settings = Settings(data="mnist", data_root=mnist_root, dtype="float64")
    assert markdown_table(HEADER, cells(list(measure(settings)))) in PAGE.read_text()
