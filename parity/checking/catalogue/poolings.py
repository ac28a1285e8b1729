"""Mistakes in max pooling and its backward."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.contract.reference import reference

Right = Any


@mistake(
    "max_pool2d",
    "mean-for-maximum",
    "This is the mean of each window, not its largest number.",
    "Which number of the window should come through?",
)
def pool_mean(right: Right, input: ndarray, *args: Any, **options: Any) -> Any:
    return reference("avg_pool2d")(input, *args, **options)


@mistake(
    "max_pool2d",
    "minimum-for-maximum",
    "This is the smallest number of each window.",
    "Which number of the window should come through?",
)
def pool_minimum(right: Right, input: ndarray, *args: Any, **options: Any) -> Any:
    return -right(-input, *args, **options)


@mistake(
    "max_pool2d",
    "maximum-from-0",
    "No result is below 0: the maximum is looked for from 0 upwards.",
    "With what does the search for the largest number begin, and what if all are negative?",
)
def pool_from_zero(right: Right, *args: Any, **options: Any) -> Any:
    return np.maximum(right(*args, **options), 0)


@mistake(
    "max_pool2d_backward",
    "gradient-of-the-mean",
    "Each pixel of a window gets an equal share, as under a mean.",
    "Which pixels change the largest number of a window when they move a little?",
)
def share_of_mean(right: Right, *args: Any, **options: Any) -> Any:
    return reference("avg_pool2d_backward")(*args, **options)


@mistake(
    "max_pool2d_backward",
    "gradient-to-every-pixel",
    "Each pixel of a window gets the whole gradient.",
    "Which pixels change the largest number of a window when they move a little?",
)
def whole_to_each(
    right: Right, grad_output: ndarray, input: ndarray, kernel_size: Any, **options: Any
) -> Any:
    count = np.prod(kernel_size) if isinstance(kernel_size, tuple) else kernel_size**2
    return count * reference("avg_pool2d_backward")(grad_output, input, kernel_size, **options)


@mistake(
    "max_pool2d_backward",
    "value-for-gradient",
    "The largest number itself is put back, not the gradient that belongs to it.",
    "Where does the chain rule bring in grad_output?",
)
def value_for_gradient(
    right: Right, grad_output: ndarray, input: ndarray, *args: Any, **options: Any
) -> Any:
    return np.where(right(np.ones_like(grad_output), input, *args, **options) != 0, input, 0)


def last_window(replaces: bool) -> Any:
    """The gradient of the last window that a pixel is the largest of, or of the last one at all."""

    def wrong(
        right: Right, grad_output: ndarray, input: ndarray, kernel_size: Any, stride: Any = None
    ) -> ndarray:
        (kh, kw), (sh, sw) = both(kernel_size), both(stride or kernel_size)
        grad_input = np.zeros_like(input)
        for n, c, h, w in np.ndindex(grad_output.shape):
            window = np.s_[n, c, h * sh : h * sh + kh, w * sw : w * sw + kw]
            largest = input[window] == input[window].max()
            others = 0 if replaces else grad_input[window]
            grad_input[window] = np.where(largest, grad_output[n, c, h, w], others)
        return grad_input

    return wrong


for replaces, words in {
    False: "Where windows overlap, a pixel keeps the gradient of the last window only.",
    True: "Where windows overlap, the last one replaces what those before it have put there.",
}.items():
    mistake(
        "max_pool2d_backward",
        "overlap-overwritten",
        words,
        "Should a pixel that is the largest of two windows get one gradient or the sum of two?",
    )(last_window(replaces))


def both(value: Any) -> tuple[int, int]:
    """An int or a pair as a pair."""
    return value if isinstance(value, tuple) else (value, value)
