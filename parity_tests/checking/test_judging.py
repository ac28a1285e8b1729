"""What `parity check` accepts, and what it reports about a wrong result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from parity.checking.judging import (
    LARGE,
    Expected,
    Mismatch,
    answer,
    as_arrays,
    cast_numbers,
    expect,
    find_mismatch,
    precision,
    scaled_down,
    single_call,
)
from parity.contract.calls import Call
from parity.contract.operations import SUBJECTS
from parity.contract.reference import reference
from parity.tolerance import is_close
from parity.tolerance.perturbed import rounded
from parity.tolerance.table import BASE, FACTOR, SMALLEST

units = st.sampled_from([1e-6, 1.0, 1e6])
dtypes = st.sampled_from(["float32", "float64"])


def expected(*arrays: Any, off: float = 0.0, single: bool = False) -> Expected:
    """These are right, and so are those that are `off` by as much."""
    exact = [np.array(array, np.float64) for array in arrays]
    return Expected(lambda: exact, lambda dtype: [exact, [it + off for it in exact], exact], single)


# How far a result may be off


@given(units, dtypes)
def test_a_few_units_in_the_last_place_of_the_largest(unit: float, dtype: str) -> None:
    right = unit * np.array([1.0, -5.0, 0.0])
    base = BASE[dtype] * 5 * unit
    assert expected(right).agrees(right + 0.9 * base, 0, dtype)
    assert not expected(right).agrees(right + 1.1 * base, 0, dtype)


@given(units, dtypes)
def test_where_all_outputs_are_zero_the_largest_input_is_the_measure(
    unit: float, dtype: str
) -> None:
    """The log_softmax of one number: x - log(exp(x)) is zero to the rounding of x."""
    x = unit * np.array([[1.0], [-5.0]])
    right = expect(SUBJECTS["log_softmax"], Call((x,)), list)
    base = BASE[dtype] * 5 * unit
    assert right.agrees(np.full((2, 1), 0.9 * base), 0, dtype)
    assert not right.agrees(np.full((2, 1), 1.1 * base), 0, dtype)


def test_zeros_that_are_no_differences_are_exact() -> None:
    right = expect(SUBJECTS["relu"], Call((np.array([-1e6, -3.0]),)), list)
    assert not right.agrees(np.array([0.0, 1e-13]), 0, "float64")


def test_outputs_that_are_not_all_zero_are_measured_by_themselves() -> None:
    """However large the inputs are."""
    exact = [np.array([0.0, 1.0])]
    right = Expected(lambda: exact, lambda dtype: [exact], single=False, inputs=1e6)
    assert right.agrees(exact[0] + 1e-13, 0, "float64")
    assert not right.agrees(exact[0] + 1e-9, 0, "float64")


@given(units, dtypes)
def test_a_multiple_of_what_valid_runs_are_off_by(unit: float, dtype: str) -> None:
    right = unit * np.array([1.0, -5.0, 0.0])
    off = 1e-3 * unit
    assert expected(right, off=off).agrees(right + 0.99 * FACTOR * off, 0, dtype)
    assert not expected(right, off=off).agrees(right + 1.01 * FACTOR * off, 0, dtype)


def test_what_rounding_cannot_cost_is_wrong_whatever_valid_runs_do() -> None:
    """A probe whose valid runs differ by as much as this proves nothing, but not everything."""
    assert expected([1.0, 2.0], off=1.0).agrees(np.array([1.0, 2.01]), 0, "float64")
    assert not expected([1.0, 2.0], off=1.0).agrees(np.array([1.0, 2.03]), 0, "float64")


def test_in_single_precision_pytorch_may_lose_everything_too() -> None:
    """Of a sigmoid that rounds to 1 the gradient rounds to 0."""
    exact, own = np.array([1.8e-8, -1.4e-8]), np.array([0.0, -1.4e-8])
    right = Expected(lambda: [exact], lambda dtype: [[own], [exact + 1e-7]], single=False)
    assert right.agrees(own, 0, "float32")
    assert right.agrees(np.array([0, 3.9 * 1.8e-8]) + exact, 0, "float32")
    assert not right.agrees(np.array([0, 4.1 * 1.8e-8]) + exact, 0, "float32")
    assert not right.agrees(own, 0, "float64")


@pytest.mark.parametrize("residue", [0.0, 1e-16])
def test_what_rounding_left_of_zero_may_be_off_by_more_than_it_is(residue: float) -> None:
    """A gradient that cancels over the batch, beside one that does not."""
    right = expected([residue, 0.0], [0.5, -0.5], off=1e-16)
    assert right.agrees(np.array([residue, 3.9e-16]), 0, "float64")
    assert not right.agrees(np.array([residue, 1e-14]), 0, "float64")
    assert not right.agrees(np.array([0.5, -0.5 + 1e-11]), 1, "float64")


@pytest.mark.parametrize(("got", "asked"), [(2.0, 0), (2.5, 0), (2.001, 1)])
def test_valid_runs_are_asked_for_only_where_they_decide(got: float, asked: int) -> None:
    calls = []

    def perturbed(dtype: str) -> list[list[ndarray]]:
        calls.append(dtype)
        return [[np.array(2.0)]]

    right = Expected(lambda: [np.array(2.0)], perturbed, single=False)
    for _ in range(3):
        right.agrees(np.array(got), 0, "float64")
    assert calls == asked * ["float64"]


def test_each_output_has_its_own_tolerance() -> None:
    right = expected([1e9], [1.0])
    assert right.agrees(np.array([1e9 + 1e-4]), 0, "float64")
    assert not right.agrees(np.array([1 + 1e-4]), 1, "float64")


def test_an_infinity_where_it_is_due_excuses_no_other_number() -> None:
    right = expected([np.inf, np.nan, 1.0], off=1e-3)
    assert right.agrees(np.array([np.inf, np.nan, 1.002]), 0, "float64")
    for wrong in ([np.inf, np.nan, 2.0], [-np.inf, np.nan, 1.0], [5.0, np.nan, 1.0]):
        assert not right.agrees(np.array(wrong), 0, "float64")


def test_no_numbers_at_all_are_right() -> None:
    assert expected(np.zeros((0, 3))).agrees(np.zeros((0, 3)), 0, "float64")


def test_what_is_just_as_small_as_rounding_beside_the_largest_is_measured_by_it() -> None:
    """For valid runs are asked only where a number is off by little of what it is measured by."""
    residue = BASE["float64"]
    assert expected([residue], [1.0], off=1e-3).agrees(np.array([1e-3]), 0, "float64")
    assert not expected([2 * residue], [1.0], off=1e-3).agrees(np.array([1e-3]), 0, "float64")


def test_what_is_just_as_far_off_as_it_may_be() -> None:
    assert is_close(np.array([3.0, 3.1]), np.array([2.0, 2.0]), 1.0).tolist() == [True, False]


def test_one_number_is_not_two_equal_ones() -> None:
    assert not expected([1.0, 1.0]).agrees(np.array([1.0]), 0, "float64")


@pytest.mark.parametrize("right", [0.0, 5e-324, 1e-310])
def test_no_tolerance_is_relative_to_less_than_the_smallest_normal_number(right: float) -> None:
    base = BASE["float64"] * SMALLEST["float64"]
    assert expected([right]).agrees(np.array([right + 0.9 * base]), 0, "float64")
    assert not expected([right]).agrees(np.array([right + 1.1 * base]), 0, "float64")


# In which precision


@pytest.mark.parametrize(
    ("array", "single", "dtype"),
    [
        (np.array([0.1]), False, "float64"),
        (np.array([0.1]), True, "float32"),
        (np.array([0.1], np.float32), False, "float32"),
        (np.array([0.1], np.float32).astype(np.float64), False, "float32"),
        (np.array([np.nan, 0.5]), False, "float32"),
        (np.array([1e300]), False, "float64"),
    ],
)
def test_numbers_are_held_to_the_precision_they_have(
    array: ndarray, single: bool, dtype: str
) -> None:
    assert precision(array, expected([1.0], single=single)) == dtype


@pytest.mark.parametrize(("dtype", "fits"), [("float32", True), ("float64", False), (None, False)])
def test_a_precision_that_is_asked_for_comes_first(dtype: str | None, fits: bool) -> None:
    mismatch = find_mismatch([np.array([1 + 1e-7])], expected([1.0]), dtype)
    assert (mismatch is None) is fits


def relu(*args: Any) -> Expected:
    return expect(SUBJECTS["relu"], Call(args), lambda arrays: arrays)


X = np.linspace(1, 2, 100)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_valid_runs_have_inputs_that_are_a_unit_in_the_last_place_off(dtype: str) -> None:
    """As many go up as down, and some stay."""
    eps = np.finfo(dtype).eps
    runs = [run for (run,) in relu(np.ones(100)).perturbed(dtype)[-8:]]
    assert {*np.ravel(runs)} == {1 - eps, 1, 1 + eps}
    assert len({run.tobytes() for run in runs}) == 8
    assert {run.dtype for run in runs} == {np.dtype("float64")}


def test_a_run_in_single_precision_is_valid_in_it_alone() -> None:
    runs = relu(X).perturbed("float32")
    np.testing.assert_array_equal(runs[0][0], X.astype(np.float32), strict=True)
    assert (len(runs), len(relu(X).perturbed("float64"))) == (10, 9)


def test_what_single_precision_costs_is_scaled_to_double() -> None:
    found = scaled_down(np.array([1.0, 0.0]), np.array([1.001, 0.0], np.float32))
    assert found[0] - 1 == pytest.approx(1e-3 * 2.0**-29, rel=1e-3)
    assert found[1] == 0


def test_what_single_precision_cannot_hold_says_nothing_of_double() -> None:
    exact = np.array([1.0, 2.0, np.inf, np.nan, 1.0])
    single = np.array([np.inf, -np.inf, 1.0, 1.0, np.nan])
    np.testing.assert_array_equal(scaled_down(exact, single), exact)


def test_a_valid_run_is_as_far_off_as_single_precision_scaled() -> None:
    """1 - y² of a y near 1 has lost half of its digits, which a change of y does not show."""
    call = Call((np.ones(1), np.array([1 - 1e-7])))
    right = expect(SUBJECTS["tanh_backward"], call, lambda arrays: arrays)
    ((off,), *_), (exact,) = right.perturbed("float64"), right.arrays
    assert 1e-11 < abs(off[0] / exact[0] - 1) < 1e-9


def test_an_argument_is_not_given_its_default_as_well() -> None:
    call = Call((X[None], X[None], X[:1]))  # with a bias, which is None by default
    assert len(expect(SUBJECTS["linear"], call, lambda arrays: arrays).perturbed("float32")) == 10


def test_the_same_call_has_the_same_valid_runs() -> None:
    np.testing.assert_array_equal(relu(X).perturbed("float64"), relu(X).perturbed("float64"))


def test_numbers_are_changed_wherever_they_stand() -> None:
    """In lists and under names; but class indices are not numbers that are rounded."""
    labels = np.arange(3)
    value = ([X], {"w": X}, labels, "sum")
    in_list, in_state, same, name = rounded(value, "float32", np.random.default_rng(0))
    for array in (*in_list, in_state["w"]):
        assert np.abs(array / X - 1).max() == pytest.approx(np.finfo("float32").eps)
    assert isinstance(in_list, list)
    assert (same is labels, name) == (True, "sum")


@pytest.mark.parametrize(
    ("value", "single"),
    [
        (X.astype(np.float32), True),
        ((1, [{"w": X.astype(np.float32)}]), True),
        (({"w": X}, X.astype(np.float32)), True),
        ((X, np.arange(3), "sum", 0.1), False),
    ],
)
def test_a_call_with_an_array_in_single_precision_is_single(value: Any, single: bool) -> None:
    assert expect(SUBJECTS["relu"], Call((value,)), lambda arrays: arrays).single is single


def test_a_call_in_single_precision_has_the_same_numbers_rounded() -> None:
    labels = np.arange(3)
    call = single_call(Call((X, labels), {"dim": 0}))
    np.testing.assert_array_equal(call.args[0], X.astype(np.float32), strict=True)
    assert call.args[1] is labels
    assert call.options == {"dim": 0}


def test_what_is_right_is_what_pytorch_computes_in_double() -> None:
    (got,) = expect(
        SUBJECTS["relu"], Call((np.array([-1.5, 0.1]),)), lambda arrays: [2 * arrays[0]]
    ).arrays
    np.testing.assert_array_equal(got, np.array([0, 0.2]), strict=True)


def test_options_are_passed_on() -> None:
    call = Call((X.reshape(10, 10),), {"dim": 0})
    (got,) = expect(SUBJECTS["softmax"], call, lambda arrays: arrays).arrays
    np.testing.assert_allclose(got.sum(0), 1)


def test_numbers_alone_are_kept_in_single_precision() -> None:
    options = {"betas": (0.9, 1), "step": 2**24 + 1, "reduction": "mean"}
    kept = cast_numbers(options, np.float32)
    assert kept == {**options, "betas": (float(np.float32(0.9)), 1)}


@pytest.mark.parametrize("length", [3, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_answer_is_pytorchs_whether_it_is_remembered_or_not(length: int, dtype: str) -> None:
    x = np.linspace(-3, 3, length)
    for dim in (0, -1):
        (found,) = answer("softmax", dtype, (x[:, None],), {"dim": dim})
        exact = reference("softmax", dtype)(x[:, None], dim=dim)
        np.testing.assert_array_equal(found, exact, strict=True)


@pytest.mark.parametrize("options", [{}, {"betas": (0.9, 0.999), "eps": 1e-8, "lr": 1e-3}])
def test_options_may_be_kept_in_single_precision(options: dict[str, Any]) -> None:
    """1 - 0.999 loses five digits of it, by default and as given."""
    zeros = np.zeros(3, np.float32)
    call = Call((zeros, np.array([1.0, -2.0, 0.5], np.float32), zeros, zeros, 1), options)
    betas = tuple(float(np.float32(beta)) for beta in (0.9, 0.999))
    kept = reference("adam_step", "float32")(*call.args, betas=betas)
    exact = expect(SUBJECTS["adam_step"], call, lambda arrays: arrays)
    assert find_mismatch(as_arrays(kept), exact, "float32") is None
    off = [array * np.float32(1 + 1e-3) for array in as_arrays(kept)]
    assert find_mismatch(off, exact, "float32") is not None


# What is told


def judge(*arrays: Any, right: Expected) -> Mismatch | None:
    return find_mismatch([None if it is None else np.array(it) for it in arrays], right)


def test_nothing_is_told_of_what_is_right() -> None:
    assert judge([1.0], [2.0], right=expected([1.0], [2.0])) is None


def test_a_shape_is_told_before_a_value() -> None:
    assert judge([5.0], [2.0, 2.0], right=expected([1.0], [2.0])) == Mismatch(
        "shape", 1, (), (2,), (1,)
    )


def test_half_precision_is_told() -> None:
    mismatch = judge(np.ones(2, np.float16), right=expected([1.0, 1.0]))
    assert mismatch == Mismatch("dtype", 0, (), np.dtype("float16"), "float32 or float64")


@pytest.mark.parametrize("wrong", [[9.0, 9.0], [9.0]])
def test_what_is_left_out_is_not_looked_at(wrong: list[float]) -> None:
    """But what comes after it is."""
    mismatch = judge(None, wrong, right=expected([1.0], [1.0, 2.0]))
    assert mismatch is not None
    assert mismatch.output == 1


def test_as_many_arrays_as_there_are_outputs() -> None:
    with pytest.raises(ValueError, match="zip"):
        judge([1.0], right=expected([1.0], [2.0]))


@pytest.mark.parametrize(
    ("got", "right", "index"),
    [
        ([[1.5, 2.0], [3.0, -4.0]], [[1.0, 2.0], [3.0, 4.0]], (1, 1)),
        ([1.0, 1e9, np.nan], [1.0, 2.0, 3.0], (2,)),
        ([np.inf, 2.5], [np.inf, 2.0], (1,)),
        ([np.nan, 2.5], [np.nan, 2.0], (1,)),
        ([7.0, 2.0, -np.inf], [6.0, 2.0, np.inf], (2,)),
        (2.5, 2.0, ()),
    ],
)
def test_the_number_that_is_farthest_off_is_told(
    got: Any, right: Any, index: tuple[int, ...]
) -> None:
    mismatch = judge(got, right=expected(right))
    at: Callable[[Any], Any] = lambda value: np.array(value)[index]  # noqa: E731
    assert mismatch is not None
    assert (mismatch.kind, mismatch.output, mismatch.index) == ("values", 0, index)
    np.testing.assert_equal((mismatch.got, mismatch.expected), (at(got), at(right)))


@pytest.mark.parametrize("value", [X, [X], (X,)])
def test_one_array_or_several(value: Any) -> None:
    assert [array is X for array in as_arrays(value)] == [True]
