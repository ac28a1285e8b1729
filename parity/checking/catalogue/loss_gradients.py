"""Mistakes in cross_entropy_backward."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.losses import onehot
from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.softmaxes import probabilities

Right = Any


@mistake(
    "cross_entropy_backward",
    "reduction-ignored",
    "The gradient is that of the mean, whatever the argument reduction (or --reduction) says.",
    "Where does reduction decide whether to divide by the batch size?",
)
def backward_reduction_ignored(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target, "mean")


@mistake(
    "cross_entropy_backward",
    "summed-not-averaged",
    "The gradient is that of the sum over the batch: N times that of the mean. (If it is your "
    "convention, say --reduction sum.)",
    "What should happen to the gradient when every example stands in the batch twice?",
)
def gradient_summed(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target, "sum")


@mistake(
    "cross_entropy_backward",
    "grad-output-ignored",
    "The gradient that comes from above is not used; it is 1 only where the loss is the end.",
    "What happens to the gradient when the loss is multiplied by 3?",
)
def grad_output_ignored(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(1.0, input, target, reduction)


@mistake(
    "cross_entropy_backward",
    "averaged-over-classes-too",
    "The gradient is divided by N times C.",
    "How many losses are averaged?",
)
def backward_over_classes(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target, reduction) / input.shape[1]


@mistake(
    "cross_entropy_backward",
    "averaged-over-classes",
    "The gradient is divided by the number of classes, where it should be by the batch size.",
    "Which entry of the shape is the batch?",
)
def backward_by_classes(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target, "sum") / input.shape[1]


def from_probabilities(p: Any) -> Any:
    """A backward that has softmax(x) replaced by `p(x)`."""

    def wrong(
        right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
    ) -> Any:
        with np.errstate(all="ignore"):
            difference = p(input) - onehot(input, target)
        return grad_output * difference / (len(input) if reduction == "mean" else 1)

    return wrong


def overflowing(x: ndarray) -> Any:
    """Softmax without the maximum subtracted."""
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


for id, sentence, hint, p in (
    (
        "softmax-missing",
        "The one-hot targets are subtracted from the logits, not from their softmax.",
        "What kind of numbers can a one-hot vector be compared with?",
        lambda x: x,
    ),
    (
        "softmax-twice",
        "The softmax is applied twice.",
        "Does the input hold logits or probabilities?",
        lambda x: probabilities(probabilities(x)),
    ),
    (
        "softmax-over-batch",
        "The softmax inside runs over the batch axis.",
        "Which axis holds the classes of an example?",
        lambda x: probabilities(x, 0),
    ),
    (
        "softmax-over-everything",
        "The softmax inside runs over the whole matrix.",
        "What does a sum without an axis add up?",
        lambda x: probabilities(x.reshape(1, -1)).reshape(x.shape),
    ),
    (
        "no-max-subtraction",
        "exp overflows: for logits about 1000 it is inf, and inf / inf is NaN.",
        "What may be subtracted from all logits of a row without changing its softmax?",
        overflowing,
    ),
    (
        "log-softmax-for-softmax",
        "The one-hot targets are subtracted from log-probabilities.",
        "What kind of numbers can a one-hot vector be compared with?",
        lambda x: (
            x
            - x.max(1, keepdims=True)
            - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True))
        ),
    ),
    (
        "sigmoid-for-softmax",
        "Each logit goes through a sigmoid, not each row through a softmax.",
        "What should the gradient of a row sum to?",
        lambda x: 0.5 * (1 + np.tanh(x / 2)),
    ),
):
    mistake("cross_entropy_backward", id, sentence, hint)(from_probabilities(p))


@mistake(
    "cross_entropy_backward",
    "softmax-derivative-again",
    "(p - y) is multiplied by p (1 - p), the derivative of the softmax, which p - y has in it "
    "already; the gradient of a row no longer sums to 0.",
    "p - y is the gradient with respect to what: the probabilities or the logits?",
)
def derivative_again(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    p = probabilities(input)
    return right(grad_output, input, target, reduction) * p * (1 - p)


@mistake(
    "cross_entropy_backward",
    "one-hot-missing",
    "Nothing is subtracted at the right class.",
    "Where does target enter the gradient?",
)
def onehot_missing(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return grad_output * probabilities(input) / (len(input) if reduction == "mean" else 1)


@mistake(
    "cross_entropy_backward",
    "all-pairs",
    "1 is subtracted in the columns of all examples' classes, in every row.",
    "What does g[:, target] select, and what should be selected?",
)
def backward_all_pairs(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    grad = probabilities(input)
    grad[:, target] -= 1
    return grad_output * grad / (len(input) if reduction == "mean" else 1)


@mistake(
    "cross_entropy_backward",
    "right-class-only",
    "Only the right class has a gradient; the other logits move the loss, too.",
    "What should the gradient of a row sum to?",
)
def right_class_only(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target, reduction) * onehot(input, target)


@mistake(
    "cross_entropy_backward",
    "gradient-of-probabilities",
    "-y / p is the gradient with respect to the probabilities, not to the logits.",
    "Which step of the chain rule is still to be done?",
)
def of_probabilities(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    with np.errstate(all="ignore"):
        grad = -onehot(input, target) / probabilities(input)
    return grad_output * grad / (len(input) if reduction == "mean" else 1)


@mistake(
    "cross_entropy_backward",
    "classes-counted-from-1",
    "The classes are counted from 1; the contract counts them from 0.",
    "Which column belongs to class 0?",
)
def backward_from_one(
    right: Right, grad_output: float, input: ndarray, target: ndarray, reduction: str = "mean"
) -> Any:
    return right(grad_output, input, target - 1 + input.shape[1] * (target == 0), reduction)
