"""The error messages of the operations: which argument is wrong, and what is expected."""

import inspect
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float

from numpy_impl import functional, models
from numpy_impl.checks import checked

F: Any = functional  # the mistakes are mistakes of type, too

A = np.zeros((3, 4))
W = np.zeros((2, 4))
INTS = np.array([0, 1, 2])
IMAGES = np.zeros((2, 3, 5, 6))
KERNEL = np.zeros((4, 3, 3, 3))

MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a list": (lambda: F.linear([[1.0]], W), TypeError, "linear: input is a list"),
    "integers": (lambda: F.linear(A.astype(int), W), TypeError, "linear: input has dtype int64"),
    "two dtypes": (
        lambda: F.linear(A, W.astype(np.float32)),
        TypeError,
        "linear: weight has dtype float32, expected float64 as input has",
    ),
    "weight (in, out)": (
        lambda: F.linear(A, W.T),
        ValueError,
        r"linear: weight has shape \(4, 2\), expected \(out, in\) with in = 4 as input has",
    ),
    "a long bias": (
        lambda: F.linear(A, W, np.zeros(3)),
        ValueError,
        r"linear: bias has shape \(3,\), expected \(out\) with out = 2 as weight has",
    ),
    "images to linear": (
        lambda: F.linear(IMAGES, W),
        ValueError,
        r"linear: input has shape \(2, 3, 5, 6\), expected 2 dimensions",
    ),
    "half a batch of gradients": (
        lambda: F.linear_backward(np.zeros((2, 2)), A, W),
        ValueError,
        r"linear_backward: input has shape \(3, 4\), expected \(N, in\) with N = 2 as grad_output",
    ),
    "sigmoid of integers": (lambda: F.sigmoid(INTS), TypeError, "sigmoid: input has dtype int64"),
    "sigmoid_backward": (
        lambda: F.sigmoid_backward(A, W),
        ValueError,
        r"sigmoid_backward: grad_output has shape \(3, 4\), expected \(2, 4\)",
    ),
    "relu of a number": (lambda: F.relu(1.0), TypeError, "relu: input is a float"),
    "relu_backward": (
        lambda: F.relu_backward(A, W),
        ValueError,
        r"relu_backward: grad_output has shape \(3, 4\), expected \(2, 4\)",
    ),
    "softmax of integers": (lambda: F.softmax(INTS), TypeError, "softmax: input has dtype int64"),
    "no such axis": (lambda: F.softmax(A, 2), ValueError, "softmax: dim is 2, expected an axis"),
    "no such axis back": (
        lambda: F.softmax_backward(A, A, -3),
        ValueError,
        "softmax_backward: dim is -3, expected an axis",
    ),
    "softmax_backward": (
        lambda: F.softmax_backward(A, W),
        ValueError,
        r"softmax_backward: grad_output has shape \(3, 4\), expected \(2, 4\)",
    ),
    "log_softmax": (lambda: F.log_softmax(A, 5), ValueError, "log_softmax: dim is 5"),
    "no axis at all": (lambda: F.softmax(A, None), ValueError, "softmax: dim is None, expected an"),
    "log_softmax_backward": (
        lambda: F.log_softmax_backward(A, W),
        ValueError,
        r"log_softmax_backward: grad_output has shape \(3, 4\), expected \(2, 4\)",
    ),
    "no axis for the logarithm": (
        lambda: F.log_softmax_backward(A, A, 2),
        ValueError,
        "log_softmax_backward: dim is 2, expected an axis",
    ),
    "logits without a batch": (
        lambda: F.cross_entropy(A[0], INTS),
        ValueError,
        r"cross_entropy: input has shape \(4,\), expected 2 dimensions \(N, C\)",
    ),
    "no logits": (
        lambda: F.cross_entropy(A[:0], INTS[:0]),
        ValueError,
        r"cross_entropy: input has shape \(0, 4\), expected no empty dimension",
    ),
    "probabilities as targets": (
        lambda: F.cross_entropy(A, A),
        TypeError,
        "cross_entropy: target is float64, expected an integer array",
    ),
    "targets in a list": (
        lambda: F.cross_entropy(A, [0, 1, 2]),
        TypeError,
        "cross_entropy: target is list, expected an integer array",
    ),
    "targets (N, 1)": (
        lambda: F.cross_entropy(A, INTS[:, None]),
        ValueError,
        r"cross_entropy: target has shape \(3, 1\), expected \(3,\)",
    ),
    "a class too many": (
        lambda: F.cross_entropy(A, INTS + 2),
        ValueError,
        r"cross_entropy: target\[2\] is 4, expected a class index in 0..3",
    ),
    "a negative class": (
        lambda: F.cross_entropy_backward(1.0, A, INTS - 1),
        ValueError,
        r"cross_entropy_backward: target\[0\] is -1, expected a class index in 0..3",
    ),
    "a negative class after right ones": (
        lambda: F.cross_entropy(A, np.array([0, 1, -1])),
        ValueError,
        r"cross_entropy: target\[2\] is -1, expected a class index in 0..3",
    ),
    "reduction": (
        lambda: F.cross_entropy(A, INTS, "avg"),
        ValueError,
        "cross_entropy: reduction is 'avg', expected",
    ),
    "no gradient of the loss": (
        lambda: F.cross_entropy_backward(None, A, INTS),
        TypeError,
        "cross_entropy_backward: grad_output is NoneType, expected a number or a float array",
    ),
    "a gradient of the loss in a list": (
        lambda: F.cross_entropy_backward([1.0], A, INTS),
        TypeError,
        "cross_entropy_backward: grad_output is list, expected a number or a float array",
    ),
    "an integer gradient of the loss": (
        lambda: F.cross_entropy_backward(np.array(1), A, INTS),
        TypeError,
        "cross_entropy_backward: grad_output is int64, expected a number or a float array",
    ),
    "masked targets": (
        lambda: F.cross_entropy(A, np.ma.masked_array(INTS)),
        TypeError,
        "cross_entropy: target is MaskedArray, expected an integer array",
    ),
    "no stride of a convolution": (
        lambda: F.conv2d(IMAGES, KERNEL, stride=None),
        TypeError,
        "conv2d: stride is None, expected an int or a pair of ints",
    ),
    "no stride of its backward": (
        lambda: F.conv2d_backward(np.zeros((2, 4, 3, 4)), IMAGES, KERNEL, stride=None),
        TypeError,
        "conv2d_backward: stride is None, expected an int or a pair of ints",
    ),
    "a gradient for each loss": (
        lambda: F.cross_entropy_backward(1.0, A, INTS, "none"),
        ValueError,
        r"cross_entropy_backward: grad_output has shape \(\), expected 1 dimensions \(N\)",
    ),
    "two gradients for three losses": (
        lambda: F.cross_entropy_backward(np.ones(2), A, INTS, "none"),
        ValueError,
        r"cross_entropy_backward: grad_output has shape \(2,\), expected \(N\) with N = 3 as input",
    ),
    "one gradient for the mean": (
        lambda: F.cross_entropy_backward(np.ones(3), A, INTS),
        ValueError,
        r"cross_entropy_backward: grad_output has shape \(3,\), expected 0 dimensions",
    ),
    "unbatched images": (
        lambda: F.conv2d(IMAGES[0], KERNEL),
        ValueError,
        r"conv2d: input has shape \(3, 5, 6\), expected 4 dimensions \(N, C, H, W\)",
    ),
    "other channels": (
        lambda: F.conv2d(IMAGES, KERNEL[:, :2]),
        ValueError,
        r"conv2d: weight has shape \(4, 2, 3, 3\), expected \(out, C, kH, kW\) with C = 3",
    ),
    "a short bias": (
        lambda: F.conv2d(IMAGES, KERNEL, np.zeros(3)),
        ValueError,
        r"conv2d: bias has shape \(3,\), expected \(out\) with out = 4 as weight has",
    ),
    "stride 0": (
        lambda: F.conv2d(IMAGES, KERNEL, stride=0),
        ValueError,
        "conv2d: stride is 0, expected at least 1",
    ),
    "padding below 0": (
        lambda: F.conv2d(IMAGES, KERNEL, padding=(1, -1)),
        ValueError,
        r"conv2d: padding is \(1, -1\), expected at least 0",
    ),
    "padding in words": (
        lambda: F.conv2d(IMAGES, KERNEL, padding="same"),
        TypeError,
        "conv2d: padding is 'same', expected an int or a pair of ints",
    ),
    "three strides": (
        lambda: F.conv2d(IMAGES, KERNEL, stride=(1, 1, 1)),
        TypeError,
        r"conv2d: stride is \(1, 1, 1\), expected an int or a pair of ints",
    ),
    "a window larger than the image": (
        lambda: F.conv2d(IMAGES, np.zeros((4, 3, 3, 9)), padding=1),
        ValueError,
        r"conv2d: input has shape \(2, 3, 5, 6\), with its padding images of 7x8, expected at "
        "least the window of 3x9",
    ),
    "a gradient of the input's size": (
        lambda: F.conv2d_backward(np.zeros((2, 4, 5, 6)), IMAGES, KERNEL),
        ValueError,
        r"conv2d_backward: grad_output has shape \(2, 4, 5, 6\), expected \(2, 4, 3, 4\)",
    ),
    "conv2d_backward": (
        lambda: F.conv2d_backward(np.zeros((2, 4, 3, 4)), IMAGES, KERNEL[:, :2]),
        ValueError,
        r"conv2d_backward: weight has shape \(4, 2, 3, 3\), expected \(out, C, kH, kW\) with C = 3",
    ),
    "rows to pool": (lambda: F.avg_pool2d(A, 2), ValueError, r"avg_pool2d: input has shape \(3, 4"),
    "kernel_size 0": (
        lambda: F.avg_pool2d(IMAGES, 0),
        ValueError,
        "avg_pool2d: kernel_size is 0, expected at least 1",
    ),
    "half a kernel": (
        lambda: F.avg_pool2d(IMAGES, 2.5),
        TypeError,
        "avg_pool2d: kernel_size is 2.5, expected an int or a pair of ints",
    ),
    "a kernel larger than the image": (
        lambda: F.avg_pool2d(IMAGES, 6),
        ValueError,
        "avg_pool2d: input has shape .*, expected at least the window of 6x6",
    ),
    "avg_pool2d_backward": (
        lambda: F.avg_pool2d_backward(IMAGES, IMAGES, 2),
        ValueError,
        r"avg_pool2d_backward: grad_output has shape .*, expected \(2, 3, 2, 3\) as the output has",
    ),
    "rows to pool back": (
        lambda: F.avg_pool2d_backward(IMAGES, A, 2),
        ValueError,
        r"avg_pool2d_backward: input has shape \(3, 4\), expected 4 dimensions",
    ),
    "sgd_step": (
        lambda: F.sgd_step(A, W, 0.1),
        ValueError,
        r"sgd_step: grad has shape \(2, 4\), expected \(3, 4\)",
    ),
    "adam_step": (
        lambda: F.adam_step(A, A, W, A, 1),
        ValueError,
        r"adam_step: exp_avg has shape \(2, 4\), expected \(3, 4\)",
    ),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_argument_that_does_not_fit_is_named(mistake: str) -> None:
    call, error_type, message = MISTAKES[mistake]
    with pytest.raises(error_type, match=message):
        call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("step", [0, -1, 1.5, "1"])
def test_a_step_that_is_not_a_count_is_refused(step: Any) -> None:
    with pytest.raises(ValueError, match=f"adam_step: step is {step!r}, expected a count from 1"):
        F.adam_step(A, A, A, A, step)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "error_type", "expected"),
    [
        ({"lr": -0.1}, ValueError, "lr is -0.1, expected a finite number of at least 0"),
        ({"lr": np.nan}, ValueError, "lr is nan, expected a finite number of at least 0"),
        ({"lr": np.inf}, ValueError, "lr is inf, expected a finite number of at least 0"),
        ({"lr": 10**400}, ValueError, "lr is too large for a float, expected a finite number"),
        ({"lr": "fast"}, TypeError, "lr is 'fast', expected a number"),
        ({"lr": None}, TypeError, "lr is None, expected a number"),
        ({"weight_decay": np.nan}, ValueError, "weight_decay is nan, expected a finite number of "),
        ({"weight_decay": -1}, ValueError, "weight_decay is -1, expected a finite number of at "),
        ({"eps": np.nan}, ValueError, "eps is nan, expected a finite number of at least 0"),
        ({"betas": (1, 1)}, ValueError, "betas[0] is 1, expected a number in [0, 1)"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas[1] is 1.0, expected a number in [0, 1)"),
        ({"betas": (0.9, -0.1)}, ValueError, "betas[1] is -0.1, expected a number in [0, 1)"),
        ({"betas": (np.nan, 0.9)}, ValueError, "betas[0] is nan, expected a number in [0, 1)"),
        ({"betas": (0.9, np.nan)}, ValueError, "betas[1] is nan, expected a number in [0, 1)"),
        ({"betas": (0.9, 10**400)}, ValueError, "betas[1] is too large for a float, expected a"),
        ({"betas": (0.9, None)}, TypeError, "betas[1] is None, expected a number"),
        ({"betas": (0.9,)}, TypeError, "betas is (0.9,), expected two numbers"),
        ({"betas": 0.9}, TypeError, "betas is 0.9, expected two numbers"),
        ({"step": 10**400}, ValueError, "step is too large for a float, expected a finite number"),
    ],
)
def test_an_option_of_a_step_out_of_range_is_named(
    options: dict[str, Any], error_type: type[Exception], expected: str
) -> None:
    """In one line; the two steps say the same."""
    calls = {"adam_step": lambda: F.adam_step(A, A, A, A, **{"step": 1, **options})}
    if options.keys() <= {"lr", "weight_decay"}:
        calls["sgd_step"] = lambda: F.sgd_step(A, A, **{"lr": 0.1, **options})
    for name, call in calls.items():
        with pytest.raises(error_type, match=f"^{re.escape(f'{name}: {expected}')}[^\n]*$"):
            call()


@pytest.mark.parametrize("lr", [1, np.float64(0.1), np.float32(0.1), Fraction(1, 3)])
def test_any_real_number_is_accepted(lr: Any) -> None:
    np.testing.assert_array_equal(F.sgd_step(A + 1, A + 2, lr), F.sgd_step(A + 1, A + 2, float(lr)))


SUBCLASSES: dict[str, Callable[[np.ndarray], Any]] = {
    "matrix": lambda array: np.matrix(array.reshape(1, -1)),
    "MaskedArray": np.ma.masked_array,
    "recarray": lambda array: array.view(np.recarray),
}


# --- each argument in turn ------------------------------------------------------------------------

# The arguments that fit, in the order in which they are looked at, with their dimensions.
FEATURES = {name: (np.ones(4), "C") for name in ("running_mean", "running_var", "weight")}
ADAM = {
    "param": (A, "..."),
    "grad": (A, "3 4"),
    "exp_avg": (A, "3 4"),
    "exp_avg_sq": (A, "3 4"),
}
FIT: dict[str, dict[str, tuple[np.ndarray, str]]] = {
    "linear": {"input": (A, "N in"), "weight": (W, "out in"), "bias": (np.zeros(2), "out")},
    "linear_backward": {
        "grad_output": (np.zeros((3, 2)), "N out"),
        "input": (A, "N in"),
        "weight": (W, "out in"),
    },
    "sigmoid": {"input": (A, "...")},
    "sigmoid_backward": {"output": (A, "..."), "grad_output": (A, "3 4")},
    "tanh": {"input": (A, "...")},
    "tanh_backward": {"output": (A, "..."), "grad_output": (A, "3 4")},
    "relu": {"input": (A, "...")},
    "relu_backward": {"output": (A, "..."), "grad_output": (A, "3 4")},
    "softmax": {"input": (A, "...")},
    "softmax_backward": {"output": (A, "..."), "grad_output": (A, "3 4")},
    "log_softmax": {"input": (A, "...")},
    "log_softmax_backward": {"output": (A, "..."), "grad_output": (A, "3 4")},
    "cross_entropy": {"input": (A, "N C")},
    "cross_entropy_backward": {"input": (A, "N C")},
    "conv2d": {
        "input": (IMAGES, "N C H W"),
        "weight": (KERNEL, "out C kH kW"),
        "bias": (np.zeros(4), "out"),
    },
    "conv2d_backward": {
        "grad_output": (np.zeros((2, 4, 3, 4)), "N out Ho Wo"),
        "input": (IMAGES, "N C H W"),
        "weight": (KERNEL, "out C kH kW"),
    },
    "avg_pool2d": {"input": (IMAGES, "N C H W")},
    "avg_pool2d_backward": {
        "grad_output": (np.zeros((2, 3, 2, 3)), "N C Ho Wo"),
        "input": (IMAGES, "N C H W"),
    },
    "max_pool2d": {"input": (IMAGES, "N C H W")},
    "max_pool2d_backward": {
        "grad_output": (np.zeros((2, 3, 2, 3)), "N C Ho Wo"),
        "input": (IMAGES, "N C H W"),
    },
    "batch_norm": {"input": (A, "N C *size"), **FEATURES, "bias": (np.ones(4), "C")},
    "batch_norm_backward": {
        "grad_output": (A, "N C *size"),
        "input": (A, "N C *size"),
        **FEATURES,
    },
    "dropout": {"input": (A, "..."), "mask": (A, "3 4")},
    "dropout_backward": {"mask": (A, "..."), "grad_output": (A, "3 4")},
    "sgd_step": {"param": (A, "..."), "grad": (A, "3 4")},
    "momentum_step": {"param": (A, "..."), "grad": (A, "3 4"), "momentum_buffer": (A, "3 4")},
    "rmsprop_step": {"param": (A, "..."), "grad": (A, "3 4"), "square_avg": (A, "3 4")},
    "adam_step": ADAM,
    "adamw_step": ADAM,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "cross_entropy": {"target": INTS},
    "cross_entropy_backward": {"grad_output": 1.0, "target": INTS},
    "avg_pool2d": {"kernel_size": 2},
    "avg_pool2d_backward": {"kernel_size": 2},
    "max_pool2d": {"kernel_size": 2},
    "max_pool2d_backward": {"kernel_size": 2},
    "sgd_step": {"lr": 0.1},
    "momentum_step": {"lr": 0.1},
    "rmsprop_step": {"lr": 0.1},
    "adam_step": {"step": 1},
    "adamw_step": {"step": 1},
}
ARGUMENTS = [(name, argument) for name in FIT for argument in FIT[name]]


def test_every_function_of_the_contract_is_here() -> None:
    assert FIT.keys() == {*functional.__all__}


def each(arguments: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("function", "argument"), arguments)


def message(function: str, argument: str, value: Any) -> str:
    """What `function` says about `value` as `argument`, where all others fit."""
    arguments = {name: array for name, (array, _) in FIT[function].items()}
    options = OPTIONS.get(function, {})
    getattr(F, function)(**arguments, **options)
    with pytest.raises((TypeError, ValueError)) as raised:
        getattr(F, function)(**(arguments | {argument: value}), **options)
    return str(raised.value)


@pytest.mark.usefixtures("unchecked")
@each(ARGUMENTS)
def test_a_list_is_refused(function: str, argument: str) -> None:
    _, expected_dims = FIT[function][argument]
    expected = f"{function}: {argument} is a list, expected a NumPy array ({expected_dims})"
    assert message(function, argument, [[1.0]]) == expected


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # NumPy advises against matrices
@pytest.mark.parametrize("subclass", SUBCLASSES)
@each(ARGUMENTS)
def test_a_subclass_of_ndarray_is_refused(function: str, argument: str, subclass: str) -> None:
    """It would compute something else: a matrix multiplies by `*`, a masked array leaves out."""
    array, expected_dims = FIT[function][argument]
    expected = f"{argument} is a {subclass}, expected a plain NumPy array ({expected_dims})"
    came = SUBCLASSES[subclass](array)
    assert message(function, argument, came) == f"{function}: {expected}"


@pytest.mark.usefixtures("unchecked")
@each([(name, argument) for name, argument in ARGUMENTS if argument != "bias"])
def test_none_is_refused(function: str, argument: str) -> None:
    """But a bias may be None."""
    _, expected_dims = FIT[function][argument]
    expected = f"{function}: {argument} is a NoneType, expected a NumPy array ({expected_dims})"
    assert message(function, argument, None) == expected


@pytest.mark.usefixtures("unchecked")
@each(ARGUMENTS)
def test_integers_are_refused(function: str, argument: str) -> None:
    array, _ = FIT[function][argument]
    expected = f"{function}: {argument} has dtype int64, expected a float dtype"
    assert message(function, argument, array.astype(np.int64)) == expected


@pytest.mark.usefixtures("unchecked")
@each([(name, argument) for name, argument in ARGUMENTS if len(FIT[name]) > 1])
def test_all_arguments_have_one_dtype(function: str, argument: str) -> None:
    """The first that is looked at sets it for the others."""
    first, *others = FIT[function]
    expected = f"{argument} has dtype float32, expected float64 as {first} has"
    if argument == first:
        expected = f"{others[0]} has dtype float64, expected float32 as {first} has"
    array, _ = FIT[function][argument]
    assert message(function, argument, array.astype(np.float32)) == f"{function}: {expected}"


@pytest.mark.usefixtures("unchecked")
@each(
    [
        (name, argument)
        for name, argument in ARGUMENTS
        if not FIT[name][argument][1].endswith(("...", "*size"))  # of any number of axes
    ]
)
def test_an_extra_axis_is_named(function: str, argument: str) -> None:
    array, text = FIT[function][argument]
    expected = f"{len(text.split())} dimensions ({', '.join(text.split())})"
    if "Ho" in text:  # the size of the output is known only when the others fit
        expected = f"{array.shape} as the output has"
    came = (1, *array.shape)
    assert message(function, argument, array[None]) == (
        f"{function}: {argument} has shape {came}, expected {expected}"
    )


# --- the decorator --------------------------------------------------------------------------------


@checked()
def add(
    x: Float[np.ndarray, "2 n n"],
    *,
    y: Float[np.ndarray, "n 2"] | None = None,
    z: Float[np.ndarray, " n"] | None = None,
) -> Any:
    """x + y + z."""
    return x + (0 if y is None else y) + (0 if z is None else z)


def test_a_number_in_the_dimensions_is_a_size() -> None:
    x = np.zeros((2, 2, 2))
    assert add(x).shape == (2, 2, 2)
    assert add(x, y=np.zeros((2, 2))).shape == (2, 2, 2)
    for wrong, expected in [
        (np.zeros((3, 2, 2)), "add: x has shape (3, 2, 2), expected (2, n, n)"),
        (
            np.zeros((2, 4, 3)),
            "add: x has shape (2, 4, 3), expected (2, n, n) with n = 4 as x has",
        ),
    ]:
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
            add(wrong)


def test_what_may_be_none_is_checked_if_it_is_not() -> None:
    with pytest.raises(ValueError, match=r"^add: y has shape \(4,\), expected 2 dimensions"):
        add(np.zeros((2, 2, 2)), y=np.zeros(4))


@checked()
def stack(
    x: Float[np.ndarray, "N k *rest"],
    y: Float[np.ndarray, "M k *rest"],
    z: Float[np.ndarray, " M"],
) -> Any:
    """The rows of x, then those of y."""
    return np.concatenate([x, y])


def test_dimensions_may_end_in_any_number_of_further_ones() -> None:
    assert stack(np.zeros((2, 3, 4)), np.zeros((5, 3, 4)), np.zeros(5)).shape == (7, 3, 4)
    for y, expected in [
        (np.zeros(5), r"y has shape \(5,\), expected at least 2 dimensions \(M, k, \*rest\)$"),
        (np.zeros((5, 3)), r"y has shape .* with \*rest = \(4,\) as x has$"),
    ]:
        with pytest.raises(ValueError, match=f"^stack: {expected}"):
            stack(np.zeros((2, 3, 4)), y, np.zeros(5))


def test_what_comes_after_a_none_is_checked() -> None:
    with pytest.raises(
        ValueError, match=r"^add: z has shape \(4,\), expected \(n\) with n = 2 as x"
    ):
        add(np.zeros((2, 2, 2)), z=np.zeros(4))


@pytest.mark.parametrize("name", functional.__all__)
def test_a_checked_function_keeps_its_name_and_signature(name: str) -> None:
    """To `help`, to `inspect`, and to who calls it by keyword."""
    function = getattr(functional, name)
    written = inspect.unwrap(function)
    assert function is not written
    assert (function.__name__, function.__doc__) == (name, written.__doc__)
    assert inspect.signature(function) == inspect.signature(written)


@pytest.mark.parametrize("wrong", [(4, 2, 3, 6), (4, 2, 6, 5), (4, 2, 3), (4, 2, 3, 5, 1)])
def test_the_rest_of_a_shape_is_compared_axis_by_axis(wrong: tuple[int, ...]) -> None:
    ones = np.ones(2)
    message = r"^batch_norm_backward: input has shape .* with \*size = "
    with pytest.raises(ValueError, match=message):
        F.batch_norm_backward(np.ones(wrong), np.ones((4, 2, 3, 5)), ones, ones, ones)


def test_a_function_that_is_checked_now_is_called_as_before() -> None:
    def scaled(x: Float[np.ndarray, " N"], times: Any, *, plus: Any = 0, minus: Any) -> Any:
        """a x + b - c."""
        return times * x + plus - minus

    function: Any = checked()(scaled)
    assert (function.__name__, function.__doc__) == ("scaled", "a x + b - c.")
    assert inspect.unwrap(function) is scaled
    np.testing.assert_array_equal(function(np.ones(2), 5, minus=1), [4, 4])
    np.testing.assert_array_equal(function(np.ones(2), times=5, plus=2, minus=1), [6, 6])
    for given, named in (((5, 2, 1), {}), ((), {"minus": 1}), ((5,), {"plus": 2})):
        with pytest.raises(TypeError, match=r"positional argument|'times'|'minus'"):
            function(np.ones(2), *given, **named)
    assert function.__code__.co_filename == "<numpy_impl.checks>"  # in a traceback


def test_the_dtypes_of_one_call_may_differ_in_their_byte_order() -> None:
    np.testing.assert_array_equal(
        F.linear(A + 1, (W + 1).astype(">f8")), F.linear(A + 1, W + 1), strict=True
    )


def test_the_message_of_a_model_names_the_model() -> None:
    with pytest.raises(
        ValueError, match=r"^ConvNet: input has shape \(2, 783\), expected \(N, 784"
    ):
        models.ConvNet(10)(np.zeros((2, 783), np.float32))
