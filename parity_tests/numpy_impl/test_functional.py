"""Every operation of the contract against PyTorch, finite differences and its own laws."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from parity.strategies import CALLS, Call, made, seeds, sizes, uniform
from parity.tolerance.table import BASE
from parity_tests import naive
from parity_tests.assertions import assert_as_accurate, assert_close, assert_derivative
from parity_tests.implementation import functional as F
from torch_impl import functional as T

each_operation = pytest.mark.parametrize("name", CALLS)
DTYPES = [np.float16, np.float32, np.float64]
EPS16 = float(np.finfo(np.float16).eps)
ROUNDING = BASE["float64"]


def gradients(call: Call, functional: Any) -> dict[str, ndarray]:
    return dict(zip(call.inputs, call.backward(functional), strict=True))


# --- against PyTorch -----------------------------------------------------------------------------


def assert_agreement(call: Call) -> None:
    """In float64, to rounding."""
    assert_close("output", call.forward(F), call.forward(T))
    expected = gradients(call, T)
    for input, grad in gradients(call, F).items():
        assert_close(f"gradient of {input}", grad, expected[input])


def assert_as_near_to_the_truth(call: Call) -> None:
    """In float32, as PyTorch is to PyTorch in float64."""
    exact = call.astype(np.float64)
    assert_as_accurate("output", call.forward(F), call.forward(T), exact.forward(T))
    theirs, truth = gradients(call, T), gradients(exact, T)
    for input, grad in gradients(call, F).items():
        assert_as_accurate(f"gradient of {input}", grad, theirs[input], truth[input])


@each_operation
@given(data=st.data())
def test_float64_agrees_with_pytorch(name: str, data: st.DataObject) -> None:
    assert_agreement(data.draw(CALLS[name]))


@each_operation
@given(data=st.data())
def test_float32_is_as_near_to_the_truth_as_pytorch(name: str, data: st.DataObject) -> None:
    assert_as_near_to_the_truth(data.draw(CALLS[name].map(lambda call: call.astype(np.float32))))


@each_operation
@given(data=st.data())
def test_backward_agrees_with_finite_differences(name: str, data: st.DataObject) -> None:
    assert_slopes(data.draw(CALLS[name]))


def test_the_steps_do_not_change_which_pixel_is_the_largest() -> None:
    shape = {"N": 4, "C": 4, "H": 9, "W": 9}
    assert_slopes(made("max_pool2d", 8917, shape, 0.001, kernel_size=3))


def assert_slopes(call: Call) -> None:
    """The backward agrees with differences, whose steps stay on one side of each kink."""
    name, step = call.name, naive.STEP
    if name == "max_pool2d":
        step = min(step, np.diff(np.sort(call.inputs["input"], axis=None)).min() / 4)
    if name == "relu":  # the step stays within the margin round the kink
        assert np.abs(call.inputs["input"]).min() > 1e-5
    for input, grad in gradients(call, F).items():
        assert_derivative(
            f"gradient of {input}",
            grad,
            lambda: float((call.grad_output * call.forward(F)).sum()),
            call.inputs[input],
            step=step,
        )


# --- what goes in and what comes out -------------------------------------------------------------


@each_operation
@given(data=st.data())
def test_inputs_are_neither_changed_nor_returned(name: str, data: st.DataObject) -> None:
    call = data.draw(CALLS[name])
    arrays = [*call.inputs.values(), call.grad_output]
    before = [array.copy() for array in arrays]
    results = [call.forward(F), *call.backward(F)]
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for result in results:
        assert not any(np.shares_memory(result, array) for array in arrays)
        assert result.flags.writeable


@each_operation
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_dtype_in_is_dtype_out(name: str, dtype: type[np.floating], data: st.DataObject) -> None:
    call = data.draw(CALLS[name].map(lambda call: call.astype(dtype)))
    assert {result.dtype for result in (call.forward(F), *call.backward(F))} == {np.dtype(dtype)}


@pytest.mark.usefixtures("unchecked")  # inside, NumPy's formulas have scalars
@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_an_array_without_dimensions_stays_an_array(name: str) -> None:
    call = Call(name, {"input": np.array(0.5)}, {}, np.array(-2.0))
    assert type(call.forward(F)) is ndarray
    assert type(call.backward(F)[0]) is ndarray
    assert_close("output", call.forward(F), call.forward(T))
    assert_close("gradient", call.backward(F)[0], call.backward(T)[0])


@each_operation
@pytest.mark.parametrize("dtype", [">f4", ">f8"])
@given(data=st.data())
def test_another_byte_order_changes_nothing(name: str, dtype: str, data: st.DataObject) -> None:
    """What comes out has the order of the machine, and the same numbers as if all came in it."""
    swapped = data.draw(CALLS[name].map(lambda call: call.astype(dtype)))
    call = swapped.astype(np.dtype(dtype).newbyteorder("="))
    for ours, expected in zip(
        (swapped.forward(F), *swapped.backward(F)),
        (call.forward(F), *call.backward(F)),
        strict=True,
    ):
        assert ours.dtype.isnative
        np.testing.assert_array_equal(ours, expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "width", "out"), [(130, 900, 10), (100_100, 5, 2), (40, 900, 40)])
def test_a_large_batch_gives_the_rows_of_a_small_one(
    n: int, width: int, out: int, dtype: type[np.floating]
) -> None:
    """Some are cut into portions, of which the last is smaller; some weights are too large."""
    rng = np.random.default_rng(0)
    inputs = {"input": uniform(rng, (n, width), 1.0), "weight": uniform(rng, (out, width), 1.0)}
    call = Call("linear", inputs, {}, uniform(rng, (n, out), 1.0)).astype(dtype)
    if dtype == np.float64:
        assert_agreement(call)
    else:
        assert_as_near_to_the_truth(call)


# --- extreme logits ------------------------------------------------------------------------------

LOGITS = {
    "far above": [[1e4, 0.0, 1.0], [3.0, 2e4, 1e4]],
    "far below": [[-1e4, 0.0, 1.0], [-3e4, -2e4, -1e4]],
    "both": [[1e4, -1e4, 0.0], [-1e4, 1e4, 1.0]],
    "ties": [[1e4, 1e4, -1e4], [2.0, 1.0, 2.0]],
    "all equal": [[7.0, 7.0, 7.0], [-1e4, -1e4, -1e4]],
    "one class": [[3.0], [-1e4]],
    "a batch of one": [[0.5, -2.0, 1e4]],
}


def assert_agreement_on_logits(logits: ndarray, seed: int) -> None:
    """The scale is that of the result, at least 1: the gradient of a saturated softmax is zero."""
    rng, dtype = np.random.default_rng(seed), logits.dtype
    target = rng.integers(0, logits.shape[1], len(logits))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("softmax", {}),
        ("log_softmax", {}),
        ("cross_entropy", {"target": target}),
        ("cross_entropy", {"target": target, "reduction": "none"}),
    ]
    for name, options in calls:
        call = Call(name, {"input": logits}, options, np.array(0))
        grad_output = uniform(rng, call.forward(T).shape, 1.0).astype(dtype)
        call = Call(name, {"input": logits}, options, grad_output)
        for ours, theirs in [
            (call.forward(F), call.forward(T)),
            (call.backward(F)[0], call.backward(T)[0]),
        ]:
            allowed = BASE[str(dtype)] * max(1, np.abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=allowed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", LOGITS)
def test_extreme_logits(case: str, dtype: type[np.floating]) -> None:
    assert_agreement_on_logits(np.array(LOGITS[case], dtype), seed=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=seeds, n=st.integers(1, 4), classes=st.integers(1, 4))
def test_drawn_extreme_logits(dtype: type[np.floating], seed: int, n: int, classes: int) -> None:
    """Most have ties, many rows are all equal, and there may be one class or one row alone."""
    logits = np.random.default_rng(seed).choice([-1e4, -1.0, 0.0, 1.0, 1e4], (n, classes))
    assert_agreement_on_logits(logits.astype(dtype), seed)


def test_sigmoid_at_its_extremes() -> None:
    input = np.array([-1e4, -800.0, -0.0, 0.0, 800.0, 1e4])
    output = F.sigmoid(input)
    np.testing.assert_array_equal(output, [0, 0, 0.5, 0.5, 1, 1])
    np.testing.assert_array_equal(
        F.sigmoid_backward(np.full(6, 2.0), output), [0, 0, 0.5, 0.5, 0, 0]
    )


def test_relu_at_its_kink() -> None:
    output = F.relu(np.array([-2.0, -0.0, 0.0, 5e-324, 2.0]))
    np.testing.assert_array_equal(output, [0, 0, 0, 5e-324, 2])
    np.testing.assert_array_equal(F.relu_backward(np.full(5, -3.0), output), [0, 0, 0, -3, -3])


def test_the_gradient_of_a_relu_whose_output_is_nan_is_that_of_pytorch() -> None:
    call = Call("relu", {"input": np.array([np.nan, -1.0, 2.0])}, {}, np.array([3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(call.backward(F)[0], [3, 0, 5])
    np.testing.assert_array_equal(call.backward(F)[0], call.backward(T)[0])


def test_the_softmax_of_an_empty_axis_is_empty() -> None:
    assert F.softmax(np.zeros((2, 0))).shape == (2, 0)


def test_nan_is_passed_on() -> None:
    nan = np.full((2, 3), np.nan)
    for output in (F.sigmoid(nan), F.relu(nan), F.softmax(nan), F.log_softmax(nan)):
        assert np.isnan(output).all()
    assert np.isnan(F.cross_entropy(nan, np.array([0, 1])))


def test_the_mean_of_many_float16_losses_is_finite() -> None:
    """Their sum is more than float16 holds."""
    loss = F.cross_entropy(np.zeros((20_000, 100), np.float16), np.zeros(20_000, np.int64))
    assert loss == np.float16(np.log(100))


def test_the_gradient_of_the_loss_is_taken_in_the_dtype_of_the_logits() -> None:
    logits = uniform(np.random.default_rng(0), (5, 4), 1.0).astype(np.float32)
    target = np.array([0, 1, 2, 3, 0])
    wide = F.cross_entropy_backward(0.1, logits, target)
    narrow = F.cross_entropy_backward(np.array(0.1, np.float32), logits, target)
    np.testing.assert_array_equal(wide, narrow, strict=True)


# --- laws ----------------------------------------------------------------------------------------


@given(seed=seeds, n=sizes, classes=sizes, constant=st.sampled_from([-1e4, -1.0, 0.5, 1e4]))
def test_softmax_is_a_distribution_and_ignores_a_constant(
    seed: int, n: int, classes: int, constant: float
) -> None:
    logits = uniform(np.random.default_rng(seed), (n, classes), 3.0)
    probabilities = F.softmax(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=ROUNDING)
    shifted = 4 * np.spacing(abs(constant))  # what logits + constant is rounded by
    np.testing.assert_allclose(F.softmax(logits + constant), probabilities, rtol=ROUNDING + shifted)


@given(seed=seeds, n=sizes, classes=sizes)
def test_rows_of_the_cross_entropy_gradient_sum_to_zero(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    logits, target = uniform(rng, (n, classes), 3.0), rng.integers(0, classes, n)
    grad = F.cross_entropy_backward(1.0, logits, target, "sum")
    np.testing.assert_allclose(grad.sum(axis=1), 0, atol=ROUNDING)
    assert (grad[np.arange(n), target] < 0).all()


@given(seed=seeds, lengths=st.lists(st.integers(1, 6), min_size=2, max_size=4), classes=sizes)
def test_the_mean_over_batches_is_weighted_by_their_lengths(
    seed: int, lengths: list[int], classes: int
) -> None:
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    logits, target = uniform(rng, (n, classes), 3.0), rng.integers(0, classes, n)
    bounds = np.cumsum([0, *lengths])
    losses = [F.cross_entropy(logits[a:b], target[a:b]) for a, b in pairwise(bounds)]
    np.testing.assert_allclose(
        F.cross_entropy(logits, target), np.average(losses, weights=lengths), rtol=ROUNDING
    )


@given(seed=seeds, n=sizes, classes=sizes)
def test_permuting_the_batch_permutes_the_gradient(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    logits, target = uniform(rng, (n, classes), 3.0), rng.integers(0, classes, n)
    order = rng.permutation(n)
    np.testing.assert_allclose(
        F.cross_entropy(logits[order], target[order]),
        F.cross_entropy(logits, target),
        rtol=ROUNDING,
    )
    grad = F.cross_entropy_backward(1.0, logits, target)
    permuted = F.cross_entropy_backward(1.0, logits[order], target[order])
    np.testing.assert_allclose(permuted, grad[order], rtol=ROUNDING)


# --- steps of the optimizers ---------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "sgd_step": {"lr": 0.1, "weight_decay": 0.3},
    "momentum_step": {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3},
    "rmsprop_step": {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.3},
    "adam_step": {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.3, "step": 3},
    "adamw_step": {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.3, "step": 3},
}
STATES = {"sgd_step": 0, "momentum_step": 1, "rmsprop_step": 1}
each_step = pytest.mark.parametrize("name", OPTIONS)


def test_every_step_of_the_contract_is_here() -> None:
    assert OPTIONS.keys() == {name for name in T.__all__ if name.endswith("_step")}


def step_arrays(name: str, rng: np.random.Generator, shape: tuple[int, ...]) -> list[ndarray]:
    arrays = [uniform(rng, shape, 1.0) for _ in range(2 + STATES.get(name, 2))]
    if name not in ("sgd_step", "momentum_step"):
        arrays[-1] = np.asarray(np.abs(arrays[-1]))  # a mean of squares
    return arrays


def run_step(
    functional: Any, name: str, arrays: list[ndarray], **changes: Any
) -> dict[str, ndarray]:
    """What the step returns, by name."""
    options = {**OPTIONS[name], **changes}
    if functional is T:
        results = T.__dict__[name](*(torch.from_numpy(array) for array in arrays), **options)
    else:
        results = getattr(F, name)(*arrays, **options)
    results = results if isinstance(results, tuple) else (results,)
    names = ("param", "first state", "second state")
    return {key: np.asarray(array) for key, array in zip(names, results, strict=False)}


@each_step
@given(seed=seeds, shape=st.lists(sizes, min_size=1, max_size=2), decays=st.booleans())
def test_steps_agree_with_pytorch(name: str, seed: int, shape: list[int], decays: bool) -> None:
    arrays = step_arrays(name, np.random.default_rng(seed), tuple(shape))
    changes = {} if decays else {"weight_decay": 0.0}
    exact = run_step(T, name, arrays, **changes)
    rounded = [array.astype(np.float32) for array in arrays]
    exact_of_rounded = run_step(T, name, [array.astype(float) for array in rounded], **changes)
    for key, ours in run_step(F, name, arrays, **changes).items():
        assert_close(f"{key} of {name}", ours, exact[key])
    theirs = run_step(T, name, rounded, **changes)
    for key, ours in run_step(F, name, rounded, **changes).items():
        truth = exact_of_rounded[key]
        assert_as_accurate(f"{key} of {name}", ours, theirs[key], truth)


def test_adam_has_the_defaults_of_pytorch() -> None:
    drawn = step_arrays("adam_step", np.random.default_rng(0), (3, 4))
    sizes = (1, 1e-7, 1e-7, 1e-14)  # so small that eps counts
    arrays = [size * array for size, array in zip(sizes, drawn, strict=True)]
    param, grad, exp_avg, exp_avg_sq = map(torch.from_numpy, arrays)
    theirs = T.adam_step(param, grad, exp_avg, exp_avg_sq, step=2)
    for mine, other in zip(F.adam_step(*arrays, step=2), theirs, strict=True):
        assert_close("adam_step", mine, other.numpy())


@pytest.mark.usefixtures("unchecked")  # a count may be NumPy's
@pytest.mark.parametrize("step", [1, np.int64(1), 2, 1000])
def test_adam_counts_its_steps_from_one(step: int) -> None:
    arrays = step_arrays("adam_step", np.random.default_rng(0), (3, 4))
    theirs = run_step(T, "adam_step", arrays, step=int(step))
    for key, ours in run_step(F, "adam_step", arrays, step=step).items():
        assert_close(f"{key} of adam_step", ours, theirs[key])


@each_step
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_keep_the_dtype_and_change_no_input(name: str, dtype: type[np.floating]) -> None:
    arrays = [a.astype(dtype) for a in step_arrays(name, np.random.default_rng(0), (3, 4))]
    before = [array.copy() for array in arrays]
    wide: dict[str, Any] = {"lr": np.float64(0.1), "weight_decay": np.float64(0.3)}
    if name.startswith("adam"):
        wide |= {"betas": (np.float64(0.8), np.float64(0.99)), "eps": np.float64(1e-3)}
    for result in run_step(F, name, arrays, **wide).values():
        assert result.dtype == dtype
        assert not any(np.shares_memory(result, array) for array in arrays)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@each_step
def test_an_infinite_parameter_stays_where_it_does_not_decay(name: str) -> None:
    """Zero times infinity is no number, so a decay of zero is no factor."""
    arrays = step_arrays(name, np.random.default_rng(0), (3,))
    arrays[0][1] = np.inf
    theirs = run_step(T, name, arrays, weight_decay=0.0)
    for key, ours in run_step(F, name, arrays, weight_decay=0.0).items():
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs[key]), key)
        assert not np.isnan(ours).any()


@pytest.mark.usefixtures("unchecked")  # inside, NumPy's formulas have scalars
@each_step
@given(seed=seeds)
def test_a_step_of_an_array_without_dimensions_returns_one(name: str, seed: int) -> None:
    arrays = step_arrays(name, np.random.default_rng(seed), ())
    options = OPTIONS[name]
    results = getattr(F, name)(*arrays, **options)
    for result in results if isinstance(results, tuple) else (results,):
        assert type(result) is ndarray
        assert result.shape == ()
    theirs = run_step(T, name, arrays)
    for key, ours in run_step(F, name, arrays).items():
        assert_close(f"{key} of {name}", ours, theirs[key])


@pytest.mark.usefixtures("unchecked")
@each_step
def test_a_step_in_another_byte_order_comes_out_in_that_of_the_machine(name: str) -> None:
    arrays = step_arrays(name, np.random.default_rng(0), (3, 4))
    swapped = [array.astype(">f8") for array in arrays]
    expected = run_step(F, name, arrays)
    for key, ours in run_step(F, name, swapped).items():
        np.testing.assert_array_equal(ours, expected[key], strict=True)
        assert ours.dtype.isnative


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_classes_may_be_integers_of_any_kind(dtype: str, reduction: str) -> None:
    logits, target = np.random.default_rng(0).random((5, 3)), np.array([0, 2, 1, 1, 0])
    for function in (
        F.cross_entropy,
        lambda *args: F.cross_entropy_backward(*ones(reduction), *args),
    ):
        expected = function(logits, target, reduction)
        np.testing.assert_array_equal(function(logits, target.astype(dtype), reduction), expected)


def ones(reduction: str) -> tuple[Any]:
    """The gradient of the loss of five examples."""
    return (np.ones(5) if reduction == "none" else 1.0,)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_along_an_axis_of_thousands_float16_is_as_exact_as_it_can_be(name: str, dim: int) -> None:
    """A sum in float16 itself would stop to grow at some thousands."""
    shape = (5000, 5) if dim == 0 else (5, 5000)
    x, g = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float16)
    forward, backward = getattr(F, name), getattr(F, f"{name}_backward")
    output = forward(x.astype(np.float64), dim)
    grad = backward((g + 1).astype(np.float64), output, dim)
    assert off(forward(x, dim), output) <= 4 * EPS16
    assert off(backward(g + 1, output.astype(np.float16), dim), grad) <= 4 * EPS16


def off(half: ndarray, exact: ndarray) -> float:
    """The largest error, over the largest number."""
    return float(np.abs(half - exact).max() / np.abs(exact).max())


def test_the_sums_of_batch_norm_count_to_thousands_in_float16() -> None:
    x = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float16)
    one = np.ones(2, np.float16)
    *_, grad_bias = F.batch_norm_backward(np.ones_like(x), x, one, 0 * one, one)
    assert grad_bias.tolist() == [5000, 5000]
    output, *_ = F.batch_norm(x, 0 * one, one, one, 0 * one, training=True)
    exact, *_ = F.batch_norm(
        *(it.astype(np.float64) for it in (x, 0 * one, one, one, 0 * one)), True
    )
    assert off(output, exact) <= 8 * EPS16


def test_the_loss_of_thousands_of_classes_in_float16() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 10_000)).astype(np.float16)
    target = np.arange(4)
    exact = F.cross_entropy(logits.astype(np.float64), target)
    assert F.cross_entropy(logits, target) == pytest.approx(exact, rel=2 * EPS16)
