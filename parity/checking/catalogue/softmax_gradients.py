"""Mistakes in softmax_backward and log_softmax_backward."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.softmaxes import other, probabilities

Right = Any


@mistake(
    "softmax_backward log_softmax_backward",
    "softmax-dim-ignored",
    "The argument dim is not looked at: the last axis is always the one.",
    "Where does dim enter the sum?",
)
def backward_dim_ignored(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return right(grad_output, output)


@mistake(
    "softmax_backward log_softmax_backward",
    "softmax-over-batch",
    "The sum runs over the batch axis, where it should run over the classes.",
    "Does the probability of one example depend on the logits of another?",
)
def backward_over_batch(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return right(grad_output, output, dim=other(dim))


@mistake(
    "softmax_backward",
    "softmax-diagonal-only",
    "p (1 - p) is the diagonal of the Jacobian alone; every logit moves every probability of its "
    "row, so the gradient of a row should sum to 0.",
    "What happens to the other probabilities when one of them grows?",
)
def diagonal_only(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return grad_output * output * (1 - output)


@mistake(
    "softmax_backward",
    "sum-not-weighted",
    "The upstream gradients are summed as they are, not weighted with the probabilities.",
    "Multiply the Jacobian out: what stands beside dy_j in the sum?",
)
def sum_not_weighted(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return output * (grad_output - grad_output.sum(axis=dim, keepdims=True))


@mistake(
    "softmax_backward",
    "outer-factor-missing",
    "The difference is right, but it is not multiplied by the probabilities.",
    "Should a logit whose probability is 0 have a gradient?",
)
def outer_factor_missing(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return grad_output - (grad_output * output).sum(axis=dim, keepdims=True)


@mistake(
    "softmax_backward",
    "sum-missing",
    "The gradient is multiplied by the probabilities, and nothing is subtracted.",
    "What should the gradient of a row sum to?",
)
def softmax_sum_missing(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return grad_output * output


@mistake(
    "softmax_backward",
    "sum-added",
    "The sum is added, where it should be subtracted.",
    "What should the gradient of a row sum to?",
)
def softmax_sum_added(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return output * (grad_output + (grad_output * output).sum(axis=dim, keepdims=True))


@mistake(
    "softmax_backward",
    "sum-over-everything",
    "The sum runs over the whole batch.",
    "What does a sum without an axis add up?",
)
def softmax_sum_of_all(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return output * (grad_output - (grad_output * output).sum())


@mistake(
    "softmax_backward",
    "softmax-applied-twice",
    "The softmax is applied to `output`, which holds probabilities already.",
    "Is the second argument the input of the softmax or its output?",
)
def softmax_twice(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return right(grad_output, probabilities(output, dim), dim=dim)


@mistake(
    "softmax_backward log_softmax_backward",
    "arguments-swapped",
    "The first two arguments are used in each other's place.",
    "The contract has grad_output first. Which of yours comes first?",
)
def swapped(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return right(output, grad_output, dim=dim)


@mistake(
    "log_softmax_backward",
    "exp-forgotten",
    "`output` is multiplied in as it is; it holds logarithms, not probabilities.",
    "How does a log-probability become a probability?",
)
def backward_exp_forgotten(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return grad_output - output * grad_output.sum(axis=dim, keepdims=True)


@mistake(
    "log_softmax_backward",
    "sum-missing",
    "Each gradient is multiplied by 1 - p of its own; the other classes are left out.",
    "How does one logit move the log-probabilities of the other classes?",
)
def log_sum_missing(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return grad_output * (1 - np.exp(output))


@mistake(
    "log_softmax_backward",
    "softmax-missing",
    "The sum is subtracted as it is, not shared out by the probabilities.",
    "What stands before the sum in the formula?",
)
def log_softmax_missing(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    return grad_output - grad_output.sum(axis=dim, keepdims=True)


@mistake(
    "log_softmax_backward",
    "sum-over-everything",
    "The sum runs over the whole batch.",
    "What does a sum without an axis add up?",
)
def log_sum_of_all(right: Right, grad_output: ndarray, output: ndarray, dim: int = -1) -> ndarray:
    return grad_output - np.exp(output) * grad_output.sum()


@mistake(
    "log_softmax_backward",
    "softmax-backward-for-log-softmax",
    "This is the backward of softmax, not of its logarithm.",
    "The logarithm has a derivative, too.",
)
def softmax_backward_instead(
    right: Right, grad_output: ndarray, output: ndarray, dim: int = -1
) -> ndarray:
    p = np.exp(output)
    return p * (grad_output - (grad_output * p).sum(axis=dim, keepdims=True))
