"""`parity.assert_close`: one array by the rule of `parity.tolerance`."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.errors import BadCaseError
from parity.tolerance.elements import element_name, worst_element
from parity.tolerance.rule import allowance, distance, is_close, scale_of

__all__ = ["assert_close"]


def assert_close(
    actual: Any,
    expected: Any,
    *,
    valid: Any = None,
    name: str = "array",
    zero: bool = False,
) -> None:
    """Raise AssertionError if `actual` is farther from `expected` than rounding explains.

    The allowance is that of `parity.tolerance.rule`: a few units in the last place of the largest
    number of `expected` (1e-12 of it in float64), plus 4 times the largest error of `valid`.

    Parameters
    ----------
    actual
        The array to be judged, float32 or float64; its dtype decides the tolerance. Tensors are
        taken, too.
    expected
        The truth, of the same shape: best a float64 result.
    valid
        An equally valid result of the same shape, such as PyTorch's in float32; None if there is
        none.
    name
        What to call the array in the message.
    zero
        Whether an `expected` that is zero throughout is meant: nothing but zeros then passes.

    Raises
    ------
    AssertionError
        The message has the share of mismatches, the worst index and the allowance.
    BadCaseError
        If `expected` compares nothing: it is empty, zero throughout or not finite.
    TypeError
        If `actual` is neither float32 nor float64.
    ValueError
        If `valid` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> import parity
    >>> parity.assert_close(np.array([0.1 + 0.2]), np.array([0.3]))
    >>> parity.assert_close(np.array([0.1, 0.31]), np.array([0.1, 0.3]), name="y")
    Traceback (most recent call last):
        ...
    AssertionError: y is not close: 1 of 2 elements (50.0%) differ
      worst: y[1] = 0.31, expected 0.3
      off by 1.000e-02, allowed 3.000e-13 (float64)
    """
    mine, exact = as_array(actual), as_array(expected)
    if mine.dtype.name not in ("float32", "float64"):
        raise TypeError(f"assert_close: {name} is {mine.dtype}, expected float32 or float64")
    if mine.shape != exact.shape:
        raise AssertionError(f"{name} has shape {mine.shape}, expected {exact.shape}")
    if not np.isfinite(exact).all():
        raise BadCaseError(f"what is expected of {name} is not finite, which compares nothing")
    scale = scale_of(exact)
    if scale == 0 and not zero:
        why = "zero throughout" if exact.size else "empty"
        raise BadCaseError(f"what is expected of {name} is {why}, which compares nothing")
    other = exact if valid is None else as_array(valid)
    if other.shape != exact.shape:
        raise ValueError(f"assert_close: valid has shape {other.shape}, expected {exact.shape}")
    farthest = distance(other, exact)
    if not np.isfinite(farthest):
        raise BadCaseError(f"the valid result of {name} is not finite and would allow everything")
    allowed = allowance(mine.dtype.name, scale, farthest)
    wrong = ~is_close(mine, exact, allowed)
    if not wrong.any():
        return
    index = worst_element(mine, exact)
    error = abs(float(mine[index]) - float(exact[index]))
    raise AssertionError(
        f"{name} is not close: {wrong.sum()} of {wrong.size} elements ({wrong.mean():.1%}) differ\n"
        f"  worst: {element_name(name, index)} = {mine[index]}, expected {exact[index]}\n"
        f"  off by {error:.3e}, allowed {allowed:.3e} ({mine.dtype})"
    )


def as_array(value: Any) -> ndarray:
    """An array; a PyTorch tensor without its graph."""
    if not hasattr(value, "detach"):
        return np.asarray(value)
    if str(value.dtype) == "torch.bfloat16":
        raise TypeError("assert_close: a tensor is bfloat16, expected float32 or float64")
    return np.asarray(value.detach().cpu())
