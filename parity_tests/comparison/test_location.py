"""Where a mistake lies: what is told from which tensors of a step are right."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

import parity
from parity.comparison.location import Location, locate_mistake
from parity.comparison.pair_result import PairResult
from parity.comparison.steps import Divergence, Key

RNG = np.random.default_rng(0)
ORDER = ("fc3.bias", "fc3.weight", "fc2.bias", "fc2.weight", "fc1.bias", "fc1.weight")
TRUTH = {("backward", name): RNG.normal(size=(3, 4)) for name in ORDER}


def located(mine: dict[Key, ndarray]) -> Location:
    """The location for these gradients of NumPy's beside the truth."""
    used = {key: float(not np.allclose(mine[key], TRUTH[key], rtol=1e-9)) * 2 for key in TRUTH}
    phase, tensor = next(key for key in used if used[key])
    divergence = Divergence(1, phase, tensor, (0, 0), 1.0, 2.0, 2.0, 0.0)
    return locate_mistake(divergence, used, {"numpy": mine, "torch": TRUTH})


def test_all_gradients_off_by_one_factor_are_told() -> None:
    """Such as a loss that is summed and not averaged."""
    found = located({key: 32 * array for key, array in TRUTH.items()})
    assert found.sentence.startswith("All gradients are 32 times PyTorch's: look at the gradient")
    assert found.layer == "fc3"


@pytest.mark.parametrize("factor", [1.0, 0.8, -1.5])
def test_one_wrong_gradient_is_found_through_clipping(factor: float) -> None:
    """The norm of all is another, and makes all wrong."""
    wrong = {("backward", "fc1.bias"), ("backward", "fc1.weight")}
    mine = {
        key: factor * (array + RNG.normal(size=(3, 4)) if key in wrong else array)
        for key, array in TRUTH.items()
    }
    found = located(mine)
    assert (found.layer, found.after) == ("fc1", "fc2")
    assert "right back to fc2 and wrong at fc1" in found.sentence
    assert ("as after clipping" in found.sentence) == (factor != 1)
    assert (f"4 gradients are {factor:.9g} times" in found.sentence) == (factor != 1)


def test_gradients_that_are_wrong_each_in_its_own_way_have_no_factor_in_common() -> None:
    found = located({key: (k + 2) * array for k, (key, array) in enumerate(TRUTH.items())})
    assert "right back to the loss and wrong at fc3" in found.sentence


def test_with_one_right_gradient_no_factor_is_told() -> None:
    mine = {key: 2 * array for key, array in TRUTH.items()}
    first = next(iter(mine))
    found = located({**mine, first: TRUTH[first]})
    assert found.sentence.startswith("fc3.bias is right, so what reaches")
    assert "times PyTorch" not in found.sentence


def test_a_running_mean_is_no_matter_of_the_optimizer() -> None:
    used = {("backward", "fc.weight"): 0.1, ("step", "fc.weight"): 0.1, ("step", "bn.mean"): 2.0}
    found = locate_mistake(Divergence(1, "step", "bn.mean", (0,), 1.0, 2.0, 2.0, 0.0), used)
    assert "bn.mean, which has none, is wrong after it" in found.sentence
    used[("step", "fc.weight")] = 2.0
    found = locate_mistake(Divergence(1, "step", "fc.weight", (0,), 1.0, 2.0, 2.0, 0.0), used)
    assert "look at the optimizer" in found.sentence


def test_a_square_weight_that_is_transposed_is_asked_about() -> None:
    """Its shape does not say how it lies."""
    params = {"W": np.zeros((3, 3)), "b": np.zeros(3)}

    def step(x: ndarray, t: ndarray) -> tuple[ndarray, float, dict[str, ndarray]]:
        y = x @ params["W"] + params["b"]
        dy = 2 * (y - t) / y.size
        grads = {"W": x.T @ dy, "b": dy.sum(0)}
        for name, grad in grads.items():
            params[name] -= 0.1 * grad
        return y, ((y - t) ** 2).mean(), grads

    def run(names: Any = None) -> PairResult:
        net = nn.Linear(3, 3)
        sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        batches = [(RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))) for _ in range(2)]
        return parity.compare((step, params), (net, nn.MSELoss(), sgd), batches, names=names)

    assert "say names={'weight': ('W', 'T')}" in str(run())
    result = run(names={"weight": ("W", "T")})
    result.assert_parity()
    assert result.notes == []


def test_a_factor_of_each_layer_is_no_clipping() -> None:
    """Such as 1/N in every layer's backward."""
    factors = dict(zip(ORDER, (2, 2, 4, 4, 8, 8), strict=True))
    found = located({(phase, n): factors[n] * it for (phase, n), it in TRUTH.items()})
    assert "times PyTorch" not in found.sentence
    assert found.layer == "fc3"


@pytest.mark.parametrize("off", [1e-8, 1e-6, 1e-4])
def test_a_factor_of_about_1_is_none(off: float) -> None:
    """A small mistake of another kind makes such factors."""
    found = located({key: (1 + off) * array for key, array in TRUTH.items()})
    assert "times PyTorch" not in found.sentence


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_that_are_not_finite_have_no_factor_and_no_warning(bad: float) -> None:
    found = located({key: np.full_like(array, bad) for key, array in TRUTH.items()})
    assert "times PyTorch" not in found.sentence
    assert found.layer == "fc3"


def test_a_gradient_of_zero_is_not_what_is_wrong() -> None:
    mine = {key: 7 * array for key, array in TRUTH.items()}
    zero = ("backward", "fc2.bias")
    used = {key: 0.0 if key == zero else 2.0 for key in TRUTH}
    tensors = {"numpy": {**mine, zero: 0 * mine[zero]}, "torch": {**TRUTH, zero: 0 * TRUTH[zero]}}
    divergence = Divergence(1, "backward", "fc3.bias", (0, 0), 1.0, 2.0, 2.0, 0.0)
    found = locate_mistake(divergence, used, tensors)
    assert found.sentence.startswith("All gradients are 7 times PyTorch's")
