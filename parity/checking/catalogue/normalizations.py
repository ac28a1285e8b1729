"""Mistakes in batch normalization and dropout."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any


def count(input: ndarray) -> int:
    """How many numbers of each channel there are."""
    return input.size // input.shape[1]


@mistake(
    "batch_norm",
    "running-variance-biased",
    "The running variance takes in the variance of the batch as it is. PyTorch takes in M / (M - "
    "1) times that, the estimate without bias.",
    "By what is the sum of squares divided in the running variance, by M or by M - 1?",
)
def running_biased(
    right: Right,
    input: ndarray,
    mean: ndarray,
    var: ndarray,
    *args: Any,
    training: bool = False,
    momentum: float = 0.1,
    **options: Any,
) -> Any:
    more = {"training": training, "momentum": momentum, **options}
    output, new_mean, new_var = right(input, mean, var, *args, **more)
    if training:
        of_batch = (new_var - (1 - momentum) * var) * (count(input) - 1) / count(input)
        new_var = (1 - momentum) * var + of_batch
    return output, new_mean, new_var


@mistake(
    "batch_norm",
    "normalized-by-unbiased-variance",
    "In training the numbers are divided by the deviation with M - 1, the estimate without bias. "
    "Batch normalization divides by M.",
    "By what is the sum of squares divided in the variance that normalizes, by M or by M - 1?",
)
def unbiased_normalization(
    right: Right,
    input: ndarray,
    mean: ndarray,
    var: ndarray,
    *args: Any,
    training: bool = False,
    eps: float = 1e-5,
    **options: Any,
) -> Any:
    output, *running = right(input, mean, var, *args, training=training, eps=eps, **options)
    if training:
        axes, rows = (0, *range(2, input.ndim)), count(input)
        biased = input.var(axes, keepdims=True)
        factor = np.sqrt((biased + eps) / (biased * rows / (rows - 1) + eps))
        bias = args[1].reshape(-1, *[1] * (input.ndim - 2))
        output = bias + factor * (output - bias)
    return output, *running


@mistake(
    "batch_norm",
    "momentum-of-the-old",
    "`momentum` is the share of the old running value. PyTorch's is the share of the new one.",
    "Which of the two gets `momentum`, and which 1 - momentum?",
)
def momentum_of_old(right: Right, *args: Any, momentum: float = 0.1, **options: Any) -> Any:
    return right(*args, momentum=1 - momentum, **options)


@mistake(
    "batch_norm",
    "running-values-not-updated",
    "The running mean and variance come back as they went in.",
    "Where does training leave what evaluation will need?",
)
def not_updated(
    right: Right, input: ndarray, mean: ndarray, var: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input, mean, var, *args, **options)[0], mean, var


@mistake(
    "batch_norm",
    "batch-statistics-in-evaluation",
    "The mean and the variance of the batch are used outside of training, too.",
    "What should happen to a batch of one when the network is only asked?",
)
def always_training(right: Right, *args: Any, training: bool = False, **options: Any) -> Any:
    return right(*args, training=True, **options)


@mistake(
    "batch_norm",
    "epsilon-outside-root",
    "Epsilon is added to the deviation, not to the variance under the root.",
    "Is epsilon inside or outside of the square root?",
)
def epsilon_outside(
    right: Right,
    input: ndarray,
    running_mean: ndarray,
    running_var: ndarray,
    weight: ndarray,
    bias: ndarray,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    _, *running = right(
        input, running_mean, running_var, weight, bias, training, momentum=momentum, eps=eps
    )
    axes = (0, *range(2, input.ndim))
    column = (-1, *[1] * (input.ndim - 2))
    mean, var = (input.mean(axes), input.var(axes)) if training else (running_mean, running_var)
    mean, std, weight, bias = (
        values.reshape(column) for values in (mean, np.sqrt(var), weight, bias)
    )
    return weight * (input - mean) / (std + eps) + bias, *running


@mistake(
    "batch_norm",
    "bias-forgotten",
    "The bias is not added.",
    "Which argument is never used?",
)
def bias_forgotten(
    right: Right,
    input: ndarray,
    mean: ndarray,
    var: ndarray,
    weight: ndarray,
    bias: ndarray,
    **options: Any,
) -> Any:
    return right(input, mean, var, weight, np.zeros_like(bias), **options)


@mistake(
    "batch_norm",
    "weight-forgotten",
    "The normalized numbers are not multiplied by the weight.",
    "Which argument is never used?",
)
def weight_forgotten(
    right: Right,
    input: ndarray,
    mean: ndarray,
    var: ndarray,
    weight: ndarray,
    bias: ndarray,
    **options: Any,
) -> Any:
    return right(input, mean, var, np.ones_like(weight), bias, **options)


@mistake(
    "batch_norm_backward",
    "statistics-held-constant",
    "The gradient of the input takes the mean and the variance for constants, in training, too.",
    "Does a change of one example change the mean of the batch?",
)
def held_constant(
    right: Right,
    grad_output: ndarray,
    input: ndarray,
    weight: ndarray,
    mean: ndarray,
    var: ndarray,
    training: bool = False,
    **options: Any,
) -> Any:
    _, grad_weight, grad_bias = right(
        grad_output, input, weight, mean, var, training=training, **options
    )
    if training:
        axes = (0, *range(2, input.ndim))
        mean, var = input.mean(axes), input.var(axes)
    grad_input, _, _ = right(grad_output, input, weight, mean, var, training=False, **options)
    return grad_input, grad_weight, grad_bias


@mistake(
    "batch_norm_backward",
    "weight-forgotten",
    "The gradient of the input does not pass through the weight.",
    "By what were the normalized numbers multiplied on the way forward?",
)
def grad_weight_forgotten(
    right: Right, grad_output: ndarray, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(grad_output, input, np.ones_like(weight), *args, **options)


@mistake(
    "batch_norm_backward",
    "gradients-exchanged",
    "The gradients of weight and bias are in each other's place.",
    "In which order do the weight and the bias come in the forward?",
)
def grads_exchanged(right: Right, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(*args, **options)
    return grad_input, grad_bias, grad_weight


@mistake(
    "batch_norm_backward",
    "gradients-averaged",
    "The gradients of weight and bias are means over the batch, where they should be sums.",
    "Where does the loss divide by N, and how often may it be?",
)
def grads_averaged(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(grad_output, *args, **options)
    rows = count(grad_output)
    return grad_input, grad_weight / rows, grad_bias / rows


@mistake(
    "dropout dropout_backward",
    "dropout-not-scaled",
    "What is left is not divided by 1 - p, so that the mean of the output is smaller.",
    "What is the mean of the output, over all masks, and what should it be?",
)
def not_scaled(right: Right, value: ndarray, mask: ndarray, p: float = 0.5) -> ndarray:
    return value * mask


@mistake(
    "dropout dropout_backward",
    "dropout-scaled-by-p",
    "What is left is divided by p, the share that is dropped.",
    "Which share of the numbers is left?",
)
def scaled_by_p(right: Right, value: ndarray, mask: ndarray, p: float = 0.5) -> ndarray:
    return value * mask / p


@mistake(
    "dropout dropout_backward",
    "mask-inverted",
    "The numbers that should be dropped are kept, and the others dropped.",
    "What does a 0 in the mask stand for?",
)
def mask_inverted(right: Right, value: ndarray, mask: ndarray, p: float = 0.5) -> ndarray:
    return right(value, 1 - mask, p)


@mistake(
    "dropout dropout_backward",
    "mask-missing",
    "Nothing is dropped.",
    "Which argument is never used?",
)
def mask_missing(right: Right, value: ndarray, mask: ndarray, p: float = 0.5) -> ndarray:
    return right(value, np.ones_like(mask), p)
