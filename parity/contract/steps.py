"""The entries of the steps of the optimizers."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from parity.contract.calls import Call, numbers, strided
from parity.contract.subject import Subject

__all__ = ["adam_step", "adamw_step", "momentum_step", "rmsprop_step", "sgd_step"]

MATRIX = ((2, 3), (3, 3), (4, 3), (3, 5), (1, 4))
LARGE = (130, 12)


def sgd_probes(rng: Generator, n: int, m: int) -> list[Call]:
    """A weight (N, M) and a bias (M,), with and without weight decay."""
    weight = numbers(rng, n, m), numbers(rng, n, m), 0.25
    bias = numbers(rng, m), numbers(rng, m), 0.5
    decay = {"weight_decay": 0.125}
    return [
        Call(weight),
        Call(weight, decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
        Call(tuple(map(strided, weight[:2])) + weight[2:], label="not contiguous"),
    ]


def adam_probes(rng: Generator, n: int, m: int) -> list[Call]:
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
        Call((*later[:4], 12), lr, label="step 12"),
        Call((*later[:4], 2000), lr, label="step 2000"),
        Call(tiny, lr, label="gradients near 0"),
        Call(later, {**lr, "eps": 0.5}, label="another eps"),
        Call(first, decay, label="weight decay"),
        Call(later, decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
    ]


def adamw_probes(rng: Generator, n: int, m: int) -> list[Call]:
    """As for Adam, whose decay is 0 where nothing is said."""
    return [
        replace(call, options={"weight_decay": 0.0, **call.options})
        for call in adam_probes(rng, n, m)
        if call.label != "the default lr"
    ]


def momentum_probes(rng: Generator, n: int, m: int) -> list[Call]:
    """A weight (N, M) at its first and a later step, and a bias (M,)."""
    param, grad = numbers(rng, n, m), numbers(rng, n, m)
    first, later = np.zeros((n, m)), numbers(rng, n, m)
    bias = numbers(rng, m), numbers(rng, m), numbers(rng, m), 0.5
    decay = {"weight_decay": 0.125}
    return [
        Call((param, grad, first, 0.25)),
        Call((param, grad, later, 0.25)),
        Call((param, grad, later, 0.25), {"momentum": 0.5}, label="another momentum"),
        Call((param, grad, later, 0.25), decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
    ]


def rmsprop_probes(rng: Generator, n: int, m: int) -> list[Call]:
    """A weight (N, M) at its first and a later step, a bias (M,), and gradients about epsilon."""
    param, grad = numbers(rng, n, m), numbers(rng, n, m)
    first, later = np.zeros((n, m)), abs(numbers(rng, n, m))
    bias = numbers(rng, m), numbers(rng, m), abs(numbers(rng, m))
    lr = {"lr": 0.25}
    decay = {**lr, "weight_decay": 0.125}
    return [
        Call((param, grad, first), lr),
        Call((param, grad, later), lr),
        Call((param, grad, later), label="the default lr"),
        Call((param, grad, later), {**lr, "alpha": 0.75}, label="another alpha"),
        Call((param, grad * 1e-7, first), lr, label="gradients near 0"),
        Call((param, grad, later), {**lr, "eps": 0.5}, label="another eps"),
        Call((param, grad, later), decay, label="weight decay"),
        Call(bias, decay, label="weight decay of a bias"),
    ]


sgd_step = Subject(
    "sgd_step(param, grad, lr, weight_decay=0.0)",
    "-> the new param, of any shape, after a step of SGD along the gradient of loss + L2.",
    "step",
    lambda _call: ("param",),
    MATRIX,
    sgd_probes,
    large=LARGE,
)

adam_step = Subject(
    "adam_step(param, grad, exp_avg, exp_avg_sq, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, "
    "weight_decay=0.0)",
    "-> (param, exp_avg, exp_avg_sq), all new, after step number `step`, which counts from 1.",
    "step",
    lambda _call: ("param", "exp_avg", "exp_avg_sq"),
    MATRIX,
    adam_probes,
    large=LARGE,
)

momentum_step = Subject(
    "momentum_step(param, grad, momentum_buffer, lr, momentum=0.9, weight_decay=0.0)",
    "-> (param, momentum_buffer), both new: v = μ v + g + λ p, then p - lr v.",
    "step",
    lambda _call: ("param", "momentum_buffer"),
    MATRIX,
    momentum_probes,
    large=LARGE,
)

rmsprop_step = Subject(
    "rmsprop_step(param, grad, square_avg, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0)",
    "-> (param, square_avg), both new; square_avg is the running mean of the squared gradient.",
    "step",
    lambda _call: ("param", "square_avg"),
    MATRIX,
    rmsprop_probes,
    large=LARGE,
)

adamw_step = Subject(
    "adamw_step(param, grad, exp_avg, exp_avg_sq, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, "
    "weight_decay=1e-2)",
    "As adam_step, but the decay shrinks the parameter directly and stays out of the moments.",
    "step",
    lambda _call: ("param", "exp_avg", "exp_avg_sq"),
    MATRIX,
    adamw_probes,
    large=LARGE,
)
