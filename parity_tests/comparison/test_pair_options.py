"""The options of `parity.compare`, and what it does without if a program lacks something."""

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import nn

import parity
from numpy_impl import functional as F
from parity import reproduce
from parity.comparison import lockstep as lockstep_module
from parity.comparison import pair
from parity.comparison.late import larger, repeats
from parity.comparison.lockstep import Lockstep
from parity.comparison.pair_result import PairResult
from parity.comparison.reproduce import Reproduction
from parity.comparison.steps import Key, StepReport
from parity.errors import BadCaseError, InputError
from parity.tolerance import table
from parity.tolerance.perturbed import rounded

KEY: Key = ("step", "weight")
RNG = np.random.default_rng(0)
BATCHES = [(RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))) for _ in range(4)]


class Linear:
    """A linear layer trained by hand, by plain SGD or with momentum."""

    def __init__(self, dtype: str = "float64", factor: float = 1.0, momentum: float = 0.0) -> None:
        rng = np.random.default_rng(1)
        self.params = {"weight": rng.standard_normal((3, 4)), "bias": rng.standard_normal(3)}
        self.params = {name: array.astype(dtype) for name, array in self.params.items()}
        self.velocity = {name: np.zeros_like(array) for name, array in self.params.items()}
        self.factor, self.momentum = factor, momentum

    def step(self, x: ndarray, t: ndarray) -> Any:
        y = x @ self.params["weight"].T + self.params["bias"]
        dy = 2 * (y - t) / y.size
        grads = {"weight": dy.T @ x, "bias": self.factor * dy.sum(0)}
        for name, grad in grads.items():
            self.velocity[name] = self.momentum * self.velocity[name] + grad
            self.params[name] -= 0.1 * self.velocity[name]
        return y, ((y - t) ** 2).mean(), grads

    def program(self, **options: Any) -> parity.NumpyProgram:
        return parity.NumpyProgram(self.step, self.params, **options)


def net(model: nn.Module | None = None, momentum: float = 0.0, **more: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = model or nn.Linear(4, 3)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    return parity.TorchProgram(model, nn.MSELoss(), sgd, **more)


# --- where the weights come from -----------------------------------------------------------------


@pytest.mark.parametrize("source", ["torch", "numpy"])
def test_weights_from(source: Any) -> None:
    linear, theirs = Linear(), net()
    before = {
        "numpy": linear.params["weight"].copy(),
        "torch": theirs.model.weight.detach().numpy().astype(np.float64),
    }
    x, t = BATCHES[0]
    loss = ((x @ before[source].T + bias_of(source, linear, theirs) - t) ** 2).mean()
    result = parity.compare(linear.program(), theirs, BATCHES, weights_from=source)
    result.assert_parity()
    assert result.steps[0].loss["torch"] == pytest.approx(loss, rel=1e-6)


def bias_of(source: str, linear: Linear, theirs: Any) -> ndarray:
    bias = linear.params["bias"] if source == "numpy" else theirs.model.bias.detach().numpy()
    return np.array(bias, np.float64)


# --- a step from a file --------------------------------------------------------------------------


def test_a_step_is_replayed_from_a_file(tmp_path: Path) -> None:
    result = parity.compare(Linear(factor=0.5).program(), net(), BATCHES)
    result.save(tmp_path / "step.npz")
    again = parity.compare(Linear(factor=0.5).program(), net(), [], replay=tmp_path / "step.npz")
    found, expected = again.first_divergence, result.first_divergence
    assert found is not None
    assert expected is not None
    assert (found.phase, found.tensor) == (expected.phase, expected.tensor) == ("backward", "bias")
    assert found.numpy == pytest.approx(expected.numpy, rel=1e-12)
    numpy, theirs = reproduce.load(tmp_path / "step.npz")
    assert np.allclose(2 * numpy["backward", "bias"], theirs["backward", "bias"])


def test_a_replayed_step_that_was_mended_holds(tmp_path: Path) -> None:
    parity.compare(Linear(factor=0.5).program(), net(), BATCHES).save(tmp_path / "step.npz")
    parity.compare(Linear().program(), net(), [], replay=tmp_path / "step.npz").assert_parity()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"replay: got .*absent\.npz"):
        parity.compare(Linear().program(), net(), [], replay=tmp_path / "absent.npz")


def test_what_holds_has_no_step_to_save(tmp_path: Path) -> None:
    result = parity.compare(Linear().program(), net(), BATCHES)
    with pytest.raises(InputError, match="no step went wrong"):
        result.save(tmp_path / "step.npz")


# --- what it does without ------------------------------------------------------------------------


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("it holds a handle")


class SingleOnly(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dtype == torch.float64:
            raise RuntimeError("there is no kernel for Double")
        return super().forward(input)


class Ordered(nn.Linear):
    """The loss depends on the order of the batch."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) * torch.linspace(1, 2, len(input))[:, None]


def notes(model: nn.Module, dtype: str = "float32") -> str:
    result = parity.compare(Linear(dtype).program(), net(model), BATCHES)
    result.assert_parity()
    return " ".join(result.notes)


def test_a_program_that_cannot_be_copied() -> None:
    said = notes(Uncopied(4, 3))
    assert "cannot be copied (it holds a handle)" in said
    assert "NumPy is allowed the base tolerance alone" in said


def test_a_program_that_cannot_be_copied_in_another_dtype() -> None:
    with pytest.raises(InputError, match="is float32 and cannot be copied as float64"):
        parity.compare(Linear("float64").program(), net(Uncopied(4, 3)), BATCHES)


def test_a_program_that_does_not_run_in_float64() -> None:
    said = notes(SingleOnly(4, 3))
    assert "does not run in float64 (there is no kernel for Double)" in said
    assert "its float32 run is the reference" in said


def test_a_batch_that_cannot_be_permuted() -> None:
    linear = Linear("float32")
    weights = np.linspace(1, 2, 6, dtype=np.float32)[:, None]

    def step(x: ndarray, t: ndarray) -> Any:
        y = (x @ linear.params["weight"].T + linear.params["bias"]) * weights
        dy = 2 * (y - t) / y.size * weights
        grads = {"weight": dy.T @ x, "bias": dy.sum(0)}
        for name, grad in grads.items():
            linear.params[name] -= np.float32(0.1) * grad
        return y, ((y - t) ** 2).mean(), grads

    theirs = net(Ordered(4, 3))
    result = parity.compare(parity.NumpyProgram(step, linear.params), theirs, BATCHES)
    result.assert_parity()
    assert "a batch in another order gives another result" in " ".join(result.notes)


# --- each step alone -----------------------------------------------------------------------------


def test_resync_gives_numpy_the_momentum() -> None:
    """A wrong velocity at one step is wrong there alone, for the next has PyTorch's."""
    linear = Linear(momentum=0.9)
    result = parity.compare(
        linear.program(state={"momentum_buffer": linear.velocity}),
        net(momentum=0.9),
        BATCHES,
        resync=True,
    )
    result.assert_parity()
    assert not result.notes


def test_the_velocity_is_that_of_pytorch() -> None:
    linear, theirs = Linear(momentum=0.9), net(momentum=0.9)

    def spoil(report: Any) -> None:
        if report.number == 2:
            linear.velocity["weight"] = linear.velocity["weight"] + 1.0  # mended by the resync

    program = linear.program(state={"momentum_buffer": linear.velocity})
    parity.compare(program, theirs, BATCHES, resync=True, on_step=spoil).assert_parity()


def test_resync_says_what_numpy_keeps_to_itself() -> None:
    linear = Linear(momentum=0.9)
    result = parity.compare(linear.program(), net(momentum=0.9), BATCHES, resync=True)
    assert "resync leaves NumPy its own momentum_buffer" in " ".join(result.notes)


def test_a_state_that_pytorch_does_not_keep() -> None:
    linear = Linear()
    program = linear.program(state={"exp_avg": linear.velocity})
    with pytest.raises(InputError, match="keeps nothing, no 'exp_avg'"):
        parity.compare(program, net(), BATCHES, resync=True)


# --- the runs that rounding is measured by -------------------------------------------------------


def compared(
    monkeypatch: pytest.MonkeyPatch,
    late: bool,
    dtype: str = "float32",
    momentum: float = 0.0,
    batches: Any = BATCHES,
    **options: Any,
) -> Lockstep:
    """The lock-step of a comparison whose permuted run goes along from the start, or does not."""
    made: list[Lockstep] = []

    class Kept(Lockstep):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "late": late})
            made.append(self)

    monkeypatch.setattr(pair, "Lockstep", Kept)
    mine, theirs = Linear(dtype, momentum=momentum).program(), net(momentum=momentum)
    parity.compare(mine, theirs, batches, **options).assert_parity()
    return made[0]


def test_the_permuted_run_waits_until_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "permuted" not in compared(monkeypatch, late=True).backends


def test_without_a_base_tolerance_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.BASE, "float64", 1e-18)
    lockstep = compared(monkeypatch, late=True, dtype="float64")
    assert "permuted" in lockstep.backends


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_late_run_allows_for_what_an_early_one_does(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = compared(monkeypatch, late=False, dtype=dtype)
    late = compared(monkeypatch, late=True, dtype=dtype)
    late.catch_up(len(BATCHES))
    assert late.comparison.farthest == early.comparison.farthest


@pytest.mark.parametrize(("caught_up", "asked"), [(0, (2,)), (0, (2, 4)), (2, (2, 4)), (3, (4,))])
def test_the_state_before_a_step_is_found_again(
    caught_up: int, asked: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever PyTorch's run that is asked for it has come to."""
    lockstep = compared(monkeypatch, late=True, dtype="float64", momentum=0.9)
    if caught_up:
        lockstep.catch_up(caught_up)
    for number in (*asked, asked[-1]):  # the last is asked for again
        reproduction = Reproduction("float64", number, BATCHES[number - 1], {}, {})
        found_again, weights = lockstep.with_snapshot(reproduction)
        optimizer, _, _ = found_again.snapshot
        alone = net(momentum=0.9).copy("float64")
        list(alone.run(BATCHES[: number - 1]))
        for name, state in alone.optimizer.state_dict()["state"].items():
            found = optimizer["state"][name]["momentum_buffer"]
            assert torch.equal(found, state["momentum_buffer"]), f"before step {number}"
        assert weights is not None
        for tensor, array in alone.weights().items():
            np.testing.assert_array_equal(weights[tensor], array, f"before step {number}")


def test_the_seed_draws_the_order_of_the_permuted_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same each time, and another for another seed."""
    runs = [compared(monkeypatch, late=False, seed=seed) for seed in (5, 5, 6)]
    one, again, other = (run.comparison.farthest for run in runs)
    assert one == again != other


def test_without_an_order_the_weights_are_a_unit_in_the_last_place_off() -> None:
    linear, theirs = Linear(), net()
    initial = theirs.copy("float64").weights()
    lockstep = Lockstep(
        linear.program(), theirs.copy("float64"), BATCHES, initial, order=None, resync=False, seed=3
    )
    moved = rounded(initial, "float64", np.random.default_rng(3))
    for name, backend in lockstep.backends.items():
        for tensor, array in backend.weights().items():
            expected = moved[tensor] if name == "permuted" else initial[tensor]
            np.testing.assert_array_equal(array, expected, f"{name}: {tensor}")
    assert any((moved[tensor] != initial[tensor]).any() for tensor in initial)


def test_a_batch_that_cannot_be_permuted_needs_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the run starts from weights that are a unit in the last place off."""
    lockstep = compared(monkeypatch, late=True)
    late = lockstep.late
    assert late is not None
    late.order = None
    joined = lockstep.catch_up(len(BATCHES))
    assert joined is not None
    assert joined.tensors["permuted"].keys() == joined.tensors["reference"].keys()


def test_a_late_run_too_may_have_tensors_that_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [(np.zeros_like(x), t) for x, t in BATCHES]
    lockstep = compared(monkeypatch, late=True, batches=batches, zero=["weight"])
    assert lockstep.catch_up(len(BATCHES)) is not None


@pytest.mark.parametrize(
    ("one", "other", "largest"),
    [({KEY: 2.0}, {KEY: 1.0}, 2), ({}, {KEY: 0.5}, 0.5), ({KEY: 0.5}, {}, 0.5)],
)
def test_the_larger_of_two(one: dict[Key, float], other: dict[Key, float], largest: float) -> None:
    assert larger(one, other) == larger(other, one) == {KEY: largest}


def test_woken_the_float64_run_is_where_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep_module, "MEASURED", 1)
    lockstep = compared(monkeypatch, late=True)
    assert lockstep.late is not None
    assert lockstep.late.resting is not None
    assert lockstep.late.resting[2] == 1  # the last of the first steps
    joined = lockstep.wake(4)
    assert joined is not None
    assert joined.backends.keys() == joined.runs.keys() == {"reference"}
    assert lockstep.backends["reference"] is joined.backends["reference"]
    assert lockstep.runs["reference"] is joined.runs["reference"]
    alone = net().copy("float64")
    list(alone.run([(x.astype("float32"), t.astype("float32")) for x, t in BATCHES]))
    for name, array in alone.weights().items():
        np.testing.assert_array_equal(joined.tensors["reference"]["step", name], array, name)
    assert lockstep.wake(4) is None


def test_without_copies_no_run_is_perturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is so by the base tolerance alone."""
    monkeypatch.setitem(table.BASE, "float32", 1e-12)
    result = parity.compare(Linear("float32").program(), net(Uncopied(4, 3)), BATCHES)
    assert result.first_divergence is not None
    assert result.first_divergence.step == 1


def test_the_float64_run_rests_after_the_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep_module, "MEASURED", 2)
    monkeypatch.setattr(pair, "MEASURED", 2)
    result = parity.compare(Linear("float32").program(), net(), BATCHES)
    assert "That is of the first 2 steps; after them" in str(result)
    assert result.as_json()["measured_steps"] == 2
    assert all(max(step.torch_error.values()) > 0 for step in result.steps[:2])


@pytest.mark.parametrize("off", [1e-2, 1e-5])
def test_what_is_wrong_while_it_rests_is_found_as_if_it_did_not(
    off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for first in (2, 50):
        monkeypatch.setattr(lockstep_module, "MEASURED", first)
        linear = Linear("float32")

        def spoil(report: Any, linear: Linear = linear) -> None:
            linear.factor = 1 + off * (report.number == 3)

        result = parity.compare(linear.program(), net(), BATCHES, on_step=spoil)
        found.append(result.first_divergence)
        assert result.measured is None
    resting, along = found
    assert resting is not None
    assert along is not None
    assert (resting.step, resting.tensor) == (4, "bias")
    assert resting.truth == along.truth


def test_it_wakes_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep_module, "MEASURED", 1)
    monkeypatch.setitem(table.BASE, "float32", 1e-12)
    lockstep = compared(monkeypatch, late=True)
    assert not lockstep.comparison.resting
    assert "reference" in lockstep.backends


# --- what is suggested, and what is shown ---------------------------------------------------------


def test_a_wrong_gradient_names_its_check() -> None:
    result = parity.compare(Linear(factor=0.5).program(), net(), BATCHES)
    assert "parity.gradcheck(forward, backward, [input, weight, bias])" in str(result)


def test_a_notebook_shows_the_curves_and_the_divergence() -> None:
    linear = Linear()

    def from_the_third(report: Any) -> None:
        linear.factor = 1.0 if report.number < 2 else 0.5

    result = parity.compare(linear.program(), net(), BATCHES, on_step=from_the_third)
    shown = result._repr_html_()
    assert result.marks["first divergence"] == 3
    assert shown.count("<path") == 4 + 2 * len(result.marks)  # curves and marks, and their keys
    assert "first divergence" in shown
    assert "<svg" not in parity.compare(Linear(factor=0.5).program(), net(), BATCHES)._repr_html_()


# --- what makes no sense -------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
def test_weights_from_nobody() -> None:
    nobody: Any = "numpi"
    with pytest.raises(InputError, match="weights_from is 'numpi', expected 'torch' or 'numpy'"):
        parity.compare(Linear().program(), net(), BATCHES, weights_from=nobody)


def test_predict_with_another_number_of_outputs() -> None:
    linear = Linear()
    numpy = linear.program(predict=lambda x: (x, x))
    with pytest.raises(
        InputError, match=r"predict returns 2 outputs for evaluate\[0\], expected 1"
    ):
        parity.compare(numpy, net(), BATCHES, evaluate=[(BATCHES[0][0],)])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            lambda: net(),
            lambda: Linear().program(),
            "numpy is a TorchProgram, expected a",
        ),
        (lambda: (1, 2, 3), net, "numpy is a tuple of 3, expected a parity.NumpyProgram or (step"),
        (lambda: Linear().program(), lambda: None, "torch is None, expected a parity."),
    ],
)
def test_what_is_no_program(one: Any, other: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parity.compare(one(), other(), BATCHES)


def test_a_loss_of_one_dimension_is_told() -> None:
    linear = Linear()

    def step(x: ndarray, t: ndarray) -> Any:
        output, loss, grads = linear.step(x, t)
        return output, np.array([loss]), grads

    with pytest.raises(InputError, match="expected one; the loss is a number and no array"):
        parity.compare((step, linear.params), net(), BATCHES)


# --- what is taken as well -----------------------------------------------------------------------


def test_batches_of_a_data_loader() -> None:
    arrays = [torch.from_numpy(np.concatenate(one)) for one in zip(*BATCHES, strict=True)]
    data = torch.utils.data.TensorDataset(*arrays)
    loader = torch.utils.data.DataLoader(data, batch_size=6)
    result = parity.compare(Linear().program(), net(), loader)
    result.assert_parity()
    again = parity.compare(Linear().program(), net(), BATCHES)
    assert [step.loss for step in result.steps] == [step.loss for step in again.steps]


@pytest.mark.parametrize("calls_it", [True, False])
def test_a_scheduler_that_a_step_of_ones_own_forgets_is_told(calls_it: bool) -> None:
    """When it is called is the step's own affair, but never is a mistake."""
    theirs = net()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(theirs.optimizer, 0.5)

    def step(program: parity.TorchProgram, x: torch.Tensor, t: torch.Tensor) -> Any:
        output = program.model(x)
        loss = nn.functional.mse_loss(output, t)
        program.optimizer.zero_grad()
        loss.backward()
        program.optimizer.step()
        if calls_it:
            program.scheduler.step()
        return output, loss

    program = parity.TorchProgram(
        theirs.model, optimizer=theirs.optimizer, scheduler=scheduler, step=step
    )
    result = parity.compare(Linear().program(), program, BATCHES)
    assert result.parity != calls_it  # NumPy's learning rate stays
    assert any("the scheduler was not called" in note for note in result.notes) != calls_it


def test_an_array_of_a_list_may_be_named_by_its_number() -> None:
    linear = Linear()
    params = [linear.params["bias"], linear.params["weight"]]
    linear.params = {"bias": params[0], "weight": params[1]}
    for names in ({"weight": 1, "bias": 0}, {"weight": (1, (0, 1)), "bias": "0"}):
        parity.compare((linear.step, params), net(), BATCHES, names=names).assert_parity()


# --- a PyTorch program that keeps more than it shows ---------------------------------------------


def stepping(theirs: Any, zeroes: bool, lr_of: Any = None) -> parity.TorchProgram:
    """A step of one's own that may forget to zero the gradients, or set the rate by a counter."""

    def step(program: parity.TorchProgram, x: torch.Tensor, t: torch.Tensor) -> Any:
        output = program.model(x)
        loss = nn.functional.mse_loss(output, t)
        if zeroes:
            program.optimizer.zero_grad()
        loss.backward()
        if lr_of is not None:
            program.optimizer.param_groups[0]["lr"] = lr_of()
        program.optimizer.step()
        return output, loss

    return parity.TorchProgram(theirs.model, optimizer=theirs.optimizer, step=step)


@pytest.mark.parametrize("resync", [False, True])
def test_gradients_that_pytorch_does_not_zero_are_no_rounding(resync: bool) -> None:
    """The runs that measure rounding begin without them."""
    with pytest.raises(BadCaseError, match="step 2: the PyTorch program does not repeat itself"):
        parity.compare(Linear().program(), stepping(net(), False), BATCHES, resync=resync)


def test_a_counter_of_the_steps_own_is_told() -> None:
    """Each copy of the program counts on."""
    steps = iter(range(1, 10_000))
    program = stepping(net(), True, lambda: 0.1 / next(steps))
    with pytest.raises(BadCaseError, match="does not repeat itself from the first step on"):
        parity.compare(Linear().program(), program, BATCHES)


@pytest.mark.parametrize(("off", "same"), [(1e-3, True), (1.0, False), (np.nan, False)])
def test_two_runs_are_the_same_to_half_of_the_digits(off: float, same: bool) -> None:
    tensors = {KEY: np.array([1e6, 1.0])}
    other = {KEY: tensors[KEY] + off}
    with (
        nullcontext() if same else pytest.raises(BadCaseError, match="itself anew: another weight")
    ):
        repeats("anew", 1, tensors, other, "float64")


def test_integer_buffers_are_part_of_the_state() -> None:
    """A BatchNorm without momentum counts its batches; NumPy's running mean is another."""
    model = nn.BatchNorm1d(4, momentum=None)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal((6, 4)), rng.standard_normal((6, 4))) for _ in range(4)]
    params = {"weight": np.ones(4), "bias": np.zeros(4)}
    running = {"running_mean": np.zeros(4), "running_var": np.ones(4)}
    params |= running

    def step(x: ndarray, t: ndarray) -> Any:
        mean, var = params["running_mean"], params["running_var"]
        weight, bias = params["weight"], params["bias"]
        y, *running = F.batch_norm(x, mean, var, weight, bias, training=True, momentum=0.1)
        dy = 2 * (y - t) / y.size
        _, *grads = F.batch_norm_backward(dy, x, weight, mean, var, training=True)
        params.update(running_mean=running[0], running_var=running[1])
        for name, grad in zip(("weight", "bias"), grads, strict=True):
            params[name] = params[name] - 0.1 * grad
        return y, ((y - t) ** 2).mean(), dict(zip(("weight", "bias"), grads, strict=True))

    torch_program = parity.TorchProgram(model, nn.MSELoss(), sgd)
    constant = ["weight", "bias"]
    result = parity.compare((step, params), torch_program, batches, constant=constant)
    assert not result.parity
    assert result.first_divergence is not None
    assert result.first_divergence.tensor.startswith("running")


def test_a_step_that_clears_its_gradients_last_has_none_to_compare() -> None:
    theirs = net()

    def step(program: parity.TorchProgram, x: torch.Tensor, t: torch.Tensor) -> Any:
        output = program.model(x)
        loss = nn.functional.mse_loss(output, t)
        loss.backward()
        program.optimizer.step()
        program.optimizer.zero_grad()
        return output, loss

    program = parity.TorchProgram(theirs.model, optimizer=theirs.optimizer, step=step)
    result = parity.compare(Linear(factor=0.5).program(), program, BATCHES)
    assert "no gradient was compared: look at the backward and at the optimizer" in str(result)
    assert "no gradients: the PyTorch step leaves none" in str(result)


class Scaled(nn.Module):
    """A parameter that is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x


def test_a_parameter_that_is_a_number() -> None:
    params = {"scale": np.array([1.5])}

    def step(x: ndarray, t: ndarray) -> Any:
        y = params["scale"] * x
        grad = np.sum(2 * (y - t) / y.size * x, keepdims=True).reshape(1)
        params["scale"] -= 0.1 * grad
        return y, ((y - t) ** 2).mean(), {"scale": grad}

    model = Scaled()
    batches = [(x, x**2) for x, _ in BATCHES]
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    parity.compare((step, params), (model, nn.MSELoss(), sgd), batches).assert_parity()


class Counting(torch.optim.SGD):
    """An optimizer with an attribute of its own, as LBFGS has."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.rate = 0.5

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["lr"] *= self.rate
        super().step()
        for group in self.param_groups:
            group["lr"] /= self.rate


def test_an_optimizer_with_attributes_of_its_own() -> None:
    theirs = net()
    optimizer = Counting(theirs.model.parameters(), lr=0.2)
    result = parity.compare(Linear().program(), (theirs.model, nn.MSELoss(), optimizer), BATCHES)
    result.assert_parity()


def test_a_scheduler_that_looks_at_the_loss() -> None:
    theirs = net()
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs.optimizer, patience=100)
    program = parity.TorchProgram(theirs.model, nn.MSELoss(), theirs.optimizer, scheduler=scheduler)
    parity.compare(Linear().program(), program, BATCHES).assert_parity()


# --- how far parity is claimed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drifted", "resync", "claimed"),
    [
        ((), False, "rounding at all 4 steps, float64."),
        ((3, 4), False, "rounding at the first 2 steps, float64. Step 3 is the noise horizon"),
        ((2,), True, "rounding at 3 of 4 steps, each taken alone, float64. At the other 1, first"),
    ],
)
def test_no_agreement_is_claimed_beyond_the_noise_horizon(
    drifted: tuple[int, ...], resync: bool, claimed: str
) -> None:
    steps = [StepReport(number, {}, drifted=number in drifted) for number in (1, 2, 3, 4)]
    result = PairResult("float64", resync, steps)
    assert claimed in str(result)
    assert ("resync=True compares" in str(result)) == (bool(drifted) and not resync)
