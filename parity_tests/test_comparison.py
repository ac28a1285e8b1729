"""The rule that decides what parity is, fed with tensors whose answer is known."""

import numpy as np
import pytest

from parity.comparison import Comparison, Key, StepReport
from parity.errors import BadCaseError
from parity.tolerances import BASE, FACTOR

Tensors = dict[Key, np.ndarray]
DTYPES = ("float32", "float64")


def tensors(dtype: str, seed: int = 0) -> Tensors:
    rng = np.random.default_rng(seed)
    shapes: dict[Key, tuple[int, ...]] = {
        ("forward", "logits"): (5, 3),
        ("loss", "loss"): (),
        ("backward", "fc.bias"): (3,),
        ("backward", "fc.weight"): (3, 4),
        ("step", "fc.weight"): (3, 4),
        ("step", "fc.bias"): (3,),
    }
    return {key: np.asarray(rng.uniform(1, 2, shape), dtype) for key, shape in shapes.items()}


def compare(
    numpy: Tensors, torch: Tensors | None = None, permuted: Tensors | None = None
) -> StepReport:
    dtype = str(numpy["loss", "loss"].dtype)
    truth = tensors(dtype)
    return Comparison(dtype).step(1, numpy, torch or truth, permuted or truth, truth)


def changed(original: Tensors, key: Key, index: tuple[int, ...], factor: float) -> Tensors:
    copy = {name: array.copy() for name, array in original.items()}
    copy[key][index] *= factor
    return copy


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_tensors_hold_parity(dtype: str) -> None:
    report = compare(tensors(dtype))
    assert report.divergence is None
    assert max(report.difference.values()) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", tensors("float32"), ids="-".join)
def test_one_element_off_by_a_thousandth_is_named(key: Key, dtype: str) -> None:
    exact = tensors(dtype)
    index = tuple(size - 1 for size in exact[key].shape)
    report = compare(changed(exact, key, index, 1.001))
    assert report.divergence is not None
    assert (report.divergence.phase, report.divergence.tensor) == key
    assert report.divergence.index == index
    assert report.divergence.truth == exact[key][index]
    assert report.divergence.numpy == pytest.approx(1.001 * exact[key][index], rel=1e-6)


def test_of_several_faults_the_first_computed_is_named() -> None:
    numpy = changed(tensors("float64"), ("step", "fc.bias"), (0,), 2)
    numpy = changed(numpy, ("backward", "fc.weight"), (1, 2), 2)
    divergence = compare(numpy).divergence
    assert divergence is not None
    assert (divergence.phase, divergence.tensor) == ("backward", "fc.weight")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_never_parity(bad: float) -> None:
    key = ("backward", "fc.weight")
    divergence = compare(changed(tensors("float64"), key, (1, 1), bad)).divergence
    assert divergence is not None
    assert divergence.index == (1, 1)


def test_nan_on_both_sides_is_no_parity() -> None:
    key = ("forward", "logits")
    broken = changed(tensors("float64"), key, (0, 0), np.nan)
    report = Comparison("float64").step(1, broken, broken, broken, broken)
    assert report.divergence is not None


def test_a_tensor_that_is_zero_throughout_is_a_bad_case() -> None:
    truth = tensors("float64")
    truth["backward", "fc.bias"][:] = 0
    with pytest.raises(BadCaseError, match=r"step 1, backward: fc.bias is zero throughout"):
        Comparison("float64").step(1, truth, truth, truth, truth)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("within", [True, False])
def test_the_base_tolerance_is_where_the_table_says(dtype: str, within: bool) -> None:
    key = ("forward", "logits")
    exact = tensors(dtype)
    exact[key][0, 0] = 2  # the scale, and exactly twice the step of the last place at 1
    eps = BASE[dtype]["logits"]
    exact[key][1, 1] = 1
    numpy = changed(exact, key, (1, 1), 1 + 2 * eps * (0.9 if within else 1.1))
    report = Comparison(dtype).step(1, numpy, exact, exact, exact)
    assert (report.divergence is None) == within


@pytest.mark.parametrize("within", [True, False])
def test_numpy_may_be_some_times_as_far_from_the_truth_as_torch(within: bool) -> None:
    key, off = ("backward", "fc.weight"), 1e-3
    exact = tensors("float32")
    index = np.unravel_index(exact[key].argmax(), exact[key].shape)
    torch = changed(exact, key, index, 1 - off)
    numpy = changed(exact, key, index, 1 - off * FACTOR * (0.95 if within else 1.05))
    assert (compare(numpy, torch).divergence is None) == within


def test_what_rounding_did_once_stays_allowed() -> None:
    key = ("step", "fc.weight")
    exact = tensors("float64")
    noisy = changed(exact, key, (0, 0), 1 + 1e-6)
    comparison = Comparison("float64")
    assert comparison.step(1, exact, exact, noisy, exact).divergence is None
    assert comparison.step(2, noisy, exact, exact, exact).divergence is None
    assert compare(noisy).divergence is not None
