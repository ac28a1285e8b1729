"""What is said when arguments do not fit: one line that names the argument, what came, what fits.

The functions test their arguments with one inline condition, which costs about a microsecond, and
come here for words only when it fails.
"""

import math
from numbers import Real
from typing import Any

import numpy as np


def is_float(*arrays: Any) -> bool:
    """Whether all of `arrays` are NumPy arrays of one float dtype."""
    dtype = None
    for array in arrays:
        if not isinstance(array, np.ndarray):
            return False
        if dtype is None:
            dtype = array.dtype
        elif array.dtype != dtype:
            return False
    return dtype is not None and dtype.kind == "f"


def misfit(function: str, **arguments: tuple[Any, str]) -> TypeError | ValueError:
    """The error for the first argument that fits its dimension names no more.

    Parameters
    ----------
    function
        The name of the function that was called.
    **arguments
        For each argument, in the order of the signature, the value and its dimensions as in
        `"N in"`: a name stands for one size throughout the call, a number for itself, `...` for
        any dimensions at all. A `?` at the end says that the argument may be None.

    Returns
    -------
    TypeError for what is no floating-point array or has another dtype than the arguments before
    it; ValueError for a shape.
    """
    sizes: dict[str, tuple[int, str]] = {}
    dtype: tuple[Any, str] | None = None
    for name, (value, dims) in arguments.items():
        if value is None and dims.endswith("?"):
            continue
        dims = dims.removesuffix("?")
        if not isinstance(value, np.ndarray):
            return TypeError(
                f"{function}: {name} is a {type(value).__name__}, expected a NumPy array ({dims})"
            )
        if not np.issubdtype(value.dtype, np.floating):
            return TypeError(f"{function}: {name} has dtype {value.dtype}, expected a float dtype")
        if dtype is not None and value.dtype != dtype[0]:
            return TypeError(
                f"{function}: {name} has dtype {value.dtype}, expected {dtype[0]} as {dtype[1]} has"
            )
        dtype = dtype or (value.dtype, name)
        expected = dims.split()
        if "..." in expected:
            continue
        if value.ndim != len(expected):
            return ValueError(
                f"{function}: {name} has shape {value.shape}, expected {len(expected)} dimensions "
                f"({', '.join(expected)})"
            )
        for dim, size in zip(expected, value.shape, strict=True):
            if dim.isdigit() and size != int(dim):
                return ValueError(
                    f"{function}: {name} has shape {value.shape}, expected ({', '.join(expected)})"
                )
            if sizes.setdefault(dim, (size, name))[0] != size:
                fitting, witness = sizes[dim]
                return ValueError(
                    f"{function}: {name} has shape {value.shape}, expected "
                    f"({', '.join(expected)}) with {dim} = {fitting} as {witness} has"
                )
    return ValueError(f"{function}: its arguments do not fit together")


def dims(array: Any) -> str:
    """The shape of `array` as the dimension names that `misfit` takes."""
    return " ".join(map(str, array.shape)) if isinstance(array, np.ndarray) else "..."


def check_dim(function: str, input: Any, dim: int) -> None:
    """Raise TypeError if `input` is no float array, ValueError if it has no axis `dim`."""
    if not is_float(input):
        raise misfit(function, input=(input, "..."))
    if not isinstance(dim, int | np.integer) or not -input.ndim <= dim < input.ndim:
        raise ValueError(
            f"{function}: dim is {dim!r}, expected an axis of input, which has shape {input.shape}"
        )


def check_cross_entropy(function: str, input: Any, target: Any, reduction: str) -> None:
    """Raise TypeError or ValueError if these are no logits (N, C) with targets (N,) in 0..C-1."""
    if not (is_float(input) and input.ndim == 2):
        raise misfit(function, input=(input, "N C"))
    if 0 in input.shape:
        raise ValueError(f"{function}: input has shape {input.shape}, expected no empty dimension")
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu":
        came = target.dtype if isinstance(target, np.ndarray) else type(target).__name__
        raise TypeError(f"{function}: target is {came}, expected an integer array of class indices")
    if target.shape != input.shape[:1]:
        raise ValueError(
            f"{function}: target has shape {target.shape}, expected {input.shape[:1]}, one class "
            f"index for each row of input {input.shape}"
        )
    if target.min() < 0 or target.max() >= input.shape[1]:
        worst = int(np.argmax((target < 0) | (target >= input.shape[1])))
        raise ValueError(
            f"{function}: target[{worst}] is {target[worst]}, expected a class index in "
            f"0..{input.shape[1] - 1}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f'{function}: reduction is {reduction!r}, expected "mean", "sum" or "none"'
        )


def check_number(name: str, value: Any) -> None:
    """Raise TypeError if `value` is no real number."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, expected a number")


def check_non_negative(name: str, value: float) -> float:
    """`value` as a float; raise TypeError if it is no number, ValueError if not in [0, inf)."""
    check_number(name, value)
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, expected a finite number of at least 0")
    return float(value)


def check_fraction(name: str, value: float) -> float:
    """`value` as a float; raise TypeError if it is no number, ValueError if not in [0, 1)."""
    check_number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}, expected a number in [0, 1)")
    return float(value)


def pair(function: str, name: str, value: int | tuple[int, int], minimum: int) -> tuple[int, int]:
    """`value` as (height, width), for arguments that are an int or a pair of ints.

    Raises
    ------
    TypeError
        If it is neither an int nor a pair of ints.
    ValueError
        If one of the two is below `minimum`.
    """
    both = value if isinstance(value, tuple) else (value, value)
    if len(both) != 2 or not all(isinstance(one, int | np.integer) for one in both):
        raise TypeError(f"{function}: {name} is {value!r}, expected an int or a pair of ints")
    if min(both) < minimum:
        raise ValueError(f"{function}: {name} is {value!r}, expected at least {minimum}")
    return both
