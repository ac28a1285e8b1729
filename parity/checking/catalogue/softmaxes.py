"""Mistakes in softmax and log_softmax."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

__all__ = ["other", "probabilities"]

Right = Any


def probabilities(x: ndarray, dim: int = -1) -> ndarray:
    """Softmax along `dim`."""
    exp = np.exp(x - x.max(axis=dim, keepdims=True))
    return exp / exp.sum(axis=dim, keepdims=True)


def other(dim: int) -> int:
    """The other axis of a matrix."""
    return 1 if dim == 0 else 0


@mistake(
    "softmax log_softmax",
    "softmax-dim-ignored",
    "The argument dim is not looked at: the last axis is always the one.",
    "Where does dim enter the sum?",
)
def dim_ignored(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(input)


@mistake(
    "softmax log_softmax",
    "softmax-over-batch",
    "The sum runs over the batch axis: the columns sum to 1, not the rows.",
    "Each example has probabilities of its own. Which axis holds its classes?",
)
def over_batch(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(input, dim=other(dim))


@mistake(
    "softmax log_softmax",
    "softmax-over-everything",
    "The sum runs over the whole array: all entries together sum to 1, not each row.",
    "What does a sum without an axis add up?",
)
def over_everything(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(input.reshape(1, -1)).reshape(input.shape)


@mistake(
    "softmax",
    "sum-over-everything",
    "The maximum is taken of each row, but the sum of the exponentials runs over them all.",
    "What does a sum without an axis add up?",
)
def row_max_whole_sum(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    exp = np.exp(input - input.max(axis=dim, keepdims=True))
    return exp / exp.sum()


@mistake(
    "softmax",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, and inf / inf is NaN.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def overflow(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(all="ignore"):
        exp = np.exp(input)
        return exp / exp.sum(axis=dim, keepdims=True)


@mistake(
    "log_softmax",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, and so is its logarithm.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def log_overflow(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(all="ignore"):
        return input - np.log(np.exp(input).sum(axis=dim, keepdims=True))


@mistake(
    "log_softmax",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, inf / inf is NaN, and so is its logarithm.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def log_of_overflow(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(all="ignore"):
        exp = np.exp(input)
        return np.log(exp / exp.sum(axis=dim, keepdims=True))


@mistake(
    "softmax",
    "max-of-everything",
    "The maximum of the whole array is subtracted: in rows far below it all exponentials are 0.",
    "Whose maximum keeps the largest exponential of every row at 1?",
)
def global_max(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(all="ignore"):
        exp = np.exp(input - input.max())
        return exp / exp.sum(axis=dim, keepdims=True)


@mistake(
    "log_softmax",
    "max-of-everything",
    "The maximum of the whole array is subtracted: in rows far below it all exponentials are 0.",
    "Whose maximum keeps the largest exponential of every row at 1?",
)
def log_global_max(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(all="ignore"):
        shifted = input - input.max()
        return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


@mistake(
    "log_softmax",
    "log-of-softmax",
    "The logarithm is taken of a probability that has become 0: log(0) is -inf.",
    "log(a / b) is log a - log b, and log(exp(x)) needs no exp.",
)
def log_of_softmax(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(divide="ignore"):
        return np.log(probabilities(input, dim))


@mistake(
    "log_softmax",
    "max-not-subtracted-again",
    "The maximum is taken out of the sum, but not out of x, so the two do not fit together.",
    "Write the formula for x - max, and put that in for every x.",
)
def max_once(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(input, dim=dim) + input.max(axis=dim, keepdims=True)


@mistake(
    "log_softmax",
    "log-forgotten",
    "These are the probabilities, not their logarithms.",
    "What should the exponentials of a row sum to?",
)
def log_forgotten(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return probabilities(input, dim)


@mistake(
    "softmax",
    "log-softmax-for-softmax",
    "These are the logarithms of the probabilities.",
    "Can a probability be negative?",
)
def log_for_softmax(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    shifted = input - input.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


@mistake(
    "softmax",
    "not-normalised",
    "The exponentials are not divided by their sum.",
    "What should the entries of a row sum to?",
)
def not_normalised(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return np.exp(input - input.max(axis=dim, keepdims=True))


@mistake(
    "softmax",
    "not-normalised",
    "The exponentials are not divided by their sum, and they overflow for large logits.",
    "What should the entries of a row sum to?",
)
def not_normalised_overflow(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    with np.errstate(over="ignore"):
        return np.exp(input)


@mistake(
    "softmax",
    "exp-forgotten",
    "The logits themselves are divided by their sum; there is no exponential.",
    "How does a negative logit become a positive probability?",
)
def exp_forgotten(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return input / input.sum(axis=dim, keepdims=True)


@mistake(
    "softmax",
    "sigmoid-for-softmax",
    "Each logit goes through a sigmoid by itself.",
    "What should the entries of a row sum to?",
)
def sigmoid_for_softmax(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return 0.5 * (1 + np.tanh(input / 2))


@mistake(
    "softmax",
    "softmax-twice",
    "The softmax is applied twice.",
    "Is what you normalise a logit, or a probability already?",
)
def twice(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(right(input, dim=dim), dim=dim)


@mistake(
    "softmax",
    "softmin",
    "This is the softmax of -x: the smallest logit gets the largest probability.",
    "With which sign does x enter the exponential?",
)
def softmin(right: Right, input: ndarray, dim: int = -1) -> ndarray:
    return right(-input, dim=dim)


def epsilon_in_sum(epsilon: float) -> None:
    """Enter the mistake of one epsilon."""

    @mistake(
        "softmax",
        "epsilon-in-softmax",
        f"{epsilon:g} is added to the sum, so no row sums to 1 exactly.",
        "After the maximum is subtracted, how small can the sum become?",
    )
    def wrong(right: Right, input: ndarray, dim: int = -1) -> ndarray:
        exp = np.exp(input - input.max(axis=dim, keepdims=True))
        return exp / (exp.sum(axis=dim, keepdims=True) + epsilon)


def epsilon_in_log(epsilon: float) -> None:
    """Enter the mistakes of one epsilon."""
    sentence = (
        f"{epsilon:g} keeps the logarithm from 0, so no log-probability falls below "
        f"{np.log(epsilon):.3f}."
    )
    hint = "Can the logarithm be had without taking it of a probability?"

    @mistake("log_softmax", "epsilon-in-log", sentence, hint)
    def added(right: Right, input: ndarray, dim: int = -1) -> ndarray:
        return np.log(probabilities(input, dim) + epsilon)

    @mistake("log_softmax", "epsilon-in-log", sentence, hint)
    def clipped(right: Right, input: ndarray, dim: int = -1) -> ndarray:
        return np.log(np.maximum(probabilities(input, dim), epsilon))

    @mistake("log_softmax", "epsilon-in-log", sentence, hint)
    def clipped_at_both_ends(right: Right, input: ndarray, dim: int = -1) -> ndarray:
        return np.log(np.clip(probabilities(input, dim), epsilon, 1 - epsilon))


for exponent in range(3, 12):  # a smaller one is lost in rounding
    epsilon_in_sum(10.0**-exponent)
for exponent in range(3, 17):
    epsilon_in_log(10.0**-exponent)
