"""Each model against PyTorch's and against finite differences, and its state_dict."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from numpy import ndarray

from numpy_impl import functional as F
from numpy_impl import models, nn
from parity.strategies import seeds, sizes, uniform
from parity_tests.assertions import assert_as_accurate, assert_close, assert_derivative, error
from parity_tests.model_pairs import (
    ARGUMENTS,
    CLASSES,
    batch,
    equal_models,
    gradients,
    independent_models,
    weights,
)

each_model = pytest.mark.parametrize("name", ARGUMENTS)


def run_numpy(model: Any, images: ndarray, labels: ndarray) -> ndarray:
    """Forward and backward of the mean cross-entropy; returns the logits."""
    logits = model(images)
    model.backward(F.cross_entropy_backward(1.0, logits, labels))
    return logits


def run_torch(model: Any, images: ndarray, labels: ndarray) -> ndarray:
    logits = model(torch.from_numpy(images))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
    return logits.detach().numpy()


# --- against PyTorch and finite differences ------------------------------------------------------


@each_model
@given(seed=seeds, n=sizes)
def test_float64_agrees_with_pytorch(name: str, seed: int, n: int) -> None:
    ours, theirs = equal_models(name, "float64", seed)
    images, labels = batch(name, "float64", seed, n)
    logits = run_numpy(ours, images, labels)
    assert_close("logits", logits, run_torch(theirs, images, labels))
    expected = gradients(theirs)
    for parameter, grad in gradients(ours).items():
        assert_close(parameter, grad, expected[parameter])


@each_model
@given(seed=seeds, n=sizes)
def test_float32_is_as_near_to_the_truth_as_pytorch(name: str, seed: int, n: int) -> None:
    ours, theirs = equal_models(name, "float32", seed)
    _, exact = equal_models(name, "float64", seed)
    exact.load_state_dict(theirs.state_dict())
    images, labels = batch(name, "float32", seed, n)
    logits = run_numpy(ours, images, labels)
    truth = run_torch(exact, images.astype(np.float64), labels)
    assert_as_accurate("logits", logits, run_torch(theirs, images, labels), truth)
    torch_grads, true_grads = gradients(theirs), gradients(exact)
    for parameter, grad in gradients(ours).items():
        assert_as_accurate(parameter, grad, torch_grads[parameter], true_grads[parameter])


@each_model
def test_gradients_agree_with_finite_differences(name: str) -> None:
    model, _ = equal_models(name, "float64", seed=0)
    images, labels = batch(name, "float64", seed=1, n=2)
    if name == "ConvNet":  # a step of 6e-6 in one weight moves no unit across its kink
        features = images.reshape(-1, 1, 28, 28)
        for layer in (model.conv1, model.conv2, model.conv3):
            features = layer(features)
            assert np.abs(features).min() > 2e-5
            features = F.relu(features)
    run_numpy(model, images, labels)
    for parameter_name, parameter in model.named_parameters():
        assert_derivative(
            parameter_name,
            parameter.grad,
            lambda: F.cross_entropy(model(images), labels).item(),
            parameter.data,
            places=20,
        )


@each_model
def test_models_disagree_before_their_weights_are_copied(name: str) -> None:
    """The negative control: the tests above can fail."""
    ours, theirs = independent_models(name, "float64", seed=0)
    images, labels = batch(name, "float64", seed=0, n=4)
    assert error(run_numpy(ours, images, labels), run_torch(theirs, images, labels)) > 1e-3
    expected = gradients(theirs)
    for parameter, grad in gradients(ours).items():
        assert error(grad, expected[parameter]) > 1e-3


# --- laws ----------------------------------------------------------------------------------------


@each_model
@given(seed=seeds, n=sizes)
def test_permuting_the_batch_changes_nothing_but_rounding(name: str, seed: int, n: int) -> None:
    ours, again = (equal_models(name, "float64", seed)[0] for _ in range(2))
    images, labels = batch(name, "float64", seed, n)
    order = np.random.default_rng(seed).permutation(n)
    logits = run_numpy(ours, images, labels)
    assert_close("logits", run_numpy(again, images[order], labels[order]), logits[order])
    for parameter, grad in gradients(again).items():
        assert_close(parameter, grad, gradients(ours)[parameter])


@each_model
@given(seed=seeds)
def test_micro_batches_add_up_to_the_batch(name: str, seed: int) -> None:
    """k backwards on parts of the batch, each with its share of the mean, make one gradient."""
    whole, parts = (equal_models(name, "float64", seed)[0] for _ in range(2))
    images, labels = batch(name, "float64", seed, n=11)
    run_numpy(whole, images, labels)
    for part in np.split(np.arange(11), [2, 7]):  # 2, 5 and 4 images
        logits = parts(images[part])
        parts.backward(F.cross_entropy_backward(len(part) / 11, logits, labels[part]))
    for parameter, grad in gradients(parts).items():
        assert_close(parameter, grad, gradients(whole)[parameter])


@given(seed=seeds, n=sizes)
def test_permuting_hidden_units_permutes_the_gradients(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    model, permuted = (equal_models("FeedForward", "float64", seed)[0] for _ in range(2))
    order = rng.permutation(5)
    columns: dict[str, Any] = {
        "fc1.weight": order,
        "fc1.bias": order,
        "fc2.weight": (slice(None), order),
    }
    columns["fc2.bias"] = slice(None)
    permuted.load_state_dict({k: array[columns[k]] for k, array in model.state_dict().items()})
    images, labels = batch("FeedForward", "float64", seed, n)
    logits = run_numpy(model, images, labels)
    assert_close("logits", run_numpy(permuted, images, labels), logits)
    for parameter, grad in gradients(permuted).items():
        expected = gradients(model)[parameter][columns[parameter]]
        assert_close(parameter, grad, expected)


# --- gradients and what is kept ------------------------------------------------------------------


@each_model
def test_gradients_add_up_until_zero_grad(name: str) -> None:
    model, _ = equal_models(name, "float64", seed=0)
    first, second = batch(name, "float64", 1, n=4), batch(name, "float64", 2, n=6)
    assert all(parameter.grad is None for parameter in model.parameters())
    run_numpy(model, *first)
    one = gradients(model)
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    run_numpy(model, *second)
    other = gradients(model)
    run_numpy(model, *first)
    for parameter, grad in gradients(model).items():
        np.testing.assert_array_equal(grad, one[parameter] + other[parameter])


@each_model
def test_a_run_changes_neither_weights_nor_images(name: str) -> None:
    model, _ = equal_models(name, "float64", seed=0)
    images, labels = batch(name, "float64", seed=0, n=4)
    before, images_before = weights(model), images.copy()
    logits = run_numpy(model, images, labels)
    logits_before = logits.copy()
    run_numpy(model, *batch(name, "float64", seed=1, n=4))
    np.testing.assert_array_equal(logits, logits_before)  # and keeps out of earlier results
    np.testing.assert_array_equal(images, images_before)
    for parameter, array in weights(model).items():
        np.testing.assert_array_equal(array, before[parameter])


@each_model
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_dtype_throughout(name: str, dtype: str) -> None:
    model = getattr(models, name)(*ARGUMENTS[name], dtype=np.dtype(dtype))
    images, labels = batch(name, dtype, seed=0, n=4)
    assert run_numpy(model, images, labels).dtype == dtype
    assert {parameter.data.dtype for parameter in model.parameters()} == {np.dtype(dtype)}
    assert {parameter.grad.dtype for parameter in model.parameters()} == {np.dtype(dtype)}


@each_model
def test_the_gradient_of_the_images_is_not_computed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks for it, and it would cost as much as the largest of the others."""
    model, _ = equal_models(name, "float64", seed=0)
    first = next(value for value in vars(model).values() if isinstance(value, nn.Module))
    whole, returned = first.backward, []
    monkeypatch.setattr(first, "backward", lambda *a, **k: returned.append(whole(*a, **k)))
    run_numpy(model, *batch(name, "float64", seed=0, n=4))
    assert returned == [None]


# --- initial weights -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "theirs", "fan_in"),
    [
        (nn.Linear, torch.nn.Linear(300, 200), 300),
        (nn.Conv2d, torch.nn.Conv2d(20, 200, (3, 5)), 300),
    ],
)
def test_initial_weights_are_spread_as_in_pytorch(layer: Any, theirs: Any, fan_in: int) -> None:
    shape = (300, 200) if layer is nn.Linear else (20, 200, (3, 5))
    ours = layer(*shape, rng=np.random.default_rng(0))
    bound = 1 / np.sqrt(fan_in)
    for name, parameter in ours.named_parameters():
        other = dict(theirs.named_parameters())[name].detach().numpy()
        assert parameter.data.shape == other.shape
        for array in (parameter.data, other):
            assert 0.9 * bound < np.abs(array).max() <= bound * (1 + 1e-6)
            # Uniform in ±bound; six times the standard error of the mean and of the deviation.
            assert abs(array.mean()) < 6 * bound / np.sqrt(3 * array.size)
            assert array.std() * np.sqrt(3) / bound == pytest.approx(1, abs=3 / np.sqrt(array.size))


@each_model
def test_initial_weights_follow_the_generator(name: str) -> None:
    one, same, other = (
        independent_models(name, "float32", seed)[0].state_dict() for seed in (0, 0, 1)
    )
    for parameter, array in one.items():
        np.testing.assert_array_equal(array, same[parameter])
        assert (array != other[parameter]).any()


def test_layers_are_drawn_one_after_the_other() -> None:
    """Two layers of one shape would start alike if each began the generator anew."""
    model = models.ConvNet(16)
    assert (model.conv2.weight.data != model.conv3.weight.data).any()


# --- state_dict ----------------------------------------------------------------------------------


@each_model
def test_state_dict_has_the_names_and_shapes_of_pytorch(name: str) -> None:
    ours, theirs = independent_models(name, "float64", seed=0)
    expected = {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}
    state = ours.state_dict()
    assert {key: array.shape for key, array in state.items()} == expected
    assert list(state) == list(expected)
    for key, parameter in ours.named_parameters():
        assert not np.shares_memory(state[key], parameter.data)


@each_model
def test_load_state_dict_copies_and_casts(name: str) -> None:
    source, target = (independent_models(name, "float64", seed)[0].state_dict() for seed in (0, 1))
    model = independent_models(name, "float32", seed=1)[0]
    homes = {key: parameter.data for key, parameter in model.named_parameters()}
    model.load_state_dict(source)
    for key, parameter in model.named_parameters():
        assert parameter.data is homes[key]  # an optimizer's parameters stay the model's
        assert (source[key] != target[key]).any()
        np.testing.assert_array_equal(parameter.data, source[key].astype(np.float32))


def without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: array for name, array in state.items() if name != key}


BIAS = "fc2.bias"
UNFIT = {
    "missing": (lambda s: without(s, BIAS), "fc2.bias is missing"),
    "unexpected": (lambda s: s | {"fc3.bias": s[BIAS]}, "fc3.bias is unexpected"),
    "misshapen": (
        lambda s: s | {"fc2.weight": s["fc2.weight"].T},
        r"fc2.weight has shape \(5, 3\), expected \(3, 5\)",
    ),
    "integers": (lambda s: s | {BIAS: np.arange(3)}, "fc2.bias is int64, expected a NumPy array"),
    "a list": (lambda s: s | {BIAS: [1.0, 2.0, 3.0]}, "fc2.bias is list, expected a NumPy array"),
    "two errors": (
        lambda s: without(s, "fc1.bias") | {BIAS: np.zeros(4)},
        r"fc1.bias is missing; fc2.bias has shape \(4,\), expected \(3,\)",
    ),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", UNFIT)
def test_a_state_that_does_not_fit_changes_nothing(case: str) -> None:
    model, _ = equal_models("FeedForward", "float64", seed=0)
    before = model.state_dict()
    change, message = UNFIT[case]
    state: dict[str, Any] = {name: array + 1 for name, array in before.items()}
    with pytest.raises(ValueError, match=f"state_dict does not fit FeedForward: {message}"):
        model.load_state_dict(change(state))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# --- single layers, and errors for inputs that do not fit ----------------------------------------


@pytest.mark.parametrize("layer", ["Sigmoid", "ReLU", "AvgPool2d"])
def test_layers_without_parameters(layer: str) -> None:
    rng = np.random.default_rng(0)
    images = uniform(rng, (2, 3, 5, 7), 1.0)
    arguments = (2, (1, 3)) if layer == "AvgPool2d" else ()
    ours, theirs = getattr(nn, layer)(*arguments), getattr(torch.nn, layer)(*arguments)
    leaf = torch.from_numpy(images.copy()).requires_grad_()
    expected = theirs(leaf)
    assert_close("output", ours(images), expected.detach().numpy())
    grad_output = uniform(rng, tuple(expected.shape), 1.0)
    expected.backward(torch.from_numpy(grad_output))
    assert leaf.grad is not None
    assert_close("gradient", ours.backward(grad_output), leaf.grad.numpy())


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (4, 3), (6,)])
def test_a_relu_in_place_gives_the_same_where_its_arguments_were(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    images, grad = (np.asarray(rng.standard_normal(shape)) for _ in range(2))
    layer, inplace = nn.ReLU(), nn.ReLU(inplace=True)
    before = images.copy(), grad.copy()
    expected, expected_grad = layer(images), layer.backward(grad)
    np.testing.assert_array_equal(images, before[0], "a ReLU writes over its input")
    np.testing.assert_array_equal(grad, before[1], "a ReLU writes over dy")
    assert inplace(images) is images
    np.testing.assert_array_equal(images, expected)
    assert inplace.backward(grad) is grad
    np.testing.assert_array_equal(grad, expected_grad)


def test_the_loss_as_a_layer() -> None:
    rng = np.random.default_rng(0)
    logits, target = uniform(rng, (4, CLASSES), 1.0), rng.integers(0, CLASSES, 4)
    criterion = nn.CrossEntropyLoss()
    assert criterion(logits, target) == F.cross_entropy(logits, target)
    expected = F.cross_entropy_backward(1.0, logits, target)
    np.testing.assert_array_equal(criterion.backward(), expected)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("SoftmaxRegression", (4, 8), r"linear: weight has shape \(3, 7\), expected .* in = 8"),
        ("FeedForward", (7,), r"linear: input has shape \(7,\), expected 2 dimensions"),
        ("ConvNet", (4, 392), r"ConvNet: input has shape \(4, 392\), expected \(N, 784\)"),
        ("ConvNet", (4, 1, 28, 28), r"ConvNet: input has shape .*, expected 2 dimensions"),
    ],
)
def test_a_batch_of_another_shape_is_refused(
    name: str, shape: tuple[int, ...], message: str
) -> None:
    model, _ = equal_models(name, "float64", seed=0)
    with pytest.raises(ValueError, match=message):
        model(np.zeros(shape))


@pytest.mark.usefixtures("unchecked")
@each_model
def test_a_batch_of_another_dtype_is_refused(name: str) -> None:
    model, _ = equal_models(name, "float64", seed=0)
    images, _ = batch(name, "float32", seed=0, n=4)
    with pytest.raises(TypeError, match="weight has dtype float64, expected float32 as input has"):
        model(images)
