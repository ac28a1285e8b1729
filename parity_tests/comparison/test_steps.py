"""The rule that decides what parity is, fed with tensors whose answer is known."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from parity.comparison.steps import (
    KINDS,
    SMALL,
    Comparison,
    Divergence,
    Key,
    StepReport,
    is_saturated,
)
from parity.errors import BadCaseError
from parity.tolerance.table import BASE, FACTOR, HORIZON, SMALLEST

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


@pytest.mark.parametrize(("times", "holds"), [(FACTOR - 1.5, True), (FACTOR - 0.5, False)])
def test_while_the_truth_rests_pytorch_may_be_as_far_from_it_as_it_was(
    times: float, holds: bool
) -> None:
    """What is within the rule whichever way PyTorch errs, is within; the rest needs the truth."""
    key, off = ("backward", "fc.bias"), 1e-3
    exact = tensors("float32")
    where = (int(exact[key].argmax()),)
    torch = changed(exact, key, where, 1 + off)
    comparison = Comparison("float32")
    comparison.step(1, torch, torch, torch, exact)  # so far PyTorch has been from the truth
    comparison.resting = True
    numpy = changed(exact, key, where, 1 + times * off)
    report = comparison.step(2, numpy, exact, exact, exact)
    assert (report.divergence is None) == holds


def test_of_several_mistakes_the_first_computed_is_named() -> None:
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


def test_what_is_infinite_in_every_run_is_a_bad_case_and_no_warning() -> None:
    broken = changed(tensors("float64"), ("step", "fc.weight"), (0, 0), np.inf)
    runs = [{key: array.copy() for key, array in broken.items()} for _ in range(4)]
    with pytest.raises(BadCaseError, match=r"step 1, step: fc.weight is not finite in PyTorch"):
        Comparison("float64").step(1, *runs)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("run", ["torch", "permuted", "reference"])
def test_what_is_not_finite_in_pytorch_is_a_bad_case(run: str, bad: float) -> None:
    """NaN on both backends is no agreement, and an infinite error would allow every other."""
    exact = tensors("float64")
    broken = changed(exact, ("backward", "fc.weight"), (0, 0), bad)
    runs = dict.fromkeys(("torch", "permuted", "reference"), exact)
    with pytest.raises(BadCaseError, match=r"step 1, backward: fc.weight is not finite in PyTorch"):
        Comparison("float64").step(1, broken, **(runs | {run: broken}))


# --- tensors that compare nothing ----------------------------------------------------------------

BIAS: Key = ("backward", "fc.bias")


@pytest.mark.parametrize("key", sorted(set(tensors("float64")) - {("loss", "loss")}), ids="-".join)
def test_a_tensor_that_is_zero_throughout_is_a_bad_case(key: Key) -> None:
    truth = tensors("float64")
    truth[key][:] = 0
    with pytest.raises(BadCaseError, match=f"step 1, {key[0]}: {key[1]} is zero throughout"):
        Comparison("float64").step(1, truth, truth, truth, truth)


def test_small_gradients_are_no_noise_beside_each_other() -> None:
    truth = tensors("float64")
    for key in (BIAS, ("backward", "fc.weight")):
        truth[key] *= 1e-30
    assert Comparison("float64").step(1, truth, truth, truth, truth).divergence is None


def test_a_tensor_without_numbers_is_a_bad_case() -> None:
    truth = {**tensors("float64"), ("step", "fc.none"): np.zeros((0, 3))}
    truth["step", "last"] = np.ones(2)
    with pytest.raises(BadCaseError, match=r"step 1, step: fc.none is zero throughout"):
        Comparison("float64").step(1, truth, truth, truth, truth)


@pytest.mark.parametrize("size", [SMALL, SMALL + 1])
def test_a_tensor_of_any_size_is_compared(size: int) -> None:
    truth = {**tensors("float64"), ("step", "fc.large"): np.linspace(1, 2, size)}
    numpy = changed(truth, ("step", "fc.large"), (size - 1,), 1.001)
    divergence = Comparison("float64").step(1, numpy, truth, truth, truth).divergence
    assert divergence is not None
    assert divergence.index == (size - 1,)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("times", "bad"), [(0.9, True), (1.1, False)])
def test_a_gradient_that_is_noise_beside_the_others_is_a_bad_case(
    dtype: str, times: float, bad: bool
) -> None:
    """Below the tolerance of the largest gradient, a sum that should be zero is as large."""
    truth = tensors(dtype)
    steepest = truth["backward", "fc.weight"].max()
    truth[BIAS] *= times * BASE[dtype] * steepest / truth[BIAS].max()
    if bad:
        with pytest.raises(BadCaseError, match=r"fc.bias is at most .* beside gradients of 2.0e"):
            Comparison(dtype).step(1, truth, truth, truth, truth)
    else:
        assert Comparison(dtype).step(1, truth, truth, truth, truth).divergence is None


def test_a_gradient_just_as_small_as_noise_is_a_bad_case() -> None:
    truth = tensors("float64")
    truth[BIAS][:] = BASE["float64"] * truth["backward", "fc.weight"].max()
    with pytest.raises(BadCaseError, match=r"fc.bias is at most"):
        Comparison("float64").step(1, truth, truth, truth, truth)


def test_a_loss_of_zero_compares_something() -> None:
    """Its scale is that of the logits."""
    truth = tensors("float64")
    truth["loss", "loss"][()] = 0
    assert Comparison("float64").step(1, truth, truth, truth, truth).divergence is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(("times", "bad"), [(1.01, True), (1.0, False)])
def test_the_odds_are_those_of_the_runner_up(
    order: tuple[int, ...], times: float, bad: bool
) -> None:
    """Wherever it stands, and whatever all three have in common."""
    truth = tensors("float64")
    gap = -np.log(BASE["float64"])
    truth["forward", "logits"][:] = np.array([-gap, gap, gap + times * gap])[list(order)]
    with pytest.raises(BadCaseError, match="saturated") if bad else nullcontext():
        Comparison("float64").step(1, truth, truth, truth, truth)


@pytest.mark.parametrize(("times", "bad"), [(1.01, True), (1.0, False)])
def test_the_runner_up_is_found_among_many(times: float, bad: bool) -> None:
    truth = tensors("float64")
    gap = -np.log(BASE["float64"])
    row = np.array([gap + times * gap, gap, *np.linspace(-gap, 0, 38)])
    rng = np.random.default_rng(0)
    truth["forward", "logits"] = np.stack([rng.permutation(row) for _ in range(5)])
    with pytest.raises(BadCaseError, match="saturated") if bad else nullcontext():
        Comparison("float64").step(1, truth, truth, truth, truth)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("times", "bad"), [(1.01, True), (0.99, False)])
def test_a_saturated_softmax_is_a_bad_case(dtype: str, times: float, bad: bool) -> None:
    truth = tensors(dtype)
    gap = -np.log(BASE[dtype])
    truth["forward", "logits"][:] = [3 + times * gap, 3, 1]
    if bad:
        with pytest.raises(BadCaseError, match=r"fc.bias follows from a softmax that is saturated"):
            Comparison(dtype).step(1, truth, truth, truth, truth)
    truth["forward", "logits"][2] = [1, 2, 3]  # one row that is not
    assert Comparison(dtype).step(1, truth, truth, truth, truth).divergence is None


def test_a_single_class_is_a_saturated_softmax() -> None:
    truth = tensors("float64")
    truth["forward", "logits"] = truth["forward", "logits"][:, :1]
    with pytest.raises(BadCaseError, match=r"fc.bias follows from a softmax that is saturated"):
        Comparison("float64").step(1, truth, truth, truth, truth)


def test_of_two_classes_the_other_is_the_runner_up() -> None:
    assert is_saturated(np.array([[100.0, 0.0], [0.0, 100.0]]), 1e-6)
    assert not is_saturated(np.array([[100.0, 0.0], [1.0, 0.0]]), 1e-6)


@pytest.mark.parametrize("shape", [(5,), (2, 5, 5)])
def test_what_has_no_row_for_each_example_is_never_saturated(shape: tuple[int, ...]) -> None:
    assert not is_saturated(1000 * np.eye(5)[np.zeros(shape[:-1], int)], 1e-6)


def test_a_large_tensor_is_measured_by_its_largest_number_of_either_sign() -> None:
    truth = tensors("float64")
    truth["step", "fc.weight"] = np.full(5000, -1e3)
    numpy = changed(truth, ("step", "fc.weight"), (7,), 1 + 0.9 * BASE["float64"])
    assert Comparison("float64").step(1, numpy, truth, truth, truth).divergence is None
    numpy = changed(truth, ("step", "fc.weight"), (7,), 1 + 1.1 * BASE["float64"])
    assert Comparison("float64").step(1, numpy, truth, truth, truth).divergence is not None


@pytest.mark.parametrize(("off", "holds"), [(0.9, True), (1.1, False)])
def test_what_compared_something_before_is_judged_at_the_scale_it_had(
    off: float, holds: bool
) -> None:
    """A model that has learnt its batch has no gradient left, and is not wrong for that."""
    exact, learning, learnt, numpy = (tensors("float64") for _ in range(4))
    exact[BIAS] /= 100
    learning[BIAS] /= 300
    learnt[BIAS][:] = 0
    numpy[BIAS][:] = [0, 0, off * BASE["float64"] * exact[BIAS].max()]
    comparison = Comparison("float64")
    comparison.step(1, exact, exact, exact, exact)
    comparison.step(2, learning, learning, learning, learning)
    assert (comparison.step(3, numpy, learnt, learnt, learnt).divergence is None) == holds


@pytest.mark.parametrize("largest", [0.5, 5.0])
@pytest.mark.parametrize(("off", "holds"), [(0.9, True), (1.1, False)])
def test_the_loss_has_the_rounding_of_the_logits(largest: float, off: float, holds: bool) -> None:
    """And of the logarithm of a number of order one, however small the logits are."""
    exact = tensors("float64")
    exact["forward", "logits"][:] = [largest, 0, -largest]
    exact["loss", "loss"][()] = 0.3
    numpy = changed(exact, ("loss", "loss"), (), 1)
    numpy["loss", "loss"][()] += off * max(largest, 1) * BASE["float64"]
    report = Comparison("float64").step(1, numpy, exact, exact, exact)
    assert (report.divergence is None) == holds


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("off", "holds"), [(0.9, True), (1.1, False)])
def test_a_gradient_has_the_rounding_of_the_probabilities_it_comes_from(
    dtype: str, off: float, holds: bool
) -> None:
    """1 - p = 0.001 is left of numbers of order one, so its error is a thousand times as large."""
    exact, eps = tensors(dtype), BASE[dtype]
    exact["loss", "loss"][()] = -np.log(0.999)
    exact[BIAS][:] = [1, 1, 2]
    numpy = changed(exact, BIAS, (1,), 1 + 2 * off * eps / 0.001)
    report = Comparison(dtype).step(1, numpy, exact, exact, exact)
    assert (report.divergence is None) == holds


# --- what is reported ----------------------------------------------------------------------------


@pytest.mark.parametrize("worse", ["fc.weight", "fc.bias"])
def test_the_worst_of_each_kind_is_reported(worse: str) -> None:
    """Relative to the scale of its own tensor, whichever of the tensors comes first."""
    exact = tensors("float64")
    numpy, torch = exact, exact
    for tensor in ("fc.weight", "fc.bias"):
        key, off = ("step", tensor), 1e-6 if tensor == worse else 1e-7
        index = tuple(map(int, np.unravel_index(exact[key].argmax(), exact[key].shape)))
        numpy = changed(numpy, key, index, 1 + 3 * off)
        torch = changed(torch, key, index, 1 - off)
    report = compare(numpy, torch)
    assert report.numpy_error["weights"] == pytest.approx(3e-6)
    assert report.torch_error["weights"] == pytest.approx(1e-6)
    assert report.difference["weights"] == pytest.approx(4e-6)
    assert report.used["weights"] == pytest.approx(3 / FACTOR)
    for kind in ("logits", "loss", "gradients"):
        assert report.numpy_error[kind] == report.torch_error[kind] == report.used[kind] == 0
    assert report.loss == {"numpy": exact["loss", "loss"], "torch": exact["loss", "loss"]}


@pytest.mark.parametrize("tensor", ["fc.weight", "fc.bias"])
def test_nan_is_the_worst_of_all(tensor: str) -> None:
    report = compare(changed(tensors("float64"), ("step", tensor), (0,), np.nan))
    assert np.isnan(report.numpy_error["weights"])
    assert np.isnan(report.difference["weights"])
    assert np.isnan(report.used["weights"])


# --- where the tolerance ends --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("within", [True, False])
def test_the_base_tolerance_is_where_the_table_says(dtype: str, within: bool) -> None:
    key = ("forward", "logits")
    exact = tensors(dtype)
    exact[key][0, 0] = 2  # the scale, and exactly twice the step of the last place at 1
    eps = BASE[dtype]
    exact[key][1, 1] = 1
    numpy = changed(exact, key, (1, 1), 1 + 2 * eps * (0.9 if within else 1.1))
    report = Comparison(dtype).step(1, numpy, exact, exact, exact)
    assert (report.divergence is None) == within


@pytest.mark.parametrize("within", [True, False])
def test_numpy_may_be_some_times_as_far_from_the_truth_as_torch(within: bool) -> None:
    key, off = ("backward", "fc.weight"), 1e-3
    exact = tensors("float32")
    index = tuple(map(int, np.unravel_index(exact[key].argmax(), exact[key].shape)))
    torch = changed(exact, key, index, 1 - off)
    numpy = changed(exact, key, index, 1 - off * FACTOR * (0.95 if within else 1.05))
    assert (compare(numpy, torch).divergence is None) == within


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("times", [0.5, 2.0])
def test_below_the_smallest_normal_number_the_tolerance_is_that_of_the_number(
    dtype: str, times: float
) -> None:
    key = "step", "fc.weight"
    truth = tensors(dtype)
    truth[key] *= SMALLEST[dtype] / 1024
    off = np.asarray(times * BASE[dtype] * SMALLEST[dtype], dtype)
    report = Comparison(dtype).step(1, {**truth, key: truth[key] + off}, truth, truth, truth)
    assert (report.divergence is None) is (times < 1)


def test_what_rounding_did_once_stays_allowed() -> None:
    key = ("step", "fc.weight")
    exact = tensors("float64")
    noisy = changed(exact, key, (0, 0), 1 + 1e-6)
    comparison = Comparison("float64")
    assert comparison.step(1, exact, exact, noisy, exact).divergence is None
    assert comparison.step(2, noisy, exact, exact, exact).divergence is None
    assert compare(noisy).divergence is not None


def test_a_truth_too_large_for_the_dtype_is_a_bad_case_and_no_warning() -> None:
    small, truth = tensors("float32"), tensors("float64")
    truth["forward", "logits"][2, 1] = 1e39
    with (
        np.errstate(over="raise"),
        pytest.raises(BadCaseError, match="step 1, forward: logits is not finite"),
    ):
        Comparison("float32").step(1, small, small, small, truth)


@pytest.mark.parametrize("how", ["step", "widen"])
def test_the_truth_is_rounded_to_the_dtype_under_test(how: str) -> None:
    """Else half a unit in the last place would be held against a run that has none to lose."""
    truth = tensors("float64")
    rounded = {key: np.asarray(array, np.float32) for key, array in truth.items()}
    comparison = Comparison("float32")
    report = comparison.step(1, rounded, rounded, rounded, truth)
    if how == "widen":
        comparison.widen(rounded, truth)
    assert max(report.numpy_error.values()) == 0
    assert max(comparison.farthest.values()) == 0


@pytest.mark.parametrize("key", [("forward", "logits"), ("step", "fc.weight"), ("step", "fc.bias")])
@pytest.mark.parametrize(("times", "drifted"), [(0.95, False), (1.05, True)])
def test_drift_is_what_pytorchs_own_error_does_not_explain(
    key: Key, times: float, drifted: bool
) -> None:
    """An equally valid run is much farther off than PyTorch has been at any step."""
    off = 1e-9  # half of the digits are left
    exact = tensors("float64")
    exact["forward", "logits"] *= 4
    exact["step", "fc.weight"] *= 1000
    index = tuple(map(int, np.unravel_index(exact[key].argmax(), exact[key].shape)))
    torch = changed(exact, key, index, 1 - off)
    permuted = changed(exact, key, index, 1 + times * FACTOR * off)
    comparison = Comparison("float64")
    assert not comparison.step(1, exact, torch, exact, exact).drifted
    assert comparison.farthest[key] == pytest.approx(off)
    assert comparison.step(2, exact, exact, permuted, exact).drifted == drifted
    assert comparison.farthest[key] == pytest.approx(times * FACTOR * off)
    assert not comparison.step(3, exact, exact, exact, exact).drifted


@pytest.mark.parametrize("who", ["torch", "permuted"])
@pytest.mark.parametrize(("times", "drifted"), [(0.95, False), (1.05, True)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_costs_half_of_the_digits_is_drift_whatever_explains_it(
    dtype: str, times: float, drifted: bool, who: str
) -> None:
    """Slowly, so that PyTorch's error explains that of the run with permuted sums."""
    key = ("forward", "logits")
    exact = tensors(dtype)
    index = tuple(map(int, np.unravel_index(exact[key].argmax(), exact[key].shape)))
    near, far = (changed(exact, key, index, 1 + part * times * HORIZON[dtype]) for part in (0.5, 1))
    torch, permuted = (far, near) if who == "torch" else (near, far)
    report = Comparison(dtype).step(1, exact, torch, permuted, exact)
    assert report.drifted == drifted
    assert report.divergence is None


@pytest.mark.parametrize(("times", "drifted"), [(0.9, False), (1.1, True)])
def test_what_costs_more_than_rounding_does_is_drift(times: float, drifted: bool) -> None:
    exact = tensors("float64")
    exact["step", "fc.bias"][:] = [0, 0.5, 1]
    permuted = {key: array.copy() for key, array in exact.items()}
    permuted["step", "fc.bias"][0] = times * BASE["float64"]
    assert Comparison("float64").step(1, exact, exact, permuted, exact).drifted == drifted


def test_pytorchs_own_error_is_none_of_numpys() -> None:
    exact = tensors("float32")
    torch = changed(exact, ("step", "fc.bias"), (0,), 1.001)
    report = Comparison("float32").step(1, exact, torch, exact, exact)
    assert report.used == dict.fromkeys(KINDS, 0.0)


def test_what_a_program_does_not_show_is_no_error() -> None:
    loss = {("loss", "loss"): np.asarray(1.5)}
    report = Comparison("float64").step(1, loss, loss, loss, loss)
    assert report.difference == report.used == dict.fromkeys(KINDS, 0.0)


# --- PyTorch under test as well ------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["numpy", "torch"])
@pytest.mark.parametrize(("times", "holds"), [(0.95, True), (1.05, False)])
def test_both_may_be_some_times_as_far_off_as_the_run_alone(
    wrong: str, times: float, holds: bool
) -> None:
    key, off = ("backward", "fc.weight"), 1e-3
    exact = tensors("float32")
    exact[key] *= 1000
    index = tuple(map(int, np.unravel_index(exact[key].argmax(), exact[key].shape)))
    alone = changed(exact, key, index, 1 - off)
    runs = dict.fromkeys(("numpy", "torch"), exact)
    runs[wrong] = changed(exact, key, index, 1 - times * FACTOR * off)
    report = Comparison("float32").step(1, **runs, permuted=exact, reference=exact, alone=alone)
    assert (report.divergence is None) == holds


def test_of_two_the_one_that_is_wrong_is_located() -> None:
    """The other is as far off as it may be, somewhere else."""
    key = ("step", "fc.bias")
    exact = tensors("float64")
    exact[key][:] = [0, 0.5, 1]
    within, beyond = ({**exact, key: exact[key].copy()} for _ in range(2))
    within[key][0] = BASE["float64"]
    beyond[key][1] = 0.75
    report = Comparison("float64").step(1, within, beyond, exact, exact, alone=exact)
    assert report.divergence is not None
    assert report.divergence.index == (1,)


# --- without a softmax, and with tensors that are meant to be zero --------------------------------


@pytest.mark.parametrize(("times", "holds"), [(0.9, True), (1.1, False)])
def test_without_logits_a_small_loss_widens_nothing(times: float, holds: bool) -> None:
    exact = {key: array for key, array in tensors("float64").items() if key[0] != "forward"}
    exact["loss", "loss"] = np.asarray(1e-6)
    for key in (("backward", "fc.weight"), ("loss", "loss")):
        at = np.unravel_index(exact[key].argmax(), exact[key].shape)
        numpy = changed(exact, key, tuple(map(int, at)), 1 + times * BASE["float64"])
        report = Comparison("float64").step(1, numpy, exact, exact, exact)
        assert (report.divergence is None) == holds, key


@pytest.mark.parametrize(("phase", "scale"), [("backward", 1e3), ("step", 1.0)])
@pytest.mark.parametrize(("times", "holds"), [(0.9, True), (1.1, False)])
def test_what_is_meant_to_be_zero_is_measured_by_its_phase(
    phase: str, scale: float, times: float, holds: bool
) -> None:
    """A gradient by the steepest of the step, a weight by 1."""
    exact = {key: array for key, array in tensors("float64").items() if key[0] != "forward"}
    exact["backward", "fc.weight"] *= 1e3 / exact["backward", "fc.weight"].max()
    exact["step", "fc.weight"] *= 1e3
    exact[phase, "fc.bias"][:] = 0
    numpy = {**exact, (phase, "fc.bias"): exact[phase, "fc.bias"].copy()}
    numpy[phase, "fc.bias"][1] = times * BASE["float64"] * scale
    report = Comparison("float64", zero={"fc.bias"}).step(1, numpy, exact, exact, exact)
    assert (report.divergence is None) == holds


def test_the_tolerance_itself_is_allowed() -> None:
    key = ("step", "fc.bias")
    exact, off = tensors("float64"), tensors("float64")
    exact[key][:] = [0, 0.5, 1]
    off[key][:] = [BASE["float64"], 0.5, 1]
    report = Comparison("float64").step(1, off, exact, exact, exact)
    assert report.divergence is None
    assert not Comparison("float64").step(1, exact, exact, off, exact).drifted
    off[key][:] = [HORIZON["float64"], 0.5, 1]
    assert not Comparison("float64").step(1, exact, off, exact, exact).drifted


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_divergence_is_reported_in_absolute_terms(scale: float) -> None:
    key = ("step", "fc.weight")
    exact = tensors("float64")
    exact[key] *= scale
    numpy = changed(exact, key, (1, 2), 1.5)
    torch = changed(exact, key, (1, 2), 1 - 1e-14)
    report = Comparison("float64").step(7, numpy, torch, exact, exact)
    largest = exact[key].max()
    tolerance = BASE["float64"] * largest + FACTOR * abs(torch[key] - exact[key]).max()
    divergence = report.divergence
    assert divergence is not None
    assert divergence.tolerance == pytest.approx(tolerance, rel=1e-6)
    at = (1, 2)
    seen = Divergence(7, *key, at, numpy[key][at], torch[key][at], exact[key][at], tolerance)
    assert replace(divergence, tolerance=tolerance) == seen
    assert report.difference["weights"] == pytest.approx(0.5 * exact[key][at] / largest)
