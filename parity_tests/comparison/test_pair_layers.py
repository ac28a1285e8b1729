"""What the two programs of a pair show: layers, outputs, buffers; and which of them is wrong."""

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

import parity
from numpy_impl import functional as F
from parity.backends import TorchBackend
from parity.comparison.compare import lockstep_of
from parity.comparison.lockstep import aligned
from parity.errors import BadCaseError
from parity.experiment.prepare import Experiment
from parity_tests.experiments import small

RNG = np.random.default_rng(0)
BATCHES = [(RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))) for _ in range(3)]


class Net:
    """tanh(x Wᵀ + b), trained by hand; `shown` is what its step returns beside loss and gradients.

    `scale` is what the layer's output, as it is shown, is off by; `slope` what the gradient is.
    """

    def __init__(
        self,
        shown: tuple[str, ...],
        dtype: str = "float64",
        scale: float = 1.0,
        slope: float = 1.0,
    ) -> None:
        self.params = {"fc.weight": np.ones((3, 4), dtype), "fc.bias": np.ones(3, dtype)}
        self.shown, self.scale, self.slope = shown, scale, slope

    def step(self, x: ndarray, t: ndarray) -> dict[str, Any]:
        z = F.linear(x, *self.params.values())
        y = np.tanh(z)
        dy = self.slope * 2 * (y - t) / y.size
        dz = F.tanh_backward(dy, y)
        grads = {"fc.weight": dz.T @ x, "fc.bias": dz.sum(0)}
        for name, grad in grads.items():
            self.params[name] -= 0.1 * grad
        found = {
            "output": y,
            "layers": {"fc": self.scale * z, "act": y},
            "layer_gradients": {"fc": dz, "act": dy},
        }
        return {
            "loss": ((y - t) ** 2).mean(),
            "gradients": grads,
            **{name: found[name] for name in self.shown},
        }

    def program(self) -> parity.NumpyProgram:
        return parity.NumpyProgram(self.step, self.params)


def net(*more: nn.Module) -> Any:
    layers = OrderedDict(fc=nn.Linear(4, 3), act=nn.Tanh())
    layers |= {f"more{number}": module for number, module in enumerate(more)}
    model = nn.Sequential(layers)
    return parity.TorchProgram(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1))


ALL = ("output", "layers", "layer_gradients")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_and_their_gradients_are_compared_at_every_step(dtype: str) -> None:
    result = parity.compare(Net(ALL, dtype).program(), net(), BATCHES)
    result.assert_parity()
    for step in result.steps:
        found = set(step.used_by_tensor)
        for layer in ("fc", "act"):
            assert {("forward", f"{layer}.output"), ("backward", f"{layer}.output")} <= found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_layer_is_named(dtype: str) -> None:
    found = parity.compare(Net(ALL, dtype, scale=1.01).program(), net(), BATCHES).first_divergence
    assert found is not None
    assert (found.step, found.phase, found.tensor) == (1, "forward", "fc.output")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_wrong_gradients_the_one_computed_first_is_named(dtype: str) -> None:
    """The backward begins with the last layer."""
    found = parity.compare(Net(ALL, dtype, slope=1.01).program(), net(), BATCHES).first_divergence
    assert found is not None
    assert (found.phase, found.tensor) == ("backward", "act.output")


def test_a_program_may_show_no_output() -> None:
    result = parity.compare(Net(()).program(), net(), BATCHES)
    result.assert_parity()
    assert {phase for phase, _ in result.steps[0].used_by_tensor} == {"loss", "backward", "step"}


class Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, 2 * x


def test_another_number_of_outputs_is_a_bad_case() -> None:
    model = nn.Sequential(OrderedDict(fc=nn.Linear(4, 3), act=nn.Tanh(), twice=Twice()))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    theirs = parity.TorchProgram(model, lambda y, t: nn.functional.mse_loss(y[0], t), sgd)
    message = "the NumPy program has 1 outputs, PyTorch has 2"
    with pytest.raises(BadCaseError, match=message):
        parity.compare(Net(("output",)).program(), theirs, BATCHES)


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_numpy_need_not_keep_pytorchs_buffers() -> None:
    parity.compare(Net(ALL).program(), net(Counter()), BATCHES).assert_parity()


# --- PyTorch's program under test as well ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_itself_may_be_what_is_wrong(dtype: Any) -> None:
    """The same program in one process is the truth: here the gradients of two are not averaged."""

    def program(experiment: Experiment) -> TorchBackend:
        return TorchBackend(experiment.recipe, dtype, experiment.settings.seed)

    lockstep = lockstep_of(small("logistic", dtype=dtype), program=program)[1]
    lockstep.torch.model.get_parameter("fc.weight").register_hook(lambda grad: 2 * grad)
    found = next(lockstep.steps()).divergence
    assert found is not None
    assert (found.step, found.phase, found.tensor) == (1, "backward", "fc.weight")
    assert found.numpy == pytest.approx(found.truth, rel=1e-5)
    assert found.torch == pytest.approx(2 * found.truth, rel=1e-5)


# --- the tensors of one program under the names of the other -------------------------------------

A, B = np.zeros((2, 3)), np.ones((2, 3))
LOSS, WEIGHT = ("loss", "loss"), ("backward", "fc.weight")


def test_an_output_has_no_name_of_its_own() -> None:
    found = aligned({("forward", "y"): A, LOSS: B}, {("forward", "output"): B, LOSS: B}, set())
    assert found["forward", "output"] is A
    assert found[LOSS] is B


def test_the_output_of_a_layer_has_one() -> None:
    layer = ("forward", "fc.output")
    found = aligned({layer: A, ("forward", "y"): B}, {layer: A, ("forward", "output"): A}, set())
    assert found[layer] is A
    assert found["forward", "output"] is B


@pytest.mark.parametrize("phase", ["backward", "step"])
def test_what_numpy_has_beside_others_has_to_be_whole(phase: str) -> None:
    torch = {(phase, "fc.weight"): A, (phase, "fc.bias"): B}
    with pytest.raises(BadCaseError, match=f"^{phase}: the NumPy program has no fc.bias$"):
        aligned({(phase, "fc.weight"): A}, torch, set())
    assert aligned({(phase, "fc.weight"): A}, torch, {(phase, "fc.bias")}) == {
        (phase, "fc.weight"): A
    }
    assert aligned({LOSS: A}, torch, set()) == {LOSS: A}  # all of them are its own affair


def test_the_output_of_a_layer_is_none_of_the_program() -> None:
    found = aligned(
        {("forward", "fc.output"): A, ("forward", "y"): B}, {("forward", "y"): A}, set()
    )
    assert found["forward", "y"] is B


def test_the_gradient_of_a_layer_s_output_may_be_missing() -> None:
    torch = {WEIGHT: A, ("backward", "fc.output"): A, ("forward", "act.output"): A}
    assert aligned({WEIGHT: B}, torch, set()) == {WEIGHT: B}


def test_a_tensor_of_another_shape_is_a_bad_case() -> None:
    message = r"^backward: fc.weight has shape \(3, 2\) in NumPy and \(2, 3\) in PyTorch$"
    with pytest.raises(BadCaseError, match=message):
        aligned({WEIGHT: A.T}, {WEIGHT: A}, set())
