"""The optimizers against `torch.optim`, step by step."""

import copy
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from numpy_impl import functional as F
from numpy_impl import nn, optim
from parity_tests.assertions import assert_close, error

STEPS = 6
SHAPES = [(4, 3), (5,), (2, 3, 2, 2)]

SGD_OPTIONS = [
    {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n}
    for m, d, w, n in product((0.0, 0.9), (0.0, 0.3), (0.0, 0.2), (False, True))
    if not n or (m > 0 and d == 0)
]
ADAM_OPTIONS = [
    {"lr": 0.1, "betas": betas, "eps": eps, "weight_decay": w}
    for betas, eps, w in product([(0.9, 0.999), (0.0, 0.5)], [1e-8, 1e-2], [0.0, 0.2])
]
CASES = [("SGD", options) for options in SGD_OPTIONS] + [("Adam", o) for o in ADAM_OPTIONS]


def draw(seed: int) -> list[ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in SHAPES]


def ids(case: Any) -> str:
    return case if isinstance(case, str) else ",".join(f"{k}={v}" for k, v in case.items())


@pytest.mark.parametrize(("name", "options"), CASES, ids=ids)
def test_every_step_agrees_with_pytorch(name: str, options: dict[str, Any]) -> None:
    """Random gradients; the second parameter has none at step 2, as an unused layer has."""
    ours = [nn.Parameter(array) for array in draw(0)]
    theirs = [torch.nn.Parameter(torch.from_numpy(array)) for array in draw(0)]
    optimizer = getattr(optim, name)(ours, **options)
    torch_optimizer = getattr(torch.optim, name)(theirs, **options)
    for step in range(1, STEPS + 1):
        for parameter, other, grad in zip(ours, theirs, draw(step), strict=True):
            unused = step == 2 and grad.shape == SHAPES[1]
            parameter.grad = None if unused else grad
            other.grad = None if unused else torch.from_numpy(grad.copy())
        optimizer.step()
        torch_optimizer.step()
        for index, (parameter, other) in enumerate(zip(ours, theirs, strict=True)):
            name = f"step {step}, parameter {index}"
            assert_close(name, parameter.data, other.detach().numpy())


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {})]
)
def test_defaults_are_those_of_pytorch(name: str, options: dict[str, Any]) -> None:
    ours, theirs = nn.Parameter(draw(0)[0]), torch.nn.Parameter(torch.from_numpy(draw(0)[0]))
    optimizer = getattr(optim, name)([ours], **options)
    torch_optimizer = getattr(torch.optim, name)([theirs], **options)
    for step in range(1, STEPS + 1):
        ours.grad = 1e-7 * draw(step)[0]  # small enough that Adam's eps counts
        theirs.grad = torch.from_numpy(ours.grad.copy())
        optimizer.step()
        torch_optimizer.step()
        assert_close(f"step {step}", ours.data, theirs.detach().numpy())


@pytest.mark.parametrize(("name", "options"), CASES, ids=ids)
def test_steps_are_in_place_and_leave_the_gradients_alone(
    name: str, options: dict[str, Any]
) -> None:
    parameters = [nn.Parameter(array.astype(np.float32)) for array in draw(0)]
    optimizer = getattr(optim, name)(iter(parameters), **options)
    homes = [parameter.data for parameter in parameters]
    for step in (1, 2, 3):
        grads = [array.astype(np.float32) for array in draw(step)]
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = grad.copy()
        optimizer.step()
        for parameter, home, grad in zip(parameters, homes, grads, strict=True):
            assert parameter.data is home
            assert parameter.data.dtype == np.float32
            np.testing.assert_array_equal(parameter.grad, grad)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in parameters)


@pytest.mark.usefixtures("unchecked")  # inside, NumPy's formulas have scalars
@pytest.mark.parametrize(("name", "options"), CASES, ids=ids)
def test_a_parameter_may_have_no_dimensions(name: str, options: dict[str, Any]) -> None:
    ours, theirs = nn.Parameter(np.array(0.5)), torch.nn.Parameter(torch.tensor(0.5).double())
    optimizer = getattr(optim, name)([ours], **options)
    torch_optimizer = getattr(torch.optim, name)([theirs], **options)
    home = ours.data
    for step in range(1, STEPS + 1):
        ours.accumulate(np.array(0.5 * step))
        ours.accumulate(np.array(-2.0))
        theirs.grad = torch.tensor(0.5 * step - 2).double()
        optimizer.step()
        torch_optimizer.step()
        assert type(ours.grad) is ndarray
        assert ours.data is home
        assert_close(f"step {step}", ours.data, theirs.detach().numpy())
        optimizer.zero_grad()


# --- L2 as a term of the loss, and weight decay --------------------------------------------------


def run(name: str, weight_decay: float, l2: float, decoupled: float = 0.0) -> ndarray:
    """A parameter after some steps: `l2` is added to the gradient, `decoupled` shrinks p itself."""
    parameter = nn.Parameter(draw(0)[0])
    optimizer = getattr(optim, name)([parameter], lr=0.1, weight_decay=weight_decay)
    for step in range(1, STEPS + 1):
        parameter.grad = draw(step)[0] + l2 * parameter.data  # of the loss plus l2/2 Σ p²
        parameter.data *= 1 - 0.1 * decoupled
        optimizer.step()
    return parameter.data


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_weight_decay_is_an_l2_term_of_the_loss(name: str) -> None:
    assert_close(name, run(name, weight_decay=0.2, l2=0.0), run(name, 0.0, l2=0.2))


def test_an_l2_term_shrinks_the_weights_under_sgd_but_not_under_adam() -> None:
    """Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101: why there is an AdamW."""
    shrunk = {name: run(name, 0.0, l2=0.0, decoupled=0.2) for name in ("SGD", "Adam")}
    assert_close("SGD", run("SGD", 0.0, l2=0.2), shrunk["SGD"])
    assert error(run("Adam", 0.0, l2=0.2), shrunk["Adam"]) > 1e-2

    decoupled = torch.nn.Parameter(torch.from_numpy(draw(0)[0]))
    adamw = torch.optim.AdamW([decoupled], lr=0.1, weight_decay=0.2)
    for step in range(1, STEPS + 1):
        decoupled.grad = torch.from_numpy(draw(step)[0])
        adamw.step()
    assert_close("AdamW", shrunk["Adam"], decoupled.detach().numpy())


def test_plain_sgd_is_the_function_of_the_contract() -> None:
    parameter, grad = nn.Parameter(draw(0)[0]), draw(1)[0]
    expected = F.sgd_step(parameter.data, grad, 0.1, 0.2)
    parameter.grad = grad
    optim.SGD([parameter], 0.1, weight_decay=0.2).step()
    np.testing.assert_array_equal(parameter.data, expected)


# --- parameters that are updated as one -----------------------------------------------------------


def given(parameters: list[Any], step: int) -> None:
    for parameter, grad in zip(parameters, draw(step), strict=True):
        parameter.grad = grad.astype(parameter.data.dtype)


def replaced(parameters: list[Any], optimizer: Any) -> None:
    parameters[1].data = parameters[1].data.copy()


def rejoined(parameters: list[Any], optimizer: Any) -> None:
    optim.Adam(reversed(parameters))


def loaded(parameters: list[Any], optimizer: Any) -> None:
    optimizer.exp_avg_sqs[0] = optimizer.exp_avg_sqs[0].copy()


@pytest.mark.parametrize("change", [replaced, rejoined, loaded])
def test_adam_updates_what_is_there_whoever_put_it_there(change: Any) -> None:
    """The same as without the change, and for a copy of parameters and optimizer."""
    runs = []
    for changes in (False, True):
        parameters = [nn.Parameter(array) for array in draw(0)]
        optimizer = optim.Adam(parameters)
        for step in range(1, STEPS + 1):
            if changes and step == 3:
                change(parameters, optimizer)
            if changes and step == 5:
                parameters, optimizer = copy.deepcopy((parameters, optimizer))
            given(parameters, step)
            optimizer.step()
        runs.append(parameters)
    for whole, single in zip(*runs, strict=True):
        np.testing.assert_array_equal(whole.data, single.data)


def test_adam_calls_its_step_once_for_all_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[Any] = []
    exact = F.adam_step
    monkeypatch.setattr(
        F, "adam_step", lambda p, *a, **k: (shapes.append(p.shape), exact(p, *a, **k))
    )
    parameters = [nn.Parameter(array) for array in draw(0)]
    optimizer = optim.Adam(parameters)
    given(parameters, 1)
    optimizer.step()
    assert shapes == [(12 + 5 + 24,)]
    parameters[1].grad = None
    optimizer.step()
    assert shapes[1:] == [SHAPES[0], SHAPES[2]]


def test_parameters_of_two_dtypes_keep_them() -> None:
    parameters = [nn.Parameter(draw(0)[0]), nn.Parameter(draw(0)[1].astype(np.float32))]
    optimizer = optim.Adam(parameters)
    for parameter in parameters:
        parameter.grad = np.ones_like(parameter.data)
    optimizer.step()
    assert [parameter.data.dtype for parameter in parameters] == [np.float64, np.float32]


def test_a_joined_parameter_keeps_its_memory_order() -> None:
    layer = nn.Linear(5, 40)
    optim.Adam(layer.parameters())
    assert layer.weight.data.flags.f_contiguous


# --- options that are refused --------------------------------------------------------------------

REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("SGD", {"lr": -0.1}, ValueError, "lr is -0.1, expected a finite number of at least 0"),
    ("SGD", {"lr": float("nan")}, ValueError, "lr is nan"),
    ("SGD", {"lr": float("inf")}, ValueError, "lr is inf"),
    ("SGD", {"lr": "fast"}, TypeError, "lr is 'fast', expected a number"),
    ("SGD", {"lr": 0.1, "momentum": -1.0}, ValueError, "momentum is -1.0"),
    ("SGD", {"lr": 0.1, "dampening": -1.0}, ValueError, "dampening is -1.0"),
    ("SGD", {"lr": 0.1, "weight_decay": -1.0}, ValueError, "weight_decay is -1.0"),
    ("SGD", {"lr": 0.1, "nesterov": True}, ValueError, "nesterov needs a momentum above 0"),
    (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "nesterov": True},
        ValueError,
        "nesterov needs .* no dampening, got momentum 0.9 and dampening 0.1",
    ),
    ("Adam", {"lr": -0.1}, ValueError, "lr is -0.1"),
    ("Adam", {"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] is 1.0, expected a number in \[0, 1"),
    ("Adam", {"betas": (0.9, -0.1)}, ValueError, r"betas\[1\] is -0.1, expected a number in"),
    ("Adam", {"betas": (0.9, None)}, TypeError, r"betas\[1\] is None, expected a number"),
    ("Adam", {"betas": (1, 1)}, ValueError, r"betas\[0\] is 1, expected a number in \[0, 1"),
    (
        "Adam",
        {"lr": 10**400},
        ValueError,
        "^lr is too large for a float, expected a finite number$",
    ),
    ("SGD", {"lr": 10**400}, ValueError, "^lr is too large for a float, expected a finite number$"),
    ("Adam", {"eps": -1e-8}, ValueError, "eps is -1e-08"),
    ("Adam", {"weight_decay": -1.0}, ValueError, "weight_decay is -1.0"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "options", "error_type", "message"), REFUSED)
def test_an_option_out_of_range_is_named(
    name: str, options: dict[str, Any], error_type: type[Exception], message: str
) -> None:
    with pytest.raises(error_type, match=message):
        getattr(optim, name)([nn.Parameter(np.zeros(3))], **options)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_there_must_be_something_to_optimize(name: str) -> None:
    with pytest.raises(ValueError, match=r"^parameters is empty, expected at least one$"):
        getattr(optim, name)([], lr=0.1)
