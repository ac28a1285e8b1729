"""Lock-step on the embedded digits: parity holds, and every planted fault is found and named."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from numpy_impl import functional as F
from numpy_impl import optim
from parity.compare import compare
from parity.comparison import Comparison, StepReport
from parity.errors import BadCaseError, InputError
from parity.experiment import Experiment, prepare
from parity.lockstep import Lockstep, reordered
from parity.recipes import RECIPES
from parity.reproduce import Case
from parity.settings import Settings
from parity.sides import NumpySide, TorchSide


def small(recipe: str = "feedforward", **choices: Any) -> Experiment:
    """Two epochs whose last batches are partial, with weight decay."""
    defaults = {"train_size": 150, "batch_size": 64, "epochs": 2, "weight_decay": 0.01}
    return prepare(recipe, Settings(**(defaults | choices)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_parity_holds_on_the_digits(recipe: str, dtype: str) -> None:
    result = compare(small(recipe, dtype=dtype))
    assert result.first_divergence is None
    assert len(result.steps) == (4 if recipe == "tutorial" else 6)  # it drops the partial batches
    assert result.prediction_agreement == 1


@pytest.mark.parametrize(
    ("recipe", "lr", "dtype"),
    [
        ("logistic", 0.1, "float64"),
        ("logistic", 0.5, "float64"),
        ("logistic", 0.5, "float32"),
        ("feedforward", 0.5, "float32"),
    ],
)
def test_parity_holds_one_image_at_a_time(recipe: str, lr: float, dtype: str) -> None:
    """Some images are learnt by heart: their gradient is a difference of equal numbers, or none."""
    result = compare(small(recipe, lr=lr, dtype=dtype, batch_size=1, epochs=1, weight_decay=0.0))
    assert len(result.steps) == 150
    assert result.first_divergence is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_both_sides_learn_the_same(recipe: str) -> None:
    lr = 0.003 if RECIPES[recipe].optimizer == "Adam" else 0.1  # at 0.01 all units may die
    choices = {
        "seed": 1,
        "train_size": 1000,
        "batch_size": 16,
        "epochs": 4,
        "lr": lr,
        "init": "xavier",
    }
    epochs = compare(small(recipe, weight_decay=0.0, **choices)).epochs
    assert epochs[-1].accuracy["numpy"] > 0.5
    assert epochs[-1].accuracy["numpy"] == pytest.approx(epochs[-1].accuracy["torch"], abs=0.01)
    assert epochs[-1].loss["numpy"] < epochs[0].loss["numpy"]


def test_the_run_is_the_same_whenever_it_is_made() -> None:
    first, second = (compare(small(seed=3)) for _ in range(2))
    assert first.steps == second.steps
    assert first.steps[0].loss != compare(small(seed=4)).steps[0].loss


def scaled(function: Callable[..., Any], position: int, factor: float) -> Callable[..., Any]:
    """`function` with one element of one of its results off by `factor`."""

    def wrong(*arguments: Any, **options: Any) -> Any:
        results = list(function(*arguments, **options))
        results[position] = results[position].copy()
        results[position].flat[0] *= factor
        return tuple(results)

    return wrong


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("position", "tensor"), [(1, "fc2.weight"), (2, "fc2.bias")])
def test_a_gradient_off_by_a_thousandth_in_one_element_is_found(
    monkeypatch: pytest.MonkeyPatch, position: int, tensor: str, dtype: str
) -> None:
    monkeypatch.setattr(F, "linear_backward", scaled(F.linear_backward, position, 1.001))
    divergence = compare(small(dtype=dtype)).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase, divergence.tensor) == (1, "backward", tensor)
    assert set(divergence.index) == {0}


def test_a_wrong_forward_is_found_in_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = F.sigmoid
    monkeypatch.setattr(F, "sigmoid", lambda input: exact(input) * input.dtype.type(1.001))
    divergence = compare(small()).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase, divergence.tensor) == (1, "forward", "logits")


def test_decay_of_weights_alone_is_found_in_a_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = F.sgd_step

    def undecayed(param: Any, grad: Any, lr: float, weight_decay: float = 0.0, **out: Any) -> Any:
        return exact(param, grad, lr, weight_decay if param.ndim > 1 else 0.0, **out)

    monkeypatch.setattr(F, "sgd_step", undecayed)
    divergence = compare(small()).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase) == (1, "step")
    assert divergence.tensor.endswith("bias")


def test_gradients_that_are_not_forgotten_are_found_at_the_second_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optim.SGD, "zero_grad", lambda self: None)
    divergence = compare(small()).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase) == (2, "backward")


def test_models_that_agree_before_the_copy_are_a_bad_case(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small()
    weights = TorchSide(experiment.recipe, "float32", 0).weights()
    monkeypatch.setattr(NumpySide, "weights", lambda self: weights)
    monkeypatch.setattr(TorchSide, "weights", lambda self: weights)
    with pytest.raises(BadCaseError, match=r"fc1.weight is the same on both sides before"):
        Lockstep(experiment)


def test_weights_in_shared_memory_are_a_bad_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def alias(self: NumpySide, weights: dict[str, np.ndarray]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.data = shared[name]

    experiment = small()
    lockstep_sides: list[TorchSide] = []
    build = TorchSide.__init__

    def remember(self: TorchSide, *arguments: Any) -> None:
        build(self, *arguments)
        lockstep_sides.append(self)
        shared.update(lockstep_sides[0].weights())

    shared: dict[str, np.ndarray] = {}
    monkeypatch.setattr(TorchSide, "__init__", remember)
    monkeypatch.setattr(NumpySide, "load", alias)
    with pytest.raises(BadCaseError, match=r"fc1.weight lies in the same memory in numpy and"):
        Lockstep(experiment)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("side", [NumpySide, TorchSide])
@pytest.mark.parametrize("which", ["images", "labels", "batches"])
def test_a_run_that_writes_into_its_inputs_is_a_bad_case(
    monkeypatch: pytest.MonkeyPatch, which: str, side: Any, step: int
) -> None:
    """All runs are given the same arrays, so that all would go wrong alike."""
    train = side.steps

    def writing(
        self: Any, images: np.ndarray, labels: np.ndarray, batches: list[np.ndarray]
    ) -> Iterator[Any]:
        inputs = {"images": images, "labels": labels, "batches": batches[0]}
        for outcome in train(self, images, labels, batches):
            if outcome.number == step and self.dtype == "float32":
                inputs[which][:] = 0
            yield outcome

    monkeypatch.setattr(side, "steps", writing)
    message = (
        f"step {step}: the images, labels or batches are not what they were before the first step, "
        "and every run is given the same"
    )
    with pytest.raises(BadCaseError, match=f"^{message}$"):
        compare(small(epochs=1))


def test_each_order_of_a_batch_rounds_in_its_own_way() -> None:
    """Two numbers add up to the same in either order, and three times two do not."""
    for size in (1, 2, 3):
        batch = np.arange(10, 10 + size)
        tiled = reordered(batch, np.arange(size)[::-1])
        assert len(tiled) == (3 if size == 3 else 3 * size)
        np.testing.assert_array_equal(tiled[:size], batch[::-1])
        np.testing.assert_array_equal(np.bincount(tiled)[10:], len(tiled) // size)


@pytest.fixture
def overflow() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@pytest.mark.usefixtures("overflow")
def test_a_loss_that_is_not_finite_stops_with_step_and_tensor() -> None:
    with pytest.raises(FloatingPointError, match=r"step \d+: the loss is not finite, nor is log"):
        compare(small("logistic", lr=3e38))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"batch_size": -3}, "batch-size is -3, expected at least 1"),
        ({"batch_size": 151}, "batch-size is 151, expected at most the 150 training images"),
        ({"train_size": 1416}, "train-size is 1416, expected at most the 1415 training images"),
        ({"train_size": 0}, "train-size is 0, expected at least 1"),
        ({"lr": float("nan")}, "lr is nan, expected a finite number above 0"),
        ({"lr": 0.0}, "lr is 0.0, expected a finite number above 0"),
        ({"weight_decay": -1.0}, "weight-decay is -1.0, expected a finite number of at least 0"),
        ({"seed": -1}, "seed is -1, expected at least 0"),
    ],
)
def test_an_impossible_schedule_is_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**choices)


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(InputError, match=r"recipe is 'nope', expected one of .*logistic"):
        prepare("nope", Settings())


@pytest.mark.parametrize("resync", [False, True])
def test_a_jump_at_a_kink_is_told_from_a_wrong_gradient(
    monkeypatch: pytest.MonkeyPatch, resync: bool
) -> None:
    """A ReLU on the other side of zero is drift; the same net with a wrong gradient is not."""
    experiment = small("cnn-adam", train_size=1000, batch_size=128, epochs=2, weight_decay=0.0)
    assert compare(experiment, resync=resync).first_divergence is None
    exact = F.conv2d_backward

    def wrong(*arguments: Any, **options: Any) -> Any:
        grads: tuple[Any, Any, Any] = exact(*arguments, **options)
        grad_input, grad_weight, grad_bias = grads
        grad_weight.flat[np.abs(grad_weight).argmax()] *= 1.01
        return grad_input, grad_weight, grad_bias

    monkeypatch.setattr(F, "conv2d_backward", wrong)
    divergence = compare(experiment, resync=resync).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase) == (1, "backward")
    assert divergence.tensor == "conv3.weight"


# --- PyTorch's runs from weights that drifted -----------------------------------------------------


def before_step(number: int, recipe: str, **choices: Any) -> tuple[Lockstep, Case]:
    """A lock-step that stands before step `number`, and the case that this step is."""
    lockstep = Lockstep(small(recipe, dtype="float64", **choices))
    steps = lockstep.steps()
    for _ in range(1, number):
        next(steps)
    side = lockstep.sides["numpy"]
    weights, moments = deepcopy((side.weights(), side.moments()))
    batch = lockstep.experiment.batches()[number - 1]
    case = lockstep.case_of(number, batch, weights, moments)
    next(steps)
    return lockstep, case


@pytest.mark.parametrize("recipe", ["logistic", "linear-adam"])
def test_a_nudged_run_without_drift_is_the_step_itself(recipe: str) -> None:
    lockstep, case = before_step(3, recipe)
    expected = lockstep.sides["torch"].weights()
    runs = list(lockstep.nudged(case, dict.fromkeys(expected, 0.0)))
    assert len(runs) == 8
    for run in runs:
        for name, array in expected.items():
            moved = np.abs(run["step", name] - array).max()
            assert 0 < moved < 1e-12


@pytest.mark.parametrize("drift", [1e-6, 1e-2])
def test_a_nudge_is_as_large_as_the_drift_of_its_tensor(drift: float) -> None:
    """At this learning rate the weights after the step are those before it."""
    lockstep, case = before_step(1, "logistic", lr=1e-30)
    drifts = {"fc.weight": drift, "fc.bias": 2 * drift}
    moves: dict[str, list[np.ndarray]] = {name: [] for name in drifts}
    for run in lockstep.nudged(case, drifts):
        for name in drifts:
            moves[name].append(run["step", name] - case.weights[name])
    for name, reach in drifts.items():
        relative = np.stack(moves[name]) / (reach * np.abs(case.weights[name]).max())
        assert 0.8 < relative.max() <= 1
        assert -1 <= relative.min() < -0.8


def test_nudges_are_the_same_each_time() -> None:
    lockstep, case = before_step(2, "logistic")
    drifts = dict.fromkeys(case.weights, 1e-3)
    first, second = (list(lockstep.nudged(case, drifts)) for _ in range(2))
    for run, again in zip(first, second, strict=True):
        for key, array in run.items():
            np.testing.assert_array_equal(array, again[key])


@pytest.mark.parametrize("recipe", ["logistic", "linear-adam"])
def test_re_synchronised_runs_hold_what_pytorch_holds(recipe: str) -> None:
    lockstep = Lockstep(small(recipe), resync=True)
    steps = lockstep.steps()
    next(steps)
    next(steps)
    torch = lockstep.sides["torch"]
    lockstep.synchronise(2)
    for side in lockstep.sides.values():
        for name, array in torch.weights().items():
            np.testing.assert_array_equal(side.weights()[name], array)
        for name, arrays in torch.moments().items():
            for mine, other in zip(side.moments()[name], arrays, strict=True):
                np.testing.assert_array_equal(mine, other)


def test_nothing_is_nudged_while_parity_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every further valid run would widen what is allowed."""

    def nudged(self: Lockstep, case: Case, drift: dict[str, float]) -> Iterator[Any]:
        pytest.fail(f"step {case.step} was run again")

    monkeypatch.setattr(Lockstep, "nudged", nudged)
    assert len(list(Lockstep(small()).steps())) == 6


def test_the_case_of_the_first_divergence_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim.SGD, "zero_grad", lambda self: None)
    lockstep = Lockstep(small())
    diverged = [report.number for report in lockstep.steps() if report.divergence is not None]
    assert diverged[0] == 2
    assert lockstep.case is not None
    assert lockstep.case.step == 2


def test_a_difference_that_a_valid_run_has_too_is_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault starts at the second step, and the run that has it is taken for a valid one."""
    drifts: list[dict[str, float]] = []

    def like_numpy(self: Lockstep, case: Case, drift: dict[str, float]) -> Iterator[Any]:
        drifts.append(drift)
        yield seen[case.step]

    seen: dict[int, Any] = {}
    monkeypatch.setattr(Lockstep, "nudged", like_numpy)
    monkeypatch.setattr(optim.SGD, "zero_grad", lambda self: None)
    step = Comparison.step

    def remember(self: Comparison, number: int, **runs: Any) -> StepReport:
        seen[number] = {key: array.copy() for key, array in runs["numpy"].items()}
        return step(self, number, **runs)

    monkeypatch.setattr(Comparison, "step", remember)
    lockstep = Lockstep(small())
    first, second, *_ = lockstep.steps()
    assert not first.drifted
    assert second.drifted is True
    assert second.divergence is None
    assert lockstep.case is None
    assert all(0 < reach < 1e-5 for reach in drifts[0].values())


def test_the_seconds_of_each_side_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("parity.lockstep.perf_counter", lambda: next(clock))
    lockstep = Lockstep(small())
    assert set(lockstep.seconds.values()) == {0}
    for step in lockstep.steps():
        assert set(lockstep.seconds.values()) == {step.number}
