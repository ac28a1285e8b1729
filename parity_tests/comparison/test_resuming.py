"""A run that goes on from a checkpoint ends with the same bits as one that was not interrupted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numpy_impl import functional as F
from parity.comparison.compare import compare
from parity.comparison.resuming import KINDS
from parity.comparison.train import train
from parity.experiment.checkpoints import Checkpoints, resume
from parity.experiment.prepare import Experiment
from parity_tests.experiments import small

LAST = 6  # steps: two epochs of three batches, the last of each partial


class Killed(BaseException):
    """What ends a run between two steps, as SIGKILL would."""


def experiment(optimizer: str, dtype: str) -> Experiment:
    made = small("linear-adam" if optimizer == "Adam" else "feedforward", dtype=dtype)
    momentum = 0.9 if optimizer == "SGD with momentum" else 0.0
    return replace(made, recipe=replace(made.recipe, momentum=momentum))


class Kept(Checkpoints):
    """Checkpoints after every step; the last state stays, to be compared."""

    def __init__(self, folder: Path, state: Any = None) -> None:
        super().__init__(folder, {"seed": 0}, every=1, state=state)
        self.last: Any = None

    def after(self, step: int, ends: bool, state: Callable[[], Any]) -> None:
        super().after(step, ends, state)
        self.last = state()


def killed_after(step: int) -> Callable[[object], None]:
    """An `on_step` that lets `step` steps come to their checkpoint."""
    taken = []

    def on_step(_: object) -> None:
        taken.append(1)
        if len(taken) > step:
            raise Killed

    return on_step


def figures(state: Any) -> Any:
    """All of a state but its seconds, arrays as their bytes, numbers to the last digit."""
    if isinstance(state, dict):
        return {name: figures(value) for name, value in state.items() if name != "seconds"}
    if isinstance(state, list | tuple):
        return [figures(item) for item in state]
    if hasattr(state, "__dataclass_fields__"):
        return type(state).__name__, figures(vars(state))
    return (state.dtype, state.shape, state.tobytes()) if hasattr(state, "dtype") else str(state)


@pytest.mark.parametrize("resync", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "SGD with momentum", "Adam"])
def test_a_comparison_goes_on_to_the_same_bits(
    tmp_path: Path, optimizer: str, dtype: str, resync: bool
) -> None:
    made = experiment(optimizer, dtype)
    whole = Kept(tmp_path / "whole")
    result = compare(made, resync=resync, checkpoints=whole)
    with pytest.raises(Killed):
        compare(made, killed_after(4), resync, checkpoints=Kept(tmp_path / "killed"))
    again = Kept(tmp_path / "killed", resume(tmp_path / "killed", {"seed": 0}, KINDS))
    resumed = compare(made, resync=resync, checkpoints=again)
    assert figures(again.last) == figures(whole.last)
    answers = [made.as_json() for made in (result, resumed)]
    for answer in answers:
        del answer["seconds"]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("step", [1, 3, LAST])
def test_it_goes_on_from_any_step_even_the_last(tmp_path: Path, step: int) -> None:
    made = experiment("SGD", "float32")
    whole = Kept(tmp_path / "whole")
    result = compare(made, checkpoints=whole)
    kept = whole.folder / f"step-{step:012d}.safetensors"
    if step < LAST:
        with pytest.raises(Killed):
            compare(made, killed_after(step), checkpoints=Kept(tmp_path / "killed"))
        kept = tmp_path / "killed" / kept.name
    state = resume(kept, {"seed": 0}, KINDS)
    assert len(state["steps"]) == step
    resumed = compare(made, checkpoints=Kept(tmp_path / "again", state))
    assert figures(resumed.steps) == figures(result.steps)
    assert figures(resumed.epochs) == figures(result.epochs)
    assert figures(resumed.backends["numpy"].weights()) == figures(
        result.backends["numpy"].weights()
    )


def test_a_divergence_and_its_inputs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = F.sgd_step
    monkeypatch.setattr(
        F,
        "sgd_step",
        lambda param, grad, lr, decay=0.0, **out: exact(param, grad, 2 * lr, decay, **out),
    )
    made = experiment("SGD", "float64")
    with pytest.raises(Killed):
        compare(made, killed_after(2), checkpoints=Kept(tmp_path / "killed"))
    state = resume(tmp_path / "killed", {"seed": 0}, KINDS)
    result = compare(made, checkpoints=Kept(tmp_path / "killed", state))
    assert result.first_divergence is not None
    assert result.first_divergence.step == 1
    assert isinstance(result.first_divergence.index, tuple)
    assert result.reproduction is not None
    assert result.reproduction.recipe == made.recipe
    assert figures(result.reproduction.weights) == figures(made.initial)


@pytest.mark.parametrize("impl", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "SGD with momentum", "Adam"])
def test_a_training_goes_on_to_the_same_bits(
    tmp_path: Path, optimizer: str, dtype: str, impl: str
) -> None:
    made = experiment(optimizer, dtype)
    whole = Kept(tmp_path / "whole")
    train(made, impl, checkpoints=whole)
    with pytest.raises(Killed):
        train(made, impl, killed_after(4), checkpoints=Kept(tmp_path / "killed"))
    again = Kept(tmp_path / "killed", resume(tmp_path / "killed", {"seed": 0}, KINDS))
    train(made, impl, checkpoints=again)
    assert figures(again.last) == figures(whole.last)
