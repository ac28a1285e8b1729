"""`parity.strategies`, as somebody's own suite uses it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import Phase, given, settings
from numpy import ndarray

import numpy_impl.functional as F
import parity
import torch_impl.functional as T
from parity.errors import InputError
from parity.strategies import Call, calls


@settings(max_examples=20)
@given(calls("linear"))
def test_a_right_function_passes(call: Call) -> None:
    for gradient, exact in zip(call.backward(F), call.backward(T), strict=True):
        parity.assert_close(gradient, exact, name=call.name)


def wrong_bias(grad_output: ndarray, input: ndarray, weight: ndarray) -> tuple[ndarray, ...]:
    return grad_output @ weight, grad_output.T @ input, grad_output.mean(0)


def test_a_wrong_one_fails_and_the_call_can_be_pasted() -> None:
    mine = SimpleNamespace(linear=F.linear, linear_backward=wrong_bias)

    @settings(max_examples=50, database=None, phases=set(Phase) - {Phase.explain})
    @given(calls("linear"))
    def check(call: Call) -> None:
        for gradient, exact in zip(call.backward(mine), call.backward(T), strict=True):
            parity.assert_close(gradient, exact)

    with pytest.raises(AssertionError) as error:
        check()
    assert "call = made('linear', seed=" in "".join(error.value.__notes__)


@given(calls("cross_entropy", reduction="mean"))
def test_an_option_may_be_kept_at_a_value(call: Call) -> None:
    assert call.options["reduction"] == "mean"
    assert call.grad_output.shape == ()


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(InputError, match="got weight_decay=1, expected some of reduction"):
        calls("cross_entropy", weight_decay=1)


def test_an_unknown_operation() -> None:
    with pytest.raises(InputError, match="calls: got 'dense', expected one of linear"):
        calls("dense")


def test_nobody_loads_hypothesis_without_asking() -> None:
    code = "import sys, parity; parity.assert_close; assert 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["datasets.load", "errors.BadCaseError", "reproduce.load"])
def test_modules_of_the_library_come_with_it(name: str) -> None:
    """The pages write `parity.errors.BadCaseError` after a plain `import parity`."""
    code = f"import parity; parity.{name}; assert {name.split('.')[0]!r} in dir(parity)"
    subprocess.run([sys.executable, "-c", code], check=True)
