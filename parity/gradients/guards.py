"""What a gradient check refuses, before it compares."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from parity.errors import BadCaseError
from parity.gradients.complex_numbers import real
from parity.tolerance import element_name, first_element

__all__ = [
    "SinglePrecisionError",
    "as_argument",
    "as_float64",
    "as_output",
    "check_finite",
    "error_of",
    "unchanging",
]


class SinglePrecisionError(BadCaseError):
    """f rounds to single precision inside: differences of it are too coarse."""


def as_argument(name: str, x: Any) -> ndarray:
    """A copy of an input: integers and booleans as they are, others in float64.

    Complex numbers get a last axis of two. Raises as `as_float64` does.
    """
    return (
        x.copy() if isinstance(x, ndarray) and x.dtype.kind in "iub" else as_float64(name, real(x))
    )


def as_float64(name: str, x: Any) -> Float[ndarray, "..."]:
    """A float64 copy of `x`; raises TypeError or ValueError if it is no float array with elements,
    BadCaseError if it is not finite.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        came = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"gradcheck: {name} is {came}, expected a float array")
    if x.size == 0:
        raise ValueError(f"gradcheck: {name} has shape {x.shape}, expected no empty dimension")
    check_finite(name, x)
    return np.array(x, np.float64)


def as_output(output: Any) -> Float[ndarray, "..."]:
    """A copy of what f returned, which must be float64, as the inputs were, and finite."""
    if isinstance(output, tuple | list):
        raise TypeError(f"f returned a {type(output).__name__}, expected one array")
    output = np.array(output)
    if output.dtype != np.float64:
        raise TypeError(f"f returned {output.dtype} for float64 inputs, expected float64")
    check_finite("f's output", output)
    return output


def check_finite(name: str, x: Float[ndarray, "..."]) -> None:
    """Raise BadCaseError if an element is NaN or infinite: NaN in both is not agreement."""
    if not np.isfinite(x).all():
        index = first_element(~np.isfinite(x))
        raise BadCaseError(f"{element_name(name, index)} = {x[index]}, which compares nothing")


def unchanging(what: str, function: Callable[..., Any], arguments: Mapping[str, ndarray]) -> Any:
    """What `function` returns; raises BadCaseError if it writes into its arguments."""
    before = {name: array.copy() for name, array in arguments.items()}
    value = function(*arguments.values())
    for name, array in arguments.items():
        changed = np.asarray(array != before[name])
        if changed.any():
            index = first_element(changed)
            raise BadCaseError(
                f"{what} changed its argument: {element_name(name, index)} was "
                f"{before[name][index]} and became {array[index]}"
            )
    return value


def error_of(name: str, gradient: Any, inputs: Mapping[str, ndarray]) -> str:
    """What is wrong with a gradient at first sight, or nothing; raises BadCaseError for an alias.

    An optimizer's step would write through an alias into what the gradient was computed from.
    """
    shape = inputs[name].shape
    if not isinstance(gradient, ndarray | np.floating) or gradient.dtype != np.float64:
        came = getattr(gradient, "dtype", type(gradient).__name__)
        return f"the gradient is {came}, but should be a float64 array of shape {shape}"
    if gradient.shape != shape:
        return f"the gradient has shape {gradient.shape}, but should have {shape}"
    for other, x in inputs.items():
        if np.shares_memory(gradient, x):
            raise BadCaseError(f"the gradient of {name} lies in the memory of {other}")
    if not np.isfinite(gradient).all():
        index = first_element(~np.isfinite(gradient))
        return f"{element_name(name, index)} = {np.asarray(gradient)[index]}, but should be finite"
    return ""
