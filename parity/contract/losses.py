"""The entries of softmax and the loss."""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, integers, numbers, strided
from parity.contract.subject import AXIS, Given, operation

__all__ = ["cross_entropy", "log_softmax", "softmax"]

MATRIX = ((2, 3), (3, 3), (4, 3), (3, 5), (1, 4))
LARGE = (130, 12)
ROWS = {"N": 5, "C": 4}


def offsets(n: int) -> ndarray:
    """Something to add to each row that changes no softmax."""
    return np.where(np.arange(n) % 2, -1000.0, 1000.0)[:, None]


def apart(input: ndarray) -> ndarray:
    """Values about a thousand apart, between which exp is 0 to rounding."""
    return np.sign(input) * 500 + input


def softmax_probes(rng: Generator, n: int, c: int) -> list[Call]:
    """(N, C): moderate, along other axes, far apart, large; none for a single class."""
    if c < 2:
        return []
    input = numbers(rng, n, c)
    deep = numbers(rng, n, 2, c)
    nan = input.copy()
    nan[-1, -1] = np.nan
    return [
        Call((input,)),
        Call((input,), {"dim": 0}, label="along dim 0", goes_back=n > 1),
        Call((input * 20,), label="logits far apart", goes_back=False),
        Call((strided(input),), label="not contiguous"),
        Call((numbers(rng, c),), label="one dimension", may_raise=True),
        Call((deep,), {"dim": -1}, label="three dimensions"),
        Call((deep,), {"dim": 1}, label="along dim 1 of three"),
        Call((input + offsets(n),), label="large logits", goes_back=False, extreme=True),
        Call((nan,), label="NaN", goes_back=False, extreme=True),
    ]


def log_softmax_probes(rng: Generator, n: int, c: int) -> list[Call]:
    """As softmax, and so far apart that a probability is 0 to rounding."""
    calls = softmax_probes(rng, n, c)
    far = [
        Call((apart(call.args[0]),), label="a probability of 0 to rounding", extreme=True)
        for call in calls[:1]
    ]
    return [*calls, *far]


def cross_entropy_probes(rng: Generator, n: int, c: int) -> list[Call]:
    """Logits (N, C) and classes (N,); none for one class, whose loss is 0."""
    if c < 2:
        return []
    input, target = numbers(rng, n, c), integers(rng, n, c)
    target[0] = input[0].argmin()  # however far apart the logits are, the loss is not 0
    return [
        Call((input, target)),
        Call((input * 20, target), label="logits far apart"),
        Call((strided(input), target), label="not contiguous"),
        Call((input, target), {"reduction": "sum"}, label='reduction "sum"'),
        Call((input + offsets(n), target), label="large logits", extreme=True),
        Call((apart(input), target), label="a probability of 0 to rounding", extreme=True),
    ]


softmax = operation(
    "softmax(input, dim=-1)",
    "Any shape -> the same, summing to 1 along `dim`; logits may be as large as 1000.",
    "softmax_backward(grad_output, output, dim=-1)",
    "`output` is what softmax returned -> grad_input.",
    {"input": "..."},
    MATRIX,
    softmax_probes,
    at=ROWS,
    large=LARGE,
    options={"dim": AXIS},
    examples=({}, {"dim": 0}),
)

log_softmax = operation(
    "log_softmax(input, dim=-1)",
    "Any shape -> the same: the logarithm of softmax, finite for any logits.",
    "log_softmax_backward(grad_output, output, dim=-1)",
    "`output` is what log_softmax returned -> grad_input.",
    {"input": "..."},
    MATRIX,
    log_softmax_probes,
    at=ROWS,
    large=LARGE,
    options={"dim": AXIS},
    examples=({}, {"dim": 0}),
)

cross_entropy = operation(
    'cross_entropy(input, target, reduction="mean")',
    "Logits (N, C), class indices (N,) int64 from 0 -> a number, the mean over the batch.",
    'cross_entropy_backward(grad_output, input, target, reduction="mean")',
    "`grad_output` is a number -> grad_input (N, C), the gradient of the logits.",
    {"input": "N C"},
    MATRIX,
    cross_entropy_probes,
    at=ROWS,
    large=LARGE,
    output="loss",
    options={"target": Given("N", "classes"), "reduction": ("mean", "sum", "none")},
    examples=({}, {"reduction": "sum"}, {"reduction": "none"}),
)
