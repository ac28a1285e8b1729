"""The runs of a lock-step: which there are, where they run, and what is asked of further ones."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from numpy_impl import optim
from parity.backends import TorchBackend
from parity.comparison.compare import lockstep_of
from parity.comparison.lockstep import Lockstep
from parity.comparison.reproduce import Reproduction
from parity.comparison.steps import Comparison, Key, StepReport
from parity.recipes import RECIPES
from parity_tests.experiments import small

# --- PyTorch's runs from weights that drifted -----------------------------------------------------


def before_step(
    number: int, recipe: str, optimizer: Literal["SGD", "Adam"] | None = None, **choices: Any
) -> tuple[Lockstep, Reproduction]:
    """A lock-step that stands before step `number`, and the case that this step is."""
    experiment = small(recipe, dtype="float64", **choices)
    if optimizer is not None:
        experiment = replace(experiment, recipe=replace(experiment.recipe, optimizer=optimizer))
    _, lockstep = lockstep_of(experiment)
    steps = lockstep.steps()
    for _ in range(1, number):
        next(steps)
    case = lockstep.reproduction_of(number, lockstep.batches[number - 1])
    next(steps)
    return lockstep, case


@pytest.mark.parametrize(
    ("recipe", "optimizer"), [("logistic", "SGD"), ("linear-adam", "Adam"), ("feedforward", "Adam")]
)
def test_a_perturbed_run_without_drift_is_the_step_itself(
    recipe: str, optimizer: Literal["SGD", "Adam"]
) -> None:
    """Wherever the optimizer's running means lie in memory: those of wide layers as (in, out).

    Rounding moves a weight, by more where Adam divides by a small root; a running mean in the wrong
    place would by about the learning rate.
    """
    lockstep, case = before_step(3, recipe, optimizer)
    expected = lockstep.torch.weights()
    runs = list(lockstep.perturbed(case, {}))
    assert len(runs) == 8
    for run in runs:
        for name, array in expected.items():
            moved = np.abs(run["step", name] - array).max()
            assert 0 < moved < 1e-9


@pytest.mark.parametrize("drift", [1e-6, 1e-2])
def test_a_perturbation_is_as_large_as_the_drift_of_its_tensor(drift: float) -> None:
    """At this learning rate the weights after the step are those before it."""
    lockstep, case = before_step(1, "logistic", lr=1e-30)
    drifts = {"fc.weight": drift, "fc.bias": 2 * drift}
    moves: dict[str, list[np.ndarray]] = {name: [] for name in drifts}
    for run in lockstep.perturbed(case, {("step", name): it for name, it in drifts.items()}):
        for name in drifts:
            moves[name].append(run["step", name] - case.weights[name])
    for name, reach in drifts.items():
        relative = np.stack(moves[name]) / (reach * np.abs(case.weights[name]).max())
        assert 0.8 < relative.max() <= 1
        assert -1 <= relative.min() < -0.8


def test_perturbed_runs_are_the_same_each_time() -> None:
    lockstep, case = before_step(2, "logistic")
    drifts = {("step", name): 1e-3 for name in case.weights}
    first, second = (list(lockstep.perturbed(case, drifts)) for _ in range(2))
    for run, again in zip(first, second, strict=True):
        for key, array in run.items():
            np.testing.assert_array_equal(array, again[key])


@pytest.mark.parametrize("recipe", ["logistic", "linear-adam"])
def test_re_synchronised_runs_hold_what_pytorch_holds(recipe: str) -> None:
    lockstep = lockstep_of(small(recipe), resync=True)[1]
    steps = lockstep.steps()
    next(steps)
    next(steps)
    torch = lockstep.backends["torch"]
    lockstep.synchronise(2)
    for backend in lockstep.backends.values():
        for name, array in torch.weights().items():
            np.testing.assert_array_equal(backend.weights()[name], array)
        for name, arrays in torch.moments().items():
            for mine, other in zip(backend.moments()[name], arrays, strict=True):
                np.testing.assert_array_equal(mine, other)


def test_nothing_is_perturbed_while_parity_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every further valid run would widen what is allowed."""

    def perturbed(self: Lockstep, case: Reproduction, drift: dict[Key, float]) -> Iterator[Any]:
        pytest.fail(f"step {case.step} was run again")

    monkeypatch.setattr(Lockstep, "perturbed", perturbed)
    assert len(list(lockstep_of(small())[1].steps())) == 6


def test_the_case_of_the_first_divergence_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beyond what reproduces it."""
    monkeypatch.setattr(optim.SGD, "zero_grad", lambda self: None)
    lockstep = lockstep_of(small(), resync=True)[1]
    diverged = [report.number for report in lockstep.steps() if report.divergence is not None]
    assert diverged == [2, 3, 4, 5, 6]
    assert lockstep.reproduction is not None
    assert lockstep.reproduction.step == 2
    assert lockstep.reproduction.snapshot is None


@pytest.mark.parametrize("resync", [False, True])
def test_it_goes_on_after_the_steps_that_are_done(resync: bool) -> None:
    """To the same bits: every run has its state after them, and the permuted one its order."""
    whole, rest = (lockstep_of(small("linear-adam"), resync=resync)[1] for _ in range(2))
    steps = whole.steps()
    next(steps), next(steps)
    for name, backend in whole.backends.items():
        rest.backends[name].load(backend.weights())
        rest.backends[name].load_moments(backend.moments(), 2)
    rest.done = 2
    assert next(rest.run("torch", rest.torch.copy("float32"), 2)).number == 3
    assert [step.number for step in rest.steps()] == [step.number for step in steps] == [3, 4, 5, 6]
    for name, backend in whole.backends.items():
        for tensor, array in backend.weights().items():
            np.testing.assert_array_equal(rest.backends[name].weights()[tensor], array, name)


def test_a_difference_that_a_valid_run_has_too_is_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake starts at the second step, and the run that has it is taken for a valid one."""
    drifts: list[dict[Key, float]] = []

    def like_numpy(self: Lockstep, case: Reproduction, drift: dict[Key, float]) -> Iterator[Any]:
        drifts.append(drift)
        yield seen[case.step]

    seen: dict[int, Any] = {}
    monkeypatch.setattr(Lockstep, "perturbed", like_numpy)
    monkeypatch.setattr(optim.SGD, "zero_grad", lambda self: None)
    step = Comparison.step

    def remember(self: Comparison, number: int, **runs: Any) -> StepReport:
        seen[number] = {key: array.copy() for key, array in runs["numpy"].items()}
        return step(self, number, **runs)

    monkeypatch.setattr(Comparison, "step", remember)
    lockstep = lockstep_of(small())[1]
    first, second, *_ = lockstep.steps()
    assert not first.drifted
    assert second.drifted is True
    assert second.divergence is None
    assert lockstep.reproduction is None
    reaches = [drifts[0]["step", name] for name in lockstep.numpy.weights()]
    assert all(0 < reach < 1e-5 for reach in reaches)


@pytest.mark.parametrize(("dtype", "expected"), [("float32", 4), ("float64", 3)])
def test_a_float32_comparison_has_a_reference(dtype: str, expected: int) -> None:
    backends = lockstep_of(small(dtype=dtype))[1].backends
    assert list(backends) == ["numpy", "torch", "permuted", "reference"][:expected]
    assert [backend.dtype for backend in backends.values()] == [dtype, dtype, dtype, "float64"][
        :expected
    ]


def test_every_run_of_pytorch_is_on_the_device() -> None:
    """PyTorch's device for shapes without numbers stands for one that is not the CPU."""
    program = TorchBackend(RECIPES["logistic"], "float32", 0, "meta")
    assert {it.device.type for it in program.copy("float64").named_tensors().values()} == {"meta"}
    assert lockstep_of(small())[1].torch.device.type == "cpu"


def test_runs_are_free_unless_told() -> None:
    free, bound = (lockstep_of(small(), resync=resync)[1] for resync in (False, True))
    for lockstep, same in ((free, False), (bound, True)):
        assert len(list(lockstep.steps())) == 6
        ours, theirs = (lockstep.backends[name].weights() for name in ("numpy", "torch"))
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours) == same


def test_the_seconds_of_each_side_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("parity.comparison.lockstep.perf_counter", lambda: next(clock))
    lockstep = lockstep_of(small())[1]
    assert set(lockstep.seconds.values()) == {0}
    for step in lockstep.steps():
        assert set(lockstep.seconds.values()) == {step.number}
