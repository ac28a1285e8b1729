"""A divergence is kept with its inputs, and three lines show it again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy_impl import functional as F
from parity.comparison import reproduce
from parity.comparison.compare import compare
from parity.comparison.result import CompareResult
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings


def diverging(recipe: str, monkeypatch: pytest.MonkeyPatch) -> CompareResult:
    """A run whose gradient of one element is wrong from the third backward on."""
    exact: Any = F.linear_backward
    calls: list[None] = []

    def wrong(*arguments: Any, **options: Any) -> Any:
        grad_input, grad_weight, grad_bias = exact(*arguments, **options)
        calls.append(None)
        if len(calls) >= 3:
            grad_weight[1, 5] += 1
        return grad_input, grad_weight, grad_bias

    monkeypatch.setattr(F, "linear_backward", wrong)
    return compare(prepare(recipe, Settings(train_size=200, batch_size=64, epochs=1)))


@pytest.mark.parametrize("recipe", ["logistic", "linear-adam"])
def test_the_step_runs_again_from_the_file(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = diverging(recipe, monkeypatch)
    divergence, case = result.first_divergence, result.reproduction
    assert divergence is not None
    assert case is not None
    assert (divergence.step, divergence.phase, divergence.index) == (3, "backward", (1, 5))

    reproduce.save(case, tmp_path / "case.npz")
    numpy, torch = reproduce.load(tmp_path / "case.npz")
    key = (divergence.phase, divergence.tensor)
    assert float(numpy[key][1, 5]) == divergence.numpy
    assert float(torch[key][1, 5]) == pytest.approx(divergence.torch, rel=1e-4)
    np.testing.assert_allclose(torch["step", "fc.bias"], numpy["step", "fc.bias"], rtol=1e-3)


def test_the_snippet_is_python_that_prints_both_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = diverging("logistic", monkeypatch)
    assert result.reproduction is not None
    assert result.first_divergence is not None
    reproduce.save(result.reproduction, tmp_path / "case.npz")
    exec(reproduce.snippet(result.first_divergence, tmp_path / "case.npz"), {})
    numpy, torch = map(float, capsys.readouterr().out.split())
    assert numpy - torch == pytest.approx(1, rel=1e-3)


# In float32 a ReLU's input may round to either side of zero, and cnn-adam has many.
@pytest.mark.parametrize(
    ("recipe", "dtype"),
    [("feedforward", "float32"), ("feedforward", "float64"), ("cnn-adam", "float64")],
)
def test_resynchronised_steps_agree_to_rounding(recipe: str, dtype: Any) -> None:
    settings = Settings(train_size=300, batch_size=64, epochs=2, dtype=dtype, weight_decay=0.01)
    result = compare(prepare(recipe, settings), resync=True)
    assert result.parity
    assert result.noise_horizon is None


def test_resynchronising_separates_a_bug_in_one_step_from_drift(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact: Any = F.sgd_step
    calls: list[None] = []

    def wrong_once(*arguments: Any, **options: Any) -> Any:
        param = exact(*arguments, **options)
        calls.append(None)
        if len(calls) == 1:
            param += 0.01
        return param

    monkeypatch.setattr(F, "sgd_step", wrong_once)
    experiment = prepare("logistic", Settings(train_size=200, batch_size=64, epochs=1))
    assert [bool(step.divergence) for step in compare(experiment).steps] == [True] * 4
    calls.clear()
    steps = compare(experiment, resync=True).steps
    assert [bool(step.divergence) for step in steps] == [True, False, False, False]
