"""How a failing example is printed."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

from parity.strategies import CALLS


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=5)
@given(data=st.data())
def test_an_example_is_printed_as_the_lines_that_make_it(name: str, data: st.DataObject) -> None:
    call = data.draw(CALLS[name].map(lambda call: call.astype(np.float32)))
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(pretty(call), names)
    assert printed.getvalue()
    for key, array in call.inputs.items():
        np.testing.assert_array_equal(names["call"].inputs[key], array, strict=True)
    np.testing.assert_array_equal(names["call"].grad_output, call.grad_output, strict=True)
