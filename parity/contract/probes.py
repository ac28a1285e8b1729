"""The probes of the functions: for given sizes, the calls that bring each known mistake to light.

Named as the functions they probe. Backwards get the true values of their forwards, so that a bug is
reported where it is.
"""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, integers, numbers

__all__: list[str] = []


def linear(rng: Generator, n: int, in_: int, out: int) -> list[Call]:
    """(N, in), (out, in), (out,)."""
    input, weight, bias = numbers(rng, n, in_), numbers(rng, out, in_), numbers(rng, out)
    return [Call((input, weight, bias)), Call((input, weight), label="without a bias")]


def linear_backward(rng: Generator, n: int, in_: int, out: int) -> list[Call]:
    """(N, out), (N, in), (out, in)."""
    return [Call((numbers(rng, n, out), numbers(rng, n, in_), numbers(rng, out, in_)))]


def sigmoid(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) of both signs, moderate and far from 0."""
    input = both_signs(numbers(rng, n, m))
    return [Call((input,)), Call((input * 10,)), Call((input * 1000,), label="large input")]


def sigmoid_backward(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) and outputs in (0, 1)."""
    return [Call((numbers(rng, n, m), rng.uniform(0.05, 0.95, (n, m)).round(2)))]


def relu(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) of both signs."""
    input = both_signs(numbers(rng, n, m) * 5)
    return [Call((input,)), Call((-input,))]


def relu_backward(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) and outputs, some of them 0."""
    output = np.maximum(numbers(rng, n, m), 0)
    output.flat[0] = 0
    return [Call((numbers(rng, n, m), output))]


def softmax(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M): moderate, large, and far apart."""
    input = numbers(rng, n, m)
    return [
        Call((input,)),
        Call((input,), {"dim": 0}, label="along dim 0"),
        Call((input * 20,), label="logits far apart"),
        Call((input + offsets(n),), label="large logits"),
    ]


def softmax_backward(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) and outputs whose rows sum to 1."""
    exp = np.exp(numbers(rng, n, m))
    grad_output = numbers(rng, n, m)
    return [
        Call((grad_output, exp / exp.sum(axis=1, keepdims=True))),
        Call((grad_output, exp / exp.sum(axis=0)), {"dim": 0}, label="along dim 0"),
    ]


def log_softmax(rng: Generator, n: int, m: int) -> list[Call]:
    """As softmax, and so far apart that a probability is 0 to rounding."""
    input = numbers(rng, n, m)
    return [*softmax(rng, n, m), Call((apart(input),), label="a probability of 0 to rounding")]


def log_softmax_backward(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M) and the logarithms of rows that sum to 1."""
    return [
        call.with_args(call.args[0], np.log(call.args[1])) for call in softmax_backward(rng, n, m)
    ]


def cross_entropy(rng: Generator, n: int, c: int) -> list[Call]:
    """Logits (N, C) and classes (N,)."""
    input, target = numbers(rng, n, c), integers(rng, n, c)
    target[0] = input[0].argmin()  # however far apart the logits are, the loss is not 0
    return [
        Call((input, target)),
        Call((input * 20, target), label="logits far apart"),
        Call((input + offsets(n), target), label="large logits"),
        Call((apart(input), target), label="a probability of 0 to rounding"),
        Call((input, target), {"reduction": "sum"}, label='reduction "sum"'),
    ]


def cross_entropy_backward(rng: Generator, n: int, c: int) -> list[Call]:
    """The gradient of the loss, the logits (N, C) and classes (N,)."""
    return [
        Call((1.0 if call.label else 1.5, *call.args), call.options, label=call.label)
        for call in cross_entropy(rng, n, c)
    ]


def conv2d(
    rng: Generator, n: int, in_: int, out: int, height: int, width: int, kh: int, kw: int
) -> list[Call]:
    """(N, in, H, W), (out, in, kh, kw), (out,)."""
    if kh > height or kw > width:
        return []
    input, weight = numbers(rng, n, in_, height, width), numbers(rng, out, in_, kh, kw)
    args = input, weight, numbers(rng, out)
    pairs = {"stride": (1, 2), "padding": (1, 0)}
    return [
        Call(args),
        Call(args[:2], label="without a bias"),
        Call(args, {"stride": 2}, label="stride 2"),
        Call(args, {"padding": 1}, label="padding 1"),
        Call(args, {"stride": 2, "padding": 1}, label="stride 2 and padding 1"),
        Call(args, pairs, label="stride and padding as pairs", may_raise=True),
    ]


def conv2d_backward(
    rng: Generator, n: int, in_: int, out: int, height: int, width: int, kh: int, kw: int
) -> list[Call]:
    """The gradient of the output, (N, in, H, W), (out, in, kh, kw)."""
    calls = []
    for call in conv2d(rng, n, in_, out, height, width, kh, kw):
        if len(call.args) < 3:
            continue
        (sh, sw), (ph, pw) = (both(call.options.get(*o)) for o in (("stride", 1), ("padding", 0)))
        shape = (height + 2 * ph - kh) // sh + 1, (width + 2 * pw - kw) // sw + 1
        calls.append(call.with_args(numbers(rng, n, out, *shape), *call.args[:2]))
    return calls


def avg_pool2d(rng: Generator, n: int, c: int, height: int, width: int) -> list[Call]:
    """(N, C, H, W)."""
    if min(height, width) < 3:
        return []
    input = numbers(rng, n, c, height, width)
    return [
        Call((input, 2)),
        Call((input, 3), {"stride": 2}, label="windows that overlap"),
        Call((input, 2), {"stride": 1}, label="stride 1"),
        Call((input, (2, 3)), label="a pair as kernel_size", may_raise=True),
    ]


def avg_pool2d_backward(rng: Generator, n: int, c: int, height: int, width: int) -> list[Call]:
    """The gradient of the output, (N, C, H, W)."""
    calls = []
    for call in avg_pool2d(rng, n, c, height, width):
        input, kernel = call.args
        (kh, kw), (sh, sw) = both(kernel), both(call.options.get("stride", kernel))
        grad_output = numbers(rng, n, c, (height - kh) // sh + 1, (width - kw) // sw + 1)
        calls.append(call.with_args(grad_output, input, kernel))
    return calls


def sgd_step(rng: Generator, n: int, m: int) -> list[Call]:
    """A weight (N, M) and a bias (M,), with and without weight decay."""
    weight = numbers(rng, n, m), numbers(rng, n, m), 0.25
    bias = numbers(rng, m), numbers(rng, m), 0.5
    decay = {"weight_decay": 0.125}
    return [
        Call(weight),
        Call(weight, decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
    ]


def adam_step(rng: Generator, n: int, m: int) -> list[Call]:
    """A weight (N, M) at its first and a later step, a bias (M,), and gradients about epsilon."""
    param, grad = numbers(rng, n, m), numbers(rng, n, m)
    first = param, grad, np.zeros((n, m)), np.zeros((n, m)), 1
    later = param, grad, numbers(rng, n, m), abs(numbers(rng, n, m)), 3
    bias = numbers(rng, m), numbers(rng, m), numbers(rng, m), abs(numbers(rng, m)), 2
    small = numbers(rng, n, m) * 1e-7
    small.flat[0] = 0
    tiny = param, small, np.zeros((n, m)), np.zeros((n, m)), 1
    lr, betas = {"lr": 0.25}, {"betas": (0.5, 0.75)}
    decay = {**lr, "weight_decay": 0.125}
    return [
        Call(first, lr),
        Call(later, lr),
        Call(later, label="the default lr"),
        Call(later, {**lr, **betas}, label="other betas"),
        Call(tiny, lr, label="gradients near 0"),
        Call(first, decay, label="weight decay"),
        Call(later, decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
    ]


def both_signs(input: ndarray) -> ndarray:
    """The array with its last number negative and its first positive."""
    input.flat[-1] = -abs(input.flat[-1])
    input.flat[0] = abs(input.flat[0])
    return input


def offsets(n: int) -> ndarray:
    """Something to add to each row that changes no softmax."""
    return np.where(np.arange(n) % 2, -1000.0, 1000.0)[:, None]


def apart(input: ndarray) -> ndarray:
    """Values about a thousand apart, between which exp is 0 to rounding."""
    return np.sign(input) * 500 + input


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    """An int or a pair as a pair."""
    return value if isinstance(value, tuple) else (value, value)
