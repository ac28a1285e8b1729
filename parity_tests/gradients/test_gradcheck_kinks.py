"""The gradient checker at kinks, where f has two slopes and none of them is wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from numpy_impl import functional as F
from parity.gradients.gradcheck import BLOCK, ENOUGH, gradcheck
from parity_tests.gradients.test_gradcheck import normal, off_at, seeds

AT_KINK = np.array([[1.0, 0.0, -1.0, 2.0], [-2.0, 3.0, 0.0, -0.5]])


@pytest.mark.parametrize("convention", [0.0, 0.5, 1.0])
def test_at_a_kink_any_convention_will_do(convention: float) -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        return g * np.where(x == 0, convention, x > 0)

    result = gradcheck(F.relu, backward, [AT_KINK], mirror=torch.relu)
    assert result.ok
    assert result.inputs[0].verdict == "kink"
    assert {element.index for element in result.inputs[0].elements} == {(0, 1), (1, 2)}
    assert "at a kink" in result.inputs[0].message


@pytest.mark.parametrize("slope", [-0.1, 1.1])
def test_at_a_kink_not_everything_will_do(slope: float) -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        return g * np.where(x == 0, slope, x > 0)

    upstream = np.full(AT_KINK.shape, 2.0)
    result = gradcheck(F.relu, backward, [AT_KINK], grad_output=upstream)
    assert result.inputs[0].verdict == "fail"
    worst = result.inputs[0].elements[0]  # what is expected is the nearer one of its two slopes
    assert worst.index in {(0, 1), (1, 2)}
    assert worst.expected == pytest.approx(2.0 if slope > 1 else 0.0, abs=1e-7)
    assert worst.error == pytest.approx(0.2, abs=1e-7)
    assert worst.tolerance < 1e-7


def test_a_mistake_beside_a_kink_is_named() -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        return off_at((1, 1))(F.relu_backward(g, F.relu(x)))

    result = gradcheck(F.relu, backward, [AT_KINK])
    assert not result.ok
    assert result.inputs[0].message.startswith("input[1, 1] = ")


def test_smaller_steps_stay_clear_of_a_kink() -> None:
    x = np.array([1.0, 1e-6, -1e-6])  # the first step, 6e-6, is too long
    result = gradcheck(F.relu, lambda g, x: F.relu_backward(g, F.relu(x)), [x])
    assert result.inputs[0].verdict == "pass"


def test_kinks_everywhere() -> None:
    result = gradcheck(F.relu, lambda g, x: F.relu_backward(g, F.relu(x)), [np.zeros((3, 4))])
    assert result.inputs[0].verdict == "kink"
    assert len(result.inputs[0].elements) == 12


@given(seeds, st.floats(1e-9, 1e-4))
def test_near_a_kink_there_is_no_alarm(seed: int, distance: float) -> None:
    x = normal(seed, 3, 4)
    x[1, 2], x[2, 0] = distance, -distance
    result = gradcheck(F.relu, lambda g, x: F.relu_backward(g, F.relu(x)), [x])
    assert result.ok, str(result)


@given(seeds, st.sampled_from([1.0, 1.2]))
def test_kinks_that_hide_each_other_make_no_alarm(seed: int, factor: float) -> None:
    """One step's points may see too little of them; a shorter step has fewer."""
    rng = np.random.default_rng(seed)
    at, bends = rng.uniform(-2e-5, 2e-5, 20), rng.normal(0, 0.02, 20)
    slope = 1 + bends[at < 0].sum()
    result = gradcheck(
        lambda x: x + np.sum(bends * np.maximum(x - at, 0)),
        lambda g, x: factor * slope * g,
        [np.array(0.0)],
        visible=0.1,
    )
    assert result.ok is (factor == 1)


@pytest.mark.parametrize("error", [1e-8, 1e-6])
def test_a_shorter_step_excuses_no_error_that_a_longer_one_saw(error: float) -> None:
    """It has more rounding, which might hide the error."""
    (check,) = gradcheck(np.sin, lambda g, x: (1 + error) * g * np.cos(x), [np.array(0.5)]).inputs
    assert check.verdict == "fail"


def test_a_large_tensor_with_kinks_and_one_mistake() -> None:
    x = normal(0, 20_000)
    x[[5, 7_000, 19_999]] = 0
    x[42] = 1.5
    right = gradcheck(F.relu, lambda g, x: F.relu_backward(g, F.relu(x)), [x])
    wrong = gradcheck(F.relu, lambda g, x: off_at((42,))(F.relu_backward(g, F.relu(x))), [x])
    assert right.inputs[0].verdict == "kink"
    assert {element.index for element in right.inputs[0].elements} == {(5,), (7_000,), (19_999,)}
    assert wrong.inputs[0].elements[0].index == (42,)
    assert not wrong.ok


def test_a_kink_is_told_with_its_element() -> None:
    x = np.array([1.0, 0.0, -2.0])
    result = gradcheck(F.relu, lambda g, x: g * (x > 0), [x], names=["z"], grad_output=np.ones(3))
    assert result.inputs[0].message == (
        "z[1] = 0.0 is at a kink, where another convention would differ; at a kink: 1 of 3 "
        "elements looked at, and none is wrong"
    )


def test_the_first_kink_is_told_and_how_many_there_are() -> None:
    result = gradcheck(F.relu, lambda g, x: F.relu_backward(g, F.relu(x)), [np.zeros(5)])
    assert "; at a kink: 5 of 5 elements looked at" in result.inputs[0].message


def test_autograd_has_its_own_convention_at_a_kink() -> None:
    """Also where both say that the gradient is zero, and nothing else is left to compare."""
    result = gradcheck(F.relu, lambda g, x: 0 * g, [np.zeros(3)], mirror=torch.relu)
    assert result.inputs[0].verdict == "kink"
    assert result.inputs[0].torch_error == 0


def test_what_bends_by_little_is_no_kink() -> None:
    """The last element's wave is short, and rounding hides it; but it hardly moves the output."""

    def f(x: ndarray) -> ndarray:
        return np.array([*F.relu(x[:-1]), 1 + 1e-9 * np.sin(1e5 * x[-1])])

    def backward(g: ndarray, x: ndarray) -> ndarray:
        return g * np.array([*(x[:-1] > 0), 1e-4 * np.cos(1e5 * x[-1])])

    (check,) = gradcheck(f, backward, [np.array([1.0, 0.0, 2.0, 0.0])]).inputs
    assert [element.index for element in check.elements] == [(1,)]


def test_more_kinks_than_mistakes_are_looked_at() -> None:
    """For a mistake among them would still have to be found."""
    size = ENOUGH + BLOCK
    (check,) = gradcheck(F.relu, lambda g, x: g * (x > 0), [np.zeros(size)]).inputs
    assert f"at a kink: {size} of {size} elements looked at" in check.message
