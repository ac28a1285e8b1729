"""Slow and obvious versions with plain loops, which the tests compare the fast ones with."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy import ndarray

Size = tuple[int, ...]  # (height, width)
Position = tuple[int, int, tuple[slice, slice]]


def positions(size: Size, window: Size, stride: Size) -> Iterator[Position]:
    """For each position of the window: row and column of the output, and the part of the image."""
    for row, top in enumerate(range(0, size[0] - window[0] + 1, stride[0])):
        for column, left in enumerate(range(0, size[1] - window[1] + 1, stride[1])):
            yield row, column, np.s_[top : top + window[0], left : left + window[1]]


def output_size(size: Size, window: Size, stride: Size) -> Size:
    *_, (row, column, _) = positions(size, window, stride)
    return row + 1, column + 1


def pad(input: ndarray, padding: Size) -> ndarray:
    return np.pad(input, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))


def conv2d(input: ndarray, weight: ndarray, bias: ndarray, stride: Size, padding: Size) -> ndarray:
    padded, window = pad(input, padding), weight.shape[2:]
    shape = output_size(padded.shape[2:], window, stride)
    output = np.empty((len(input), len(weight), *shape), input.dtype)
    for n in range(len(input)):
        for o in range(len(weight)):
            for row, column, under in positions(padded.shape[2:], window, stride):
                output[n, o, row, column] = (padded[n, :, *under] * weight[o]).sum() + bias[o]
    return output


def conv2d_backward(
    grad_output: ndarray, input: ndarray, weight: ndarray, stride: Size, padding: Size
) -> tuple[ndarray, ndarray, ndarray]:
    padded, window = pad(input, padding), weight.shape[2:]
    grad_padded, grad_weight = np.zeros_like(padded), np.zeros_like(weight)
    grad_bias = np.zeros_like(weight[:, 0, 0, 0])
    for n in range(len(input)):
        for o in range(len(weight)):
            for row, column, under in positions(padded.shape[2:], window, stride):
                grad = grad_output[n, o, row, column]
                grad_padded[n, :, *under] += grad * weight[o]
                grad_weight[o] += grad * padded[n, :, *under]
                grad_bias[o] += grad
    (top, left), (height, width) = padding, input.shape[2:]
    return grad_padded[:, :, top : top + height, left : left + width], grad_weight, grad_bias


def avg_pool2d(input: ndarray, kernel_size: Size, stride: Size) -> ndarray:
    shape = output_size(input.shape[2:], kernel_size, stride)
    output = np.empty((*input.shape[:2], *shape), input.dtype)
    for n in range(input.shape[0]):
        for c in range(input.shape[1]):
            for row, column, under in positions(input.shape[2:], kernel_size, stride):
                output[n, c, row, column] = input[n, c, *under].mean()
    return output


def avg_pool2d_backward(
    grad_output: ndarray, input: ndarray, kernel_size: Size, stride: Size
) -> ndarray:
    grad_input = np.zeros_like(input)
    for n in range(input.shape[0]):
        for c in range(input.shape[1]):
            for row, column, under in positions(input.shape[2:], kernel_size, stride):
                share = grad_output[n, c, row, column] / (kernel_size[0] * kernel_size[1])
                grad_input[n, c, *under] += share
    return grad_input


STEP = 6e-6  # the cube root of the machine epsilon


def slope(
    function: Callable[[], float], array: ndarray, index: tuple[int, ...], step: float = STEP
) -> float:
    """The derivative of `function()` with respect to `array[index]`, in float64.

    `function` reads `array`. The step is the cube root of the machine epsilon, where the truncation
    error (step² times a sixth of the third derivative) and the rounding error (epsilon / step) are
    both about 4e-11.
    """
    before = array[index]
    array[index] = before + step
    above = function()
    array[index] = before - step
    below = function()
    array[index] = before
    return (above - below) / (2 * step)
