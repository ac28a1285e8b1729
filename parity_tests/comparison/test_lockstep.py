"""Lock-step on the embedded digits: parity holds, and every planted error is found and named."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from typing import Any

import numpy as np
import pytest

from numpy_impl import convolution, optim
from numpy_impl import functional as F
from parity.backends import NumpyBackend, NumpyProgram, TorchBackend
from parity.comparison.compare import compare, lockstep_of
from parity.comparison.lockstep import Lockstep
from parity.comparison.pair import compare_programs
from parity.comparison.pair_file import TEMPLATE
from parity.errors import BadCaseError, InputError
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES
from parity_tests.experiments import small


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


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("recipe", RECIPES)
def test_both_backends_learn_the_same(recipe: str) -> None:
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
    weights = TorchBackend(experiment.recipe, "float32", 0).weights()
    monkeypatch.setattr(NumpyBackend, "weights", lambda self: weights)
    monkeypatch.setattr(TorchBackend, "weights", lambda self: weights)
    with pytest.raises(
        BadCaseError,
        match=r"^the same in both programs before the weights were copied: "
        r"fc1.weight, fc1.bias, fc2.weight, fc2.bias; if that is meant, say constant=",
    ):
        lockstep_of(experiment)


@pytest.mark.parametrize("scale", [1.0, 1e-9])
@pytest.mark.parametrize(("off", "agree"), [(0.9e-3, True), (1.1e-3, False)])
def test_weights_agree_within_a_thousandth(
    monkeypatch: pytest.MonkeyPatch, off: float, agree: bool, scale: float
) -> None:
    """However small they are."""
    experiment = small()
    weights = {
        k: v * scale for k, v in TorchBackend(experiment.recipe, "float64", 0).weights().items()
    }
    other = {name: array * (1 + off) for name, array in weights.items()}
    monkeypatch.setattr(NumpyBackend, "weights", lambda self: other)
    monkeypatch.setattr(TorchBackend, "weights", lambda self: weights)
    monkeypatch.setattr(Lockstep, "check_that_nothing_is_shared", lambda self: None)
    with (
        pytest.raises(BadCaseError, match="before the weights were copied")
        if agree
        else nullcontext()
    ):
        lockstep_of(experiment)


def test_weights_in_shared_memory_are_a_bad_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def alias(self: NumpyBackend, weights: dict[str, np.ndarray]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.data = shared[name]

    experiment = small()
    build = TorchBackend.__init__

    def remember(self: TorchBackend, *arguments: Any) -> None:
        build(self, *arguments)
        shared.update(self.weights())

    shared: dict[str, np.ndarray] = {}
    monkeypatch.setattr(TorchBackend, "__init__", remember)
    monkeypatch.setattr(NumpyBackend, "load", alias)
    with pytest.raises(BadCaseError, match=r"fc1.weight lies in the same memory in numpy and"):
        lockstep_of(experiment)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("which", [0, 1])
def test_a_program_that_writes_into_its_batch_is_a_bad_case(which: int, step: int) -> None:
    """All runs are given the same arrays, so that all would go wrong alike."""
    pair: dict[str, Any] = {}
    exec(TEMPLATE, pair)
    arguments, train, calls = pair["pair"](), pair["step"], count(1)

    def writing(*batch: np.ndarray) -> Any:
        found = train(*batch)
        if next(calls) == step:
            batch[which][:] = 0
        return found

    message = (
        f"step {step}: the inputs are not what they were before the first step, and every run is "
        "given the same"
    )
    programs = {**arguments, "numpy": NumpyProgram(writing, pair["params"])}
    with pytest.raises(BadCaseError, match=f"^{message}$"):
        compare_programs(**programs, steps=3)


@pytest.mark.parametrize("backend", [NumpyBackend, TorchBackend])
def test_what_a_run_writes_into_its_images_reaches_no_other(
    monkeypatch: pytest.MonkeyPatch, backend: Any
) -> None:
    """Of a recipe each run is given copies."""
    losses = [step.loss for step in compare(small(epochs=1)).steps]
    train = backend.steps

    def writing(self: Any, images: np.ndarray, labels: np.ndarray, *others: Any) -> Iterator[Any]:
        yield from train(self, images, labels, *others)
        images[:], labels[:] = 0, 0

    monkeypatch.setattr(backend, "steps", writing)
    assert [step.loss for step in compare(small(epochs=1)).steps] == losses


@pytest.fixture
def overflow() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@pytest.mark.usefixtures("overflow")
def test_a_loss_that_is_not_finite_stops_with_step_and_tensor() -> None:
    with pytest.raises(
        FloatingPointError,
        match=r"step \d+: the loss is not finite; the first tensor that is not: log",
    ):
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
    """A ReLU on the other backend of zero is drift; the same net with a wrong gradient is not."""
    experiment = small("cnn-adam", train_size=1000, batch_size=128, epochs=2, weight_decay=0.0)
    assert compare(experiment, resync=resync).first_divergence is None
    exact = convolution.convolve_backward

    def wrong(*arguments: Any, **options: Any) -> Any:
        grads: tuple[Any, Any, Any] = exact(*arguments, **options)
        grad_input, grad_weight, grad_bias = grads
        grad_weight.flat[np.abs(grad_weight).argmax()] *= 1.01
        return grad_input, grad_weight, grad_bias

    monkeypatch.setattr(convolution, "convolve_backward", wrong)
    divergence = compare(experiment, resync=resync).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase) == (1, "backward")
    assert divergence.tensor == "conv3.weight"
