"""Mistakes in sigmoid, tanh, relu and their backwards."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any


def sigma(x: ndarray) -> ndarray:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(x / 2))


@mistake(
    "sigmoid",
    "math-exp-overflow",
    "math.exp raises OverflowError for large arguments, where np.exp gives inf and goes on.",
    "Try a number like -1000. For which sign of x is the exponential small?",
)
def sigmoid_math_exp(right: Right, input: ndarray) -> ndarray:
    return np.vectorize(lambda x: 1 / (1 + math.exp(-x)), otypes=[float])(input)


@mistake(
    "sigmoid",
    "sigmoid-overflow",
    "exp(x) / (1 + exp(x)) is inf / inf, which is NaN, where x is large.",
    "Which of the two exponentials, of x or of -x, may overflow without harm?",
)
def sigmoid_overflow(right: Right, input: ndarray) -> ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(input) / (1 + np.exp(input))


@mistake(
    "sigmoid",
    "sigmoid-mirrored",
    "This is sigmoid(-x): it falls where it should rise.",
    "What should the value be for a large positive x?",
)
def sigmoid_mirrored(right: Right, input: ndarray) -> ndarray:
    return right(-input)


@mistake(
    "sigmoid",
    "tanh-for-sigmoid",
    "This is the hyperbolic tangent, which runs from -1 to 1.",
    "Between which two values should the result lie?",
)
def sigmoid_tanh(right: Right, input: ndarray) -> ndarray:
    return np.tanh(input)


@mistake(
    "sigmoid",
    "derivative-for-sigmoid",
    "This is the derivative of the sigmoid, not its value.",
    "What should the value be at 0?",
)
def sigmoid_derivative(right: Right, input: ndarray) -> ndarray:
    output = right(input)
    return output * (1 - output)


def clipped_sigmoid(limit: float) -> None:
    """Enter the mistake of one limit."""

    @mistake(
        "sigmoid",
        f"sigmoid-clipped-{limit:g}",
        f"The input is clipped to ±{limit:g}, so the result never comes nearer to 0 or 1.",
        "Is the clip needed, and is it wide enough?",
    )
    def clipped(right: Right, input: ndarray) -> ndarray:
        return right(np.clip(input, -limit, limit))


for limit in (5.0, 10.0, 15.0, 20.0):
    clipped_sigmoid(limit)


@mistake(
    "sigmoid_backward",
    "sigmoid-derivative-missing",
    "The upstream gradient comes back unchanged: the derivative of the sigmoid is missing.",
    "What is the slope of the sigmoid, and where does the chain rule put it?",
)
def sigmoid_derivative_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output


@mistake(
    "sigmoid_backward",
    "upstream-gradient-missing",
    "This is the derivative alone, without the gradient that comes from above.",
    "Where does the chain rule bring in grad_output?",
)
def sigmoid_upstream_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return right(np.ones_like(grad_output), output)


@mistake(
    "sigmoid_backward",
    "sigmoid-applied-twice",
    "The sigmoid is applied to `output`, which is a sigmoid already.",
    "Is the second argument the input of the sigmoid or its output?",
)
def sigmoid_twice(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return right(grad_output, sigma(output))


@mistake(
    "sigmoid_backward",
    "tanh-derivative",
    "1 - y² is the derivative of tanh, not of the sigmoid.",
    "Differentiate 1 / (1 + exp(-x)) once more.",
)
def sigmoid_tanh_derivative(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * (1 - output**2)


@mistake(
    "sigmoid_backward",
    "sigmoid-derivative-half",
    "Only one factor of the derivative is there: y, but not what belongs beside it.",
    "The slope of the sigmoid is 0 at both ends. Is this?",
)
def sigmoid_derivative_y(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * output


@mistake(
    "sigmoid_backward",
    "sigmoid-derivative-half",
    "Only one factor of the derivative is there: 1 - y, but not what belongs beside it.",
    "The slope of the sigmoid is 0 at both ends. Is this?",
)
def sigmoid_derivative_one_minus_y(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * (1 - output)


@mistake(
    "tanh",
    "tanh-overflow",
    "exp(x) - exp(-x) over their sum is inf / inf, which is NaN, where x is far from 0.",
    "Which of the two exponentials, of 2x or of -2x, may overflow without harm?",
)
def tanh_overflow(right: Right, input: ndarray) -> ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.exp(input) - np.exp(-input)) / (np.exp(input) + np.exp(-input))


@mistake(
    "tanh",
    "sigmoid-for-tanh",
    "This is the sigmoid, which runs from 0 to 1.",
    "Between which two values should the result lie?",
)
def tanh_sigmoid(right: Right, input: ndarray) -> ndarray:
    return sigma(input)


@mistake(
    "tanh",
    "tanh-of-half",
    "The argument is half of what it should be.",
    "tanh is a sigmoid, of which multiple of x?",
)
def tanh_half(right: Right, input: ndarray) -> ndarray:
    return right(input / 2)


@mistake(
    "tanh_backward",
    "tanh-derivative-missing",
    "The upstream gradient comes back unchanged: the derivative of tanh is missing.",
    "What is the slope of tanh, and where does the chain rule put it?",
)
def tanh_derivative_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output


@mistake(
    "tanh_backward",
    "upstream-gradient-missing",
    "This is the derivative alone, without the gradient that comes from above.",
    "Where does the chain rule bring in grad_output?",
)
def tanh_upstream_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return right(np.ones_like(grad_output), output)


@mistake(
    "tanh_backward",
    "tanh-applied-twice",
    "tanh is applied to `output`, which is a tanh already.",
    "Is the second argument the input of tanh or its output?",
)
def tanh_twice(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return right(grad_output, np.tanh(output))


@mistake(
    "tanh_backward",
    "sigmoid-derivative",
    "y (1 - y) is the derivative of the sigmoid, not of tanh.",
    "Differentiate tanh once more: what is it at 0, where tanh is steepest?",
)
def tanh_sigmoid_derivative(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * output * (1 - output)


@mistake(
    "tanh_backward",
    "square-missing",
    "1 - y stands where 1 - y² should.",
    "The slope of tanh is 0 at both ends. Is this?",
)
def tanh_square_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * (1 - output)


@mistake(
    "sigmoid_backward tanh_backward",
    "arguments-swapped",
    "The two arguments are used in each other's place.",
    "The contract has grad_output first. Which of yours comes first?",
)
@mistake(
    "relu_backward",
    "arguments-swapped",
    "The two arguments are used in each other's place, so the mask comes from the gradient.",
    "The contract has grad_output first. Which of yours comes first?",
)
def backward_swapped(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return right(output, grad_output)


@mistake(
    "relu",
    "relu-leaky",
    "Negative inputs come through, made smaller: this is a leaky ReLU.",
    "What should become of a negative number?",
)
def relu_leaky(right: Right, input: ndarray) -> ndarray:
    return np.where(input > 0, input, 0.01 * input)


@mistake(
    "relu",
    "relu-absolute",
    "This is the absolute value: negative inputs come back positive.",
    "What should become of a negative number?",
)
def relu_absolute(right: Right, input: ndarray) -> ndarray:
    return np.abs(input)


@mistake(
    "relu",
    "relu-minimum",
    "The negative numbers are kept and the positive ones are set to 0.",
    "Which of the two numbers, x and 0, should win?",
)
def relu_minimum(right: Right, input: ndarray) -> ndarray:
    return np.minimum(input, 0)


@mistake(
    "relu",
    "relu-step",
    "This is 1 where the input is positive: the derivative, not the function.",
    "What should become of a 3?",
)
def relu_step(right: Right, input: ndarray) -> ndarray:
    return (input > 0) * 1.0


def clipped_relu(limit: int) -> None:
    """Enter the mistake of one limit."""

    @mistake(
        "relu",
        f"relu-clipped-{limit}",
        f"Values above {limit} are cut off.",
        "ReLU bounds its result on one side only.",
    )
    def clipped(right: Right, input: ndarray) -> ndarray:
        return np.clip(input, 0, limit)


for bound in (1, 6):
    clipped_relu(bound)


@mistake(
    "relu_backward",
    "relu-mask-from-gradient",
    "The mask is taken from the sign of the upstream gradient, so no gradient is ever negative.",
    "Whose sign decides whether the gradient may pass?",
)
def relu_mask_from_gradient(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return np.maximum(grad_output, 0)


@mistake(
    "relu_backward",
    "relu-mask-missing",
    "The gradient passes everywhere: there is no mask, or it is made for the ReLU's input, as with "
    "`< 0`, which no output of a ReLU is. PyTorch's gradient at 0 is 0.",
    "What should become of the gradient where the ReLU gave 0?",
)
def relu_mask_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output


@mistake(
    "relu_backward",
    "upstream-gradient-missing",
    "This is the mask alone, without the gradient that comes from above.",
    "Where does the chain rule bring in grad_output?",
)
def relu_upstream_missing(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return (output > 0) * 1.0


@mistake(
    "relu_backward",
    "relu-times-output",
    "The gradient is multiplied by the output, where it should be by the slope.",
    "What is the slope of ReLU at 3?",
)
def relu_times_output(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * output


@mistake(
    "relu_backward",
    "relu-mask-inverted",
    "The gradient passes where the ReLU was closed and is stopped where it was open.",
    "On which side of 0 does the input matter?",
)
def relu_mask_inverted(right: Right, grad_output: ndarray, output: ndarray) -> ndarray:
    return grad_output * (output <= 0)
