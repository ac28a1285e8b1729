"""The training loops of NumPy and PyTorch."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

import numpy_impl.models
import numpy_impl.nn
import numpy_impl.optim
import numpy_impl.training
import torch_impl.models
import torch_impl.optim
import torch_impl.training
from parity import datasets
from parity_tests.assertions import assert_close
from parity_tests.model_pairs import ARGUMENTS, batch, equal_models, to_torch, weights

BACKENDS = {
    "numpy": (numpy_impl.training, numpy_impl.optim),
    "torch": (torch_impl.training, torch_impl.optim),
}
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_model = pytest.mark.parametrize("name", ARGUMENTS)

N = 23  # batches of 5 leave one of 3


def make_model(backend: str, name: str, dtype: str = "float64") -> Any:
    return equal_models(name, dtype, seed=0)[backend == "torch"]


def sgd(backend: str, model: Any, lr: float = 0.1) -> Any:
    return BACKENDS[backend][1].SGD(model.parameters(), lr, weight_decay=0.01)


# --- steps ---------------------------------------------------------------------------------------


@each_model
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_both_backends_take_the_same_steps(name: str, optimizer: str) -> None:
    """Logits, loss and weights at every step of two epochs, whose last batches are smaller."""
    images, labels = batch(name, "float64", seed=1, n=N)
    batches = list(datasets.batches(N, 5, epochs=2, seed=2))
    assert [len(indices) for indices in batches] == [5, 5, 5, 5, 3] * 2
    models = dict(zip(BACKENDS, equal_models(name, "float64", seed=0), strict=True))
    runs = []
    for backend, (training, optim) in BACKENDS.items():
        chosen = getattr(optim, optimizer)(models[backend].parameters(), lr=0.01, weight_decay=0.01)
        runs.append(training.steps(models[backend], chosen, images, labels, batches))
    for number, (ours, theirs) in enumerate(zip(*runs, strict=True), start=1):
        assert ours.number == theirs.number == number
        assert_close(f"step {number}: logits", ours.logits, theirs.logits.numpy())
        assert_close(f"step {number}: loss", np.array(ours.loss), np.array(theirs.loss))
        for key, array in weights(models["torch"]).items():
            mine = weights(models["numpy"])[key]
            # The contract's 1e-9 for a whole run: Adam amplifies rounding where gradients vanish.
            np.testing.assert_allclose(
                mine, array, rtol=0, atol=1e-9 * np.abs(array).max(), err_msg=f"{number}: {key}"
            )


@each_backend
def test_fit_calls_back_after_each_step(backend: str) -> None:
    training = BACKENDS[backend][0]
    model, other = (make_model(backend, "FeedForward") for _ in range(2))
    images, labels = batch("FeedForward", "float64", seed=1, n=N)
    batches = list(datasets.batches(N, 5, epochs=1, seed=2))
    seen: list[Any] = []
    training.fit(model, sgd(backend, model), images, labels, batches, on_step=seen.append)
    assert [step.number for step in seen] == [1, 2, 3, 4, 5]
    assert [len(step.logits) for step in seen] == [5, 5, 5, 5, 3]
    training.fit(other, sgd(backend, other), images, labels, batches)  # it may be left out
    for name, array in weights(model).items():
        np.testing.assert_array_equal(array, weights(other)[name])


@each_backend
def test_a_step_trains_on_its_own_batch_only(backend: str) -> None:
    """The gradients of the last batch are in the parameters, and of no other."""
    training = BACKENDS[backend][0]
    images, labels = batch("SoftmaxRegression", "float64", seed=1, n=N)
    model = make_model(backend, "SoftmaxRegression")
    batches = [np.arange(5), np.arange(5, 12)]
    for _ in training.steps(model, sgd(backend, model, lr=0.0), images, labels, batches):
        pass
    fresh = make_model(backend, "SoftmaxRegression")
    training.fit(fresh, sgd(backend, fresh, lr=0.0), images, labels, batches[1:])
    for parameter, expected in zip(model.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(np.asarray(parameter.grad), np.asarray(expected.grad))


@each_backend
def test_arguments_may_be_named(backend: str) -> None:
    images, labels = batch("SoftmaxRegression", "float64", seed=1, n=N)
    model = make_model(backend, "SoftmaxRegression")
    run = BACKENDS[backend][0].steps(
        model=model,
        optimizer=sgd(backend, model),
        images=images,
        labels=labels,
        batches=[np.arange(5)],
    )
    assert [step.number for step in run] == [1]


@pytest.mark.usefixtures("unchecked")
def test_there_must_be_a_label_for_each_image() -> None:
    images, labels = batch("SoftmaxRegression", "float64", seed=1, n=N)
    model = make_model("numpy", "SoftmaxRegression")
    run = numpy_impl.training.steps(model, sgd("numpy", model), images, labels[1:], [np.arange(5)])
    with pytest.raises(ValueError, match=r"^labels has length 22, expected 23 as images has$"):
        next(run)


@pytest.mark.parametrize("name", ["FeedForward", "ConvNet"])
def test_portions_make_the_step_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    images, labels = batch(name, "float64", seed=1, n=N)
    runs: list[Any] = []
    lengths: list[int] = []
    for portion in (None, 4):
        model = make_model("numpy", name)
        forward = model.forward

        def noting(input: ndarray, forward: Any = forward) -> ndarray:
            lengths.append(len(input))
            return forward(input)

        monkeypatch.setattr(model, "portion", portion, raising=False)
        monkeypatch.setattr(model, "forward", noting)
        run = numpy_impl.training.steps(
            model, sgd("numpy", model), images, labels, [np.arange(10), np.arange(10, N)]
        )
        runs.append((model, list(run)))
    assert lengths == [10, 13, 4, 4, 2, 4, 4, 4, 1]
    (whole, steps), (parts, others) = runs
    for ours, theirs in zip(steps, others, strict=True):
        assert_close("logits", theirs.logits, ours.logits)
        assert_close("loss", np.array(theirs.loss), np.array(ours.loss))
    for key, array in weights(whole).items():
        assert_close(key, weights(parts)[key], array)


@each_model
def test_what_a_caller_keeps_is_overwritten_by_no_later_step(name: str) -> None:
    images, labels = batch(name, "float64", seed=1, n=N)
    model = make_model("numpy", name)
    optimizer = numpy_impl.optim.Adam(model.parameters())
    kept: list[ndarray] = []
    run = numpy_impl.training.steps(model, optimizer, images, labels, [np.arange(5)] * 4)
    for step in run:
        if step.number == 1:
            kept = [step.logits, *(parameter.grad for parameter in model.parameters())]
            copies = [array.copy() for array in kept]
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# --- evaluation ----------------------------------------------------------------------------------


@each_backend
@each_model
@pytest.mark.parametrize("batch_size", [1, 4, 7, 22, 23, 1000])
def test_evaluation_is_exact_for_any_batch_size(backend: str, name: str, batch_size: int) -> None:
    images, labels = batch(name, "float64", seed=1, n=N)
    model = make_model(backend, name)
    logits = np.asarray(BACKENDS[backend][0].predict(model, images))
    assert logits.shape == (N, 3)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    losses = -np.log(odds[np.arange(N), labels] / odds.sum(axis=1))
    right = sum(logits[n].argmax() == labels[n] for n in range(N))
    evaluation = BACKENDS[backend][0].evaluate(model, images, labels, batch_size)
    assert evaluation.loss == pytest.approx(losses.mean(), rel=1e-12)
    assert evaluation.accuracy == right / N
    assert 0 < right < N


@pytest.mark.parametrize("function", ["evaluate", "predict"])
def test_a_thousand_images_are_evaluated_at_a_time(function: str) -> None:
    """So that the memory it takes does not grow with the number of images."""
    lengths: list[int] = []

    class Recorder(numpy_impl.nn.Module):
        def forward(self, input: ndarray) -> ndarray:
            lengths.append(len(input))
            return input

    arguments = [np.zeros(2001, np.int64)] if function == "evaluate" else []
    getattr(numpy_impl.training, function)(Recorder(), np.eye(2001, 3), *arguments)
    assert lengths == [1000, 1000, 1]


def test_a_model_is_given_its_portions() -> None:
    lengths: list[int] = []

    class Recorder(numpy_impl.nn.Module):
        portion = 2

        def forward(self, input: ndarray) -> ndarray:
            lengths.append(len(input))
            return input

    numpy_impl.training.predict(Recorder(), np.eye(5, 3), batch_size=4)
    assert lengths == [2, 2, 1]


@each_backend
def test_evaluation_changes_no_weights(backend: str) -> None:
    images, labels = batch("FeedForward", "float64", seed=1, n=N)
    model = make_model(backend, "FeedForward")
    before = weights(model)
    BACKENDS[backend][0].evaluate(model, images, labels)
    for name, array in weights(model).items():
        np.testing.assert_array_equal(array, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())


@each_backend
@pytest.mark.parametrize(("n", "batch_size"), [(0, 5), (4, 0), (4, -1)])
def test_nothing_to_evaluate_is_an_error(backend: str, n: int, batch_size: int) -> None:
    images, labels = batch("FeedForward", "float64", seed=1, n=n)
    message = f"predict: got {n} images and batch_size {batch_size}, expected at least 1"
    with pytest.raises(ValueError, match=message):
        BACKENDS[backend][0].evaluate(
            make_model(backend, "FeedForward"), images, labels, batch_size
        )


# --- a loss that is not finite -------------------------------------------------------------------


def nan_weight(images: ndarray, state: dict[str, ndarray]) -> None:
    state["fc.weight"][2, 1] = np.nan


def nan_pixel(images: ndarray, state: dict[str, ndarray]) -> None:
    images[7, 3] = np.nan


def overflowing_logits(images: ndarray, state: dict[str, ndarray]) -> None:
    images[7] = 1e38
    state["fc.weight"][:] = 10


def logits_too_far_apart(images: ndarray, state: dict[str, ndarray]) -> None:
    images[7] = 1e38
    state["fc.weight"][:] = np.array([[0.4], [-0.4], [-0.4]])


@each_backend
@pytest.mark.parametrize(
    ("harm", "step", "message"),
    [
        (nan_weight, 1, "step 1: the loss is not finite; the first tensor that is not: fc.weight"),
        (nan_pixel, 2, "step 2: the loss is not finite; the first tensor that is not: input"),
        (
            overflowing_logits,
            2,
            "step 2: the loss is not finite; the first tensor that is not: logits",
        ),
        (logits_too_far_apart, 2, "step 2: the loss is not finite$"),
    ],
)
def test_a_loss_that_is_not_finite_stops_the_run(
    backend: str, harm: Any, step: int, message: str
) -> None:
    """The step and the first tensor are named, and the bad step leaves the weights alone."""
    images, labels = batch("SoftmaxRegression", "float32", seed=1, n=10)
    labels[7] = 1
    model = make_model(backend, "SoftmaxRegression", "float32")
    state = weights(model)
    harm(images, state)
    model.load_state_dict(to_torch(state) if backend == "torch" else state)
    run = BACKENDS[backend][0].steps(
        model, sgd(backend, model, lr=1e-30), images, labels, np.arange(10).reshape(2, 5)
    )
    for _ in range(1, step):
        next(run)
    before = weights(model)
    with pytest.raises(FloatingPointError, match=message):
        next(run)
    for name, array in weights(model).items():
        np.testing.assert_array_equal(array, before[name])


@each_backend
def test_a_run_that_diverges_says_when(backend: str) -> None:
    images, labels = batch("FeedForward", "float32", seed=1, n=10)
    model = make_model(backend, "FeedForward", "float32")
    batches = [np.arange(10)] * 50
    with pytest.raises(FloatingPointError, match=r"step \d+: the loss is not finite; the first t"):
        BACKENDS[backend][0].fit(model, sgd(backend, model, lr=1e38), images, labels, batches)


# --- both backends learn --------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "arguments", "optimizer", "lr"),
    [
        ("SoftmaxRegression", (784, 10), "SGD", 0.1),
        ("FeedForward", (784, 100, 10), "SGD", 0.1),
        ("ConvNet", (10,), "Adam", 0.003),
    ],
)
def test_both_backends_learn_the_same(
    name: str, arguments: tuple[int, ...], optimizer: str, lr: float
) -> None:
    """Five times as good as guessing on the embedded digits, and within one test image."""
    digits = datasets.load("digits")
    images, labels = digits.train.images.astype(np.float64), digits.train.labels
    batches = list(datasets.batches(len(images), 16, epochs=4, seed=0))
    rng = np.random.default_rng(0)
    ours = getattr(numpy_impl.models, name)(*arguments, dtype=np.float64, rng=rng)
    theirs = getattr(torch_impl.models, name)(*arguments, dtype=torch.float64)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    accuracies = []
    for backend, model in (("numpy", ours), ("torch", theirs)):
        training, optim = BACKENDS[backend]
        chosen = getattr(optim, optimizer)(model.parameters(), lr)
        training.fit(model, chosen, images, labels, batches)
        test_images = digits.test.images.astype(np.float64)
        accuracies.append(training.evaluate(model, test_images, digits.test.labels).accuracy)
    assert min(accuracies) >= 0.5, accuracies
    assert abs(accuracies[0] - accuracies[1]) <= 1 / len(digits.test), accuracies
