"""The entries of the activations."""

import math

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, numbers, strided
from parity.contract.subject import operation

__all__ = ["relu", "sigmoid", "tanh"]

MATRIX = ((2, 3), (3, 3), (4, 3), (3, 5), (1, 4))
LARGE = (130, 12)
ROWS = {"N": 5, "M": 4}


def both_signs(rng: Generator, n: int, m: int) -> ndarray:
    """(N, M), the first number positive and the last one negative."""
    input = numbers(rng, n, m)
    input.flat[-1] = -abs(input.flat[-1])
    input.flat[0] = abs(input.flat[0])
    return input


def saturating(rng: Generator, n: int, m: int) -> list[Call]:
    """Moderate, far from 0, and so far that an exponential overflows."""
    input = both_signs(rng, n, m)
    return [
        Call((input,)),
        Call((input * 10,)),
        *other_forms(rng, input),
        # The gradient is 0 there.
        Call((input * 1000,), label="large input", goes_back=False, extreme=True),
        Call((with_nan(input),), label="NaN", goes_back=False, extreme=True),
    ]


def other_forms(rng: Generator, input: ndarray) -> list[Call]:
    """Gaps in memory, and one, three and four dimensions."""
    n, m = input.shape
    shapes = {
        "one dimension": (m + 1,),
        "three dimensions": (n, 2, m),
        "four dimensions": (n, 2, m, 2),
    }
    calls = [Call((strided(input),), label="not contiguous")]
    for label, shape in shapes.items():
        array = both_signs(rng, 1, math.prod(shape)).reshape(shape)
        calls.append(Call((array,), label=label, may_raise=True))
    return calls


def with_nan(input: ndarray) -> ndarray:
    """The array with NaN in the place of its last number."""
    input = input.copy()
    input.flat[-1] = np.nan
    return input


def around_zero(rng: Generator, n: int, m: int) -> list[Call]:
    """Of both signs, and the same with the signs exchanged."""
    input = both_signs(rng, n, m) * 5
    return [Call((input,)), Call((-input,)), *other_forms(rng, input)]


sigmoid = operation(
    "sigmoid(input)",
    "Any shape -> the same: 1 / (1 + exp(-x)).",
    "sigmoid_backward(grad_output, output)",
    "`output` is what sigmoid returned -> grad_input.",
    {"input": "..."},
    MATRIX,
    saturating,
    at=ROWS,
    large=LARGE,
)

tanh = operation(
    "tanh(input)",
    "Any shape -> the same: (exp(x) - exp(-x)) / (exp(x) + exp(-x)).",
    "tanh_backward(grad_output, output)",
    "`output` is what tanh returned -> grad_input.",
    {"input": "..."},
    MATRIX,
    saturating,
    at=ROWS,
    large=LARGE,
)

relu = operation(
    "relu(input)",
    "Any shape -> the same: x where it is positive, else 0.",
    "relu_backward(grad_output, output)",
    "`output` is what relu returned -> grad_input, 0 where the output is 0.",
    {"input": "..."},
    MATRIX,
    around_zero,
    at=ROWS,
    large=LARGE,
    values="off zero",
)
