"""Mistakes in cross_entropy."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.softmaxes import probabilities

Right = Any


def onehot(input: ndarray, target: ndarray) -> Any:
    """1 at the class of each row, else 0."""
    return np.eye(input.shape[1])[target]


def reduce(losses: ndarray, reduction: str) -> Any:
    """The mean or the sum of the losses of a batch."""
    return losses.mean() if reduction == "mean" else losses.sum()


def picked(values: ndarray, target: ndarray) -> Any:
    """Each row's value at its class."""
    return values[np.arange(len(target)), target]


@mistake(
    "cross_entropy",
    "reduction-ignored",
    "The mean is taken, whatever the argument reduction (or --reduction) says.",
    "Where does reduction decide between the mean and the sum?",
)
def reduction_ignored(
    right: Right, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(input, target, "mean")


@mistake(
    "cross_entropy",
    "summed-not-averaged",
    "The losses of the batch are summed, not averaged. (If it is your convention, say "
    "--reduction sum.)",
    "What should happen to the loss when every example stands in the batch twice?",
)
def summed(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target, "sum")


@mistake(
    "cross_entropy",
    "averaged-over-classes-too",
    "The sum is divided by N times C: the mean ran over all entries of the matrix.",
    "How many losses are there, and how many entries?",
)
def over_classes(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target, reduction) / input.shape[1]


@mistake(
    "cross_entropy",
    "not-reduced",
    "One loss comes back for each example; the contract has their mean.",
    "What should the shape of a loss be, so that it has a gradient?",
)
def not_reduced(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target, "none")


@mistake(
    "cross_entropy",
    "softmax-twice",
    "A softmax is applied before the cross-entropy, which takes logits and applies one itself.",
    "What goes into cross_entropy: logits or probabilities?",
)
def softmax_twice(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(probabilities(input), target, reduction)


@mistake(
    "cross_entropy",
    "softmax-over-batch",
    "The softmax inside runs over the batch axis.",
    "Which axis holds the classes of an example?",
)
def over_batch(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return reduce(-picked(log_over_batch(input), target), reduction)


def log_over_batch(input: ndarray) -> Any:
    """The log-softmax over the wrong axis."""
    shifted = input - input.max(axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))


@mistake(
    "cross_entropy",
    "softmax-over-batch",
    "The softmax inside runs over the batch axis, and its logarithm is taken afterwards.",
    "Which axis holds the classes of an example?",
)
def log_of_softmax_over_batch(
    right: Right, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    with np.errstate(divide="ignore"):
        return reduce(-np.log(picked(probabilities(input, 0), target)), reduction)


@mistake(
    "cross_entropy",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, and inf / inf is NaN.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def overflow(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    with np.errstate(all="ignore"):
        exp = np.exp(input)
        return reduce(-np.log(picked(exp, target) / exp.sum(axis=1)), reduction)


@mistake(
    "cross_entropy",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, and so is its logarithm.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def log_overflow(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    with np.errstate(all="ignore"):
        return reduce(np.log(np.exp(input).sum(axis=1)) - picked(input, target), reduction)


@mistake(
    "cross_entropy",
    "log-of-softmax",
    "The logarithm is taken of a probability that has become 0, so the loss is inf.",
    "log(a / b) is log a - log b, and log(exp(x)) needs no exp.",
)
def log_of_softmax(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    with np.errstate(divide="ignore"):
        return reduce(-np.log(picked(probabilities(input), target)), reduction)


@mistake(
    "cross_entropy",
    "log-of-softmax",
    "The logarithm is taken of a probability that has become 0, and 0 times -inf is NaN.",
    "log(a / b) is log a - log b, and log(exp(x)) needs no exp.",
)
def onehot_times_log_of_softmax(
    right: Right, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = -(onehot(input, target) * np.log(probabilities(input))).sum(axis=1)
    return reduce(losses, reduction)


@mistake(
    "cross_entropy",
    "no-max-subtraction",
    "exp overflows for logits about 1000, and NaN comes out.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def onehot_times_overflow(
    right: Right, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    with np.errstate(all="ignore"):
        exp = np.exp(input)
        logs = np.log(exp / exp.sum(axis=1, keepdims=True))
        return reduce(-(onehot(input, target) * logs).sum(axis=1), reduction)


@mistake(
    "cross_entropy",
    "log-of-logits",
    "The logarithm is taken of the logits themselves; there is no softmax.",
    "What goes into cross_entropy: logits or probabilities?",
)
def log_of_logits(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    with np.errstate(all="ignore"):
        return reduce(-np.log(picked(input, target)), reduction)


@mistake(
    "cross_entropy",
    "log-missing",
    "The probability of the right class is taken, not its logarithm.",
    "What should the loss be when the right class has probability 1?",
)
def log_missing(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return reduce(-picked(probabilities(input), target), reduction)


@mistake(
    "cross_entropy",
    "log2-for-log",
    "The logarithm is to the base 2.",
    "What should the loss be for two classes that are equally likely?",
)
def log2(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target, reduction) / np.log(2)


@mistake(
    "cross_entropy",
    "log10-for-log",
    "The logarithm is to the base 10.",
    "What should the loss be for two classes that are equally likely?",
)
def log10(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target, reduction) / np.log(10)


@mistake(
    "cross_entropy",
    "all-pairs",
    "Every example is scored with the classes of all examples: an N x N matrix came between.",
    "What shape has x[:, target], and what shape should it have?",
)
def all_pairs(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    shifted = input - input.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return reduce(-logs[:, target], reduction)


@mistake(
    "cross_entropy",
    "all-pairs",
    "Every example is scored with the classes of all examples: the sum runs over an N x N matrix.",
    "What shape has x[:, target], and what shape should it have?",
)
def sum_of_all_pairs(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    pairs = all_pairs(right, input, target, reduction)
    return pairs * len(target) if reduction == "mean" else pairs


@mistake(
    "cross_entropy",
    "divided-by-classes",
    "The sum of the losses is divided by C, the number of classes, not by N, that of examples.",
    "Of how many losses is it the mean?",
)
def divided_by_classes(
    right: Right, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(input, target, "sum") / input.shape[1]


@mistake(
    "cross_entropy",
    "all-classes",
    "The log-probabilities of all classes are summed, not that of the right one.",
    "Where does target decide which entry counts?",
)
def all_classes(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    shifted = input - input.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return reduce(-logs.sum(axis=1), reduction)


@mistake(
    "cross_entropy",
    "binary-cross-entropy",
    "The terms (1 - t) log(1 - p) of the two-class loss are there, too.",
    "How many terms per example has the cross-entropy of many classes?",
)
def binary(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    p, t = probabilities(input), onehot(input, target)
    with np.errstate(all="ignore"):
        losses = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=1)
    return reduce(losses, reduction)


@mistake(
    "cross_entropy",
    "squared-error",
    "This is the squared difference of probabilities and targets.",
    "Which loss has a logarithm?",
)
def squared(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    losses = ((probabilities(input) - onehot(input, target)) ** 2).sum(axis=1)
    return reduce(losses, reduction)


@mistake(
    "cross_entropy",
    "classes-counted-from-1",
    "The classes are counted from 1; the contract counts them from 0.",
    "Which column belongs to class 0?",
)
def from_one(right: Right, input: ndarray, target: ndarray, reduction: str = "mean") -> Any:
    return right(input, target - 1 + input.shape[1] * (target == 0), reduction)


def epsilon_in_log(epsilon: float) -> None:
    """Enter the mistakes of one epsilon."""
    sentence = (
        f"{epsilon:g} keeps the logarithm from 0, so no loss can exceed {-np.log(epsilon):.3f}."
    )
    hint = "Can the logarithm be had without taking it of a probability?"
    kinds = {
        "added": lambda p: p + epsilon,
        "clipped below": lambda p: np.maximum(p, epsilon),
        "clipped": lambda p: np.clip(p, epsilon, 1 - epsilon),
    }
    for safe in kinds.values():

        def wrong(
            right: Right,
            input: ndarray,
            target: ndarray,
            reduction: str = "mean",
            safe: Any = safe,
        ) -> Any:
            return reduce(-np.log(safe(picked(probabilities(input), target))), reduction)

        mistake("cross_entropy", "epsilon-in-log", sentence, hint)(wrong)


for exponent in range(3, 17):
    epsilon_in_log(10.0**-exponent)
