"""Whether arguments fit: said once, in the annotations of a function, and checked at each call.

`checked` reads the annotations once, at import, and compiles one condition from them, which costs
about a microsecond a call. Only when it fails are the arguments looked at one by one, and the first
that does not fit is named in one line, with what came and what was expected.
"""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from numbers import Real
from types import CodeType
from typing import Any, NamedTuple, ParamSpec, TypeVar, get_args

import numpy as np
from numpy import ndarray

Pair = tuple[int, int]
P = ParamSpec("P")
T = TypeVar("T")

INT64 = np.dtype(np.int64)
FLOATS = frozenset(map(np.dtype, "efdg"))  # in the byte order of the machine


# --- the decorator --------------------------------------------------------------------------------


def checked(
    *rules: Callable[..., None], name: str | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Check the arguments of the decorated function at each call, and keep its results arrays.

    - `Float[ndarray, "N in"]` is a NumPy array, of no subclass, of a float dtype that all such
      arguments of a call share. A name stands for one size throughout the call, a number for
      itself, `*shape` for one shape, or for the rest of one, `...` for any. With `| None` the
      argument may be None. An array in another byte order than that of the machine is converted.
    - `float` is a finite number of at least 0, `tuple[float, float]` two numbers in [0, 1). The
      function gets Python's floats, which widen no dtype.
    - What annotations cannot say is checked by `rules`. A rule takes the name of the function,
      then those arguments that it names itself; `array` is the first array.

    Of arrays without dimensions NumPy makes scalars: what is returned is made an array again.

    Errors begin with `name`, by default that of the function, or of the class of a method.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        parameters = inspect.signature(function).parameters
        dims = float_dims(parameters)
        named = {key: key for key in parameters} | {"array": next(iter(dims))}
        namespace: dict[str, Any] = {
            "FLOATS": FLOATS,
            "MAX": sys.float_info.max,
            "as_arrays": as_arrays,
            "called": name or function.__qualname__.split(".")[0],
            "dims": dims,
            "fitting": fitting,
            "function": function,
            "ndarray": ndarray,
        }
        lines = [
            f"if not ({condition(dims)}):",
            f"    {', '.join(dims)}, = fitting(called, dims, {', '.join(dims)})",
        ]
        for key, parameter in parameters.items():
            namespace[f"default_{key}"] = parameter.default
            if parameter.annotation in OPTIONS:
                fits, check = OPTIONS[parameter.annotation]
                namespace[check.__name__] = check
                lines.append(f"if not ({fits.format(key)}):")
                lines.append(f"    {key} = {check.__name__}(f'{{called}}: {key}', {key})")
        for rule in rules:
            namespace[rule.__name__] = rule
            wanted = [key for key in inspect.signature(rule).parameters if key in named]
            given = [f"{key}={named[key]}" for key in wanted]
            lines.append(f"{rule.__name__}(called, {', '.join(given)})")
        passed = [
            f"{key}={key}" if parameter.kind is parameter.KEYWORD_ONLY else key
            for key, parameter in parameters.items()
        ]
        lines += [
            f"result = function({', '.join(passed)})",
            f"return result if {next(iter(dims))}.ndim else as_arrays(result)",
        ]
        source = f"def check({signature(parameters)}):\n    " + "\n    ".join(lines)
        exec(compiled(source), namespace)
        return functools.wraps(function)(namespace["check"])

    return decorate


@functools.cache
def compiled(source: str) -> CodeType:
    """The code of the source of one function."""
    return compile(source, "<numpy_impl.checks>", "exec")


def signature(parameters: Mapping[str, inspect.Parameter]) -> str:
    """The parameters as source, each default under a name of its own."""
    texts = []
    for key, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in texts:
            texts.append("*")
        required = parameter.default is parameter.empty
        texts.append(key if required else f"{key}=default_{key}")
    return ", ".join(texts)


class Dims(NamedTuple):
    """What the annotation of a float array says of its dimensions."""

    names: list[str]  # ["N", "in"]
    optional: bool = False  # whether it may be None
    sized: bool = True  # whether its shape is compared; else a rule does it


def float_dims(parameters: Mapping[str, inspect.Parameter]) -> dict[str, Dims]:
    """The dimensions of each float array, in the order in which the arrays are looked at.

    That is the order of the signature, but a `grad_output` of any shape comes last: it is the one
    that is expected to have the shape of the others.
    """
    dims = {}
    for key, parameter in parameters.items():
        kinds = get_args(parameter.annotation) or (parameter.annotation,)
        if float not in kinds and "float32" in getattr(kinds[0], "dtypes", ()):
            dims[key] = Dims(kinds[0].dim_str.split(), type(None) in kinds)
    if "grad_output" in dims:
        names = dims["grad_output"].names
        known = {name for key in dims if key != "grad_output" for name in dims[key].names}
        dims["grad_output"] = dims["grad_output"]._replace(sized=known.issuperset(names))
        if names == ["*shape"]:
            dims["grad_output"] = dims.pop("grad_output")
    return dims


def condition(dims: Mapping[str, Dims]) -> str:
    """The source of the condition that all arrays fit, and that none has to be converted."""
    sizes: dict[str, str] = {}
    first = next(iter(dims))
    parts = []
    for key, (names, optional, sized) in dims.items():
        is_float = f"{key}.dtype in FLOATS" if key == first else f"{key}.dtype is {first}.dtype"
        tests = [f"type({key}) is ndarray", is_float]
        found = [(name, f"{key}.shape[{axis}]") for axis, name in enumerate(names)]
        if names == ["*shape"]:
            found = [("*shape", f"{key}.shape")]
        elif names[-1].startswith("*"):
            rest = len(names) - 1
            found[-1] = names[-1], f"{key}.shape[{rest}:]"
            tests.append(f"{key}.ndim >= {rest}")
        elif names != ["..."] and sized:
            tests.append(f"{key}.ndim == {len(names)}")
        for name, size in found if sized and names != ["..."] else ():
            expected = name if name.isdigit() else sizes.setdefault(name, size)
            if expected != size:
                tests.append(f"{size} == {expected}")
        joined = " and ".join(tests)
        parts.append(f"({key} is None or {joined})" if optional else joined)
    return " and ".join(parts)


def as_arrays(result: Any) -> Any:
    """The result, or each of a tuple, as an array."""
    return tuple(map(np.asarray, result)) if isinstance(result, tuple) else np.asarray(result)


# --- arrays ---------------------------------------------------------------------------------------


def is_float(array: Any) -> bool:
    """Whether it is a NumPy array, of no subclass, of a float dtype."""
    return type(array) is ndarray and array.dtype.kind == "f"


def fitting(function: str, dims: Mapping[str, Dims], *arrays: Any) -> list[ndarray | None]:
    """The arrays in the byte order of the machine.

    Parameters
    ----------
    function
        The name of the function that was called.
    dims
        The name and the dimensions of each of the arrays.
    *arrays
        The arguments, in that order.

    Raises
    ------
    TypeError
        For the first that is no array of floats, or has another dtype than those before it.
    ValueError
        For the first that has another shape.
    """
    sizes: dict[str, tuple[Any, str]] = {}
    dtype: tuple[np.dtype[Any], str] | None = None
    for (name, (expected, optional, sized)), array in zip(dims.items(), arrays, strict=True):
        if array is None and optional:
            continue
        if expected == ["*shape"]:
            expected = [str(size) for size in sizes["*shape"][0]] if sizes else ["..."]
        if type(array) is not ndarray:
            kind = "a plain NumPy array" if isinstance(array, ndarray) else "a NumPy array"
            came = type(array).__name__
            raise TypeError(
                f"{function}: {name} is a {came}, expected {kind} ({' '.join(expected)})"
            )
        if array.dtype.kind != "f":
            raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected a float dtype")
        native = array.dtype.newbyteorder("=")
        dtype = dtype or (native, name)
        if native != dtype[0]:
            raise TypeError(
                f"{function}: {name} has dtype {native}, expected {dtype[0]} as {dtype[1]} has"
            )
        if expected == ["..."]:
            sizes["*shape"] = array.shape, name
        elif sized:
            check_shape(function, name, array.shape, expected, sizes)
    return [
        array if array is None else array.astype(array.dtype.newbyteorder("=")) for array in arrays
    ]


def check_shape(
    function: str,
    name: str,
    shape: tuple[int, ...],
    expected: list[str],
    sizes: dict[str, tuple[Any, str]],
) -> None:
    """Raise ValueError if the shape is not as expected; its names are added to the known sizes."""
    came, fits = f"{function}: {name} has shape {shape}, expected", ", ".join(expected)
    if expected and expected[-1].startswith("*"):
        rest = len(expected) - 1
        if len(shape) < rest:
            raise ValueError(f"{came} at least {rest} dimensions ({fits})")
        known, witness = sizes.setdefault(expected[-1], (shape[rest:], name))
        if known != shape[rest:]:
            raise ValueError(f"{came} ({fits}) with {expected[-1]} = {known} as {witness} has")
        expected, shape = expected[:-1], shape[:rest]
    if len(shape) != len(expected):
        raise ValueError(f"{came} {len(expected)} dimensions ({fits})")
    for dim, size in zip(expected, shape, strict=True):
        if dim.isdigit() and size != int(dim):
            raise ValueError(f"{came} ({fits})")
        known, witness = sizes.setdefault(dim, (size, name))
        if known != size:
            raise ValueError(f"{came} ({fits}) with {dim} = {known} as {witness} has")


# --- rules ----------------------------------------------------------------------------------------


def check_dim(function: str, array: ndarray, dim: Any) -> None:
    """Raise ValueError if the array has no axis `dim`."""
    if not isinstance(dim, int | np.integer) or not -array.ndim <= dim < array.ndim:
        raise ValueError(
            f"{function}: dim is {dim!r}, expected an axis of input, which has shape {array.shape}"
        )


def check_target(function: str, input: ndarray, target: Any, reduction: Any = "mean") -> None:
    """Raise TypeError or ValueError if the targets are no classes in 0..C-1 of logits (N, C)."""
    if (
        type(target) is ndarray
        and target.dtype is INT64
        and target.shape == input.shape[:1] != (0,)
        and target.view(np.uint64).max() < input.shape[1]  # where -1 is a huge number
        and reduction == "mean"
    ):
        return  # what it is at each step of a training
    if 0 in input.shape:
        raise ValueError(f"{function}: input has shape {input.shape}, expected no empty dimension")
    if type(target) is not ndarray or target.dtype.kind not in "iu":
        came = target.dtype if type(target) is ndarray else type(target).__name__
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


def check_grad_loss(function: str, grad_output: Any, input: ndarray, reduction: str) -> None:
    """Raise TypeError or ValueError if it is no gradient of the loss: () or, for "none", (N,)."""
    if not isinstance(grad_output, Real) and not is_float(grad_output):
        plain = type(grad_output) is ndarray
        came = grad_output.dtype if plain else type(grad_output).__name__
        raise TypeError(f"{function}: grad_output is {came}, expected a number or a float array")
    sizes: dict[str, tuple[Any, str]] = {"N": (len(input), "input")}
    expected = ["N"] if reduction == "none" else []
    check_shape(function, "grad_output", np.shape(grad_output), expected, sizes)


def check_step(function: str, step: Any) -> None:
    """Raise ValueError if `step` is no count from 1."""
    if type(step) is int and 1 <= step < 2**53:
        return  # what it is at each step of a training
    if not isinstance(step, int | np.integer) or step < 1:
        raise ValueError(f"{function}: step is {step!r}, expected a count from 1")
    check_number(f"{function}: step", step)


def check_window(
    function: str,
    input: ndarray,
    stride: Any,
    padding: Any = 0,
    weight: ndarray | None = None,
    kernel_size: Any = None,
    grad_output: ndarray | None = None,
) -> None:
    """Raise TypeError or ValueError if no window of this size slides over the images like this.

    The window has the size of the weight, if there is one. A gradient has to have the size of the
    output.
    """
    if weight is not None:
        window = weight.shape[2:]
    else:
        window = check_pair(function, "kernel_size", kernel_size, 1)
        stride = window if stride is None else stride
    steps = check_pair(function, "stride", stride, 1)
    margins = check_pair(function, "padding", padding, 0)
    H, W = input.shape[2] + 2 * margins[0], input.shape[3] + 2 * margins[1]
    if window[0] > H or window[1] > W:
        raise ValueError(
            f"{function}: input has shape {input.shape}, with its padding images of {H}x{W}, "
            f"expected at least the window of {window[0]}x{window[1]}"
        )
    if grad_output is not None:
        channels = input.shape[1] if weight is None else len(weight)
        size = (H - window[0]) // steps[0] + 1, (W - window[1]) // steps[1] + 1
        check_output(function, grad_output, (len(input), channels, *size))


def check_planned(function: str, grad_output: ndarray, plan: Any) -> None:
    """Raise ValueError if the gradient has not the shape of the plan's output."""
    check_output(function, grad_output, plan.output)


def check_output(function: str, grad_output: ndarray, shape: tuple[int, ...]) -> None:
    """Raise ValueError if the gradient has not the shape of the output."""
    if grad_output.shape != shape:
        raise ValueError(
            f"{function}: grad_output has shape {grad_output.shape}, expected {shape} as the "
            "output has"
        )


# --- tensors by name ------------------------------------------------------------------------------


def check_state_dict(
    owner: str, expected: Mapping[str, ndarray], state_dict: Mapping[str, Any]
) -> None:
    """Raise ValueError if names are missing or too many, or one is no float array of its shape."""
    problems = [f"{name} is missing" for name in expected if name not in state_dict]
    problems += [f"{name} is unexpected" for name in state_dict if name not in expected]
    for name in (name for name in expected if name in state_dict):
        array, shape = state_dict[name], expected[name].shape
        if np.shape(array) != shape:
            problems.append(f"{name} has shape {np.shape(array)}, expected {shape}")
        elif not is_float(array):
            came = getattr(array, "dtype", type(array).__name__)
            problems.append(f"{name} is {came}, expected a NumPy array of floats")
    if problems:
        raise ValueError(f"state_dict does not fit {owner}: {'; '.join(problems)}")


def not_finite(step: int, tensors: Mapping[str, ndarray]) -> FloatingPointError:
    """The error for a loss that is not finite: it names the first of the tensors that is not."""
    names = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    found = f"; the first tensor that is not: {names[0]}" if names else ""
    return FloatingPointError(f"step {step}: the loss is not finite{found}")


# --- options --------------------------------------------------------------------------------------


def check_number(name: str, value: Any) -> float:
    """`value` as a float; raise TypeError if it is no number, ValueError if too large for one."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, expected a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float, expected a finite number") from None


def check_non_negative(name: str, value: Any) -> float:
    """`value` as a float; raise TypeError if it is no number, ValueError if not in [0, inf)."""
    number = check_number(name, value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {value}, expected a finite number of at least 0")
    return number


def check_fractions(name: str, values: Any) -> tuple[float, float]:
    """Two floats; raise TypeError if they are no two numbers, ValueError if not in [0, 1)."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"{name} is {values!r}, expected two numbers")
    for index, value in enumerate(values):
        if not 0 <= check_number(f"{name}[{index}]", value) < 1:
            raise ValueError(f"{name}[{index}] is {value}, expected a number in [0, 1)")
    return float(values[0]), float(values[1])


def as_pair(value: int | Pair) -> Pair:
    """(height, width) of an argument that is an int or a pair of ints."""
    return value if isinstance(value, tuple) else (value, value)


def check_pair(function: str, name: str, value: Any, minimum: int) -> Pair:
    """`value` as (height, width), for arguments that are an int or a pair of ints.

    Raises
    ------
    TypeError
        If it is neither an int nor a pair of ints.
    ValueError
        If one of the two is below `minimum`.
    """
    if type(value) is int and value >= minimum:
        return value, value  # what it mostly is
    both = as_pair(value)
    if len(both) != 2 or not all(isinstance(one, int | np.integer) for one in both):
        raise TypeError(f"{function}: {name} is {value!r}, expected an int or a pair of ints")
    if min(both) < minimum:
        raise ValueError(f"{function}: {name} is {value!r}, expected at least {minimum}")
    return both


# The annotation of an option: the source of its check, and what looks at it if that fails.
OPTIONS: dict[Any, tuple[str, Callable[..., Any]]] = {
    float: ("type({0}) is float and 0 <= {0} <= MAX", check_non_negative),
    tuple[float, float]: (
        "type({0}) is tuple and len({0}) == 2 and type({0}[0]) is type({0}[1]) is float"
        " and 0 <= {0}[0] < 1 and 0 <= {0}[1] < 1",
        check_fractions,
    ),
}
