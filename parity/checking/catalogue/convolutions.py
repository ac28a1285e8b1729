"""Mistakes in conv2d, avg_pool2d and their backwards."""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from parity.checking.catalogue.mistake import mistake

Right = Any
Pair = Any  # an int or two


def both(value: Pair) -> tuple[int, int]:
    """An int or a pair as a pair."""
    return value if isinstance(value, tuple) else (value, value)


def swapped(value: Pair) -> Pair:
    """A pair the other way round."""
    return value[::-1] if isinstance(value, tuple) else value


def flipped(weight: ndarray) -> ndarray:
    """The kernel rotated by 180 degrees."""
    return weight[:, :, ::-1, ::-1].copy()


@mistake(
    "conv2d",
    "kernel-flipped",
    "This is a convolution in the mathematical sense: the kernel is rotated by 180 degrees. "
    "PyTorch's conv2d is a correlation.",
    "Which entry of the kernel meets the upper left pixel?",
)
def kernel_flipped(
    right: Right, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input, flipped(weight), *args, **options)


@mistake(
    "conv2d",
    "kernel-transposed",
    "Rows and columns of the kernel are exchanged.",
    "Which axis of weight is the height?",
)
def kernel_transposed(
    right: Right, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input, weight.transpose(0, 1, 3, 2).copy(), *args, **options)


@mistake(
    "conv2d",
    "channels-swapped",
    "The weight is used as (in, out, kh, kw); the contract has (out, in, kh, kw).",
    "Which axis of weight is summed over?",
)
def channels_swapped(
    right: Right, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input, weight.transpose(1, 0, 2, 3).copy(), *args, **options)


@mistake(
    "conv2d",
    "bias-forgotten",
    "The bias is not added.",
    "Which argument is never used?",
)
def bias_forgotten(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None, **options: Any
) -> Any:
    return right(input, weight, None, **options)


@mistake(
    "conv2d",
    "channels-averaged",
    "The input channels are averaged, not summed.",
    "What does the sum over a window run over?",
)
def channels_averaged(
    right: Right, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input, weight / input.shape[1], *args, **options)


@mistake(
    "conv2d",
    "first-channel-only",
    "Only one input channel is looked at.",
    "Over which axes does the sum over a window run?",
)
def first_channel_only(
    right: Right, input: ndarray, weight: ndarray, *args: Any, **options: Any
) -> Any:
    return right(input[:, :1], weight[:, :1], *args, **options)


@mistake(
    "conv2d",
    "stride-ignored",
    "The stride is not looked at: the window moves by 1.",
    "How many outputs fit into a row, and where does each window begin?",
)
def stride_ignored(right: Right, *args: Any, **options: Any) -> Any:
    return right(*args, **{**options, "stride": 1})


@mistake(
    "conv2d",
    "padding-ignored",
    "The padding is not looked at.",
    "How large is the image that the window moves over?",
)
def padding_ignored(right: Right, *args: Any, **options: Any) -> Any:
    return right(*args, **{**options, "padding": 0})


@mistake(
    "conv2d",
    "padding-on-one-side",
    "The padding is put on one side only, or half of it on each.",
    "How many rows has the padded image?",
)
def padding_one_side(
    right: Right,
    input: ndarray,
    weight: ndarray,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
) -> Any:
    (ph, pw) = both(padding)
    padded = np.pad(input, ((0, 0), (0, 0), (0, ph), (0, pw)))
    return right(padded, weight, bias, stride, 0)


@mistake(
    "conv2d",
    "padding-with-the-edge",
    "The padding repeats the edge of the image; PyTorch pads with zeros.",
    "What lies outside the image?",
)
def padding_edge(
    right: Right,
    input: ndarray,
    weight: ndarray,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
) -> Any:
    (ph, pw) = both(padding)
    padded = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge")
    return right(padded, weight, bias, stride, 0)


@mistake(
    "conv2d",
    "pair-swapped",
    "Of the pairs the first number is used for the width; it is the height's.",
    "In which order does a shape name height and width?",
)
def pairs_swapped(
    right: Right,
    input: ndarray,
    weight: ndarray,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
) -> Any:
    return right(input, weight, bias, swapped(stride), swapped(padding))


@mistake(
    "conv2d_backward",
    "kernel-flipped",
    "The kernel is rotated by 180 degrees on the way back, where it should not be, or is not where "
    "it should be.",
    "Take one output: which inputs did it see, through which entries of the kernel?",
)
def backward_flipped(
    right: Right, grad_output: ndarray, input: ndarray, weight: ndarray, **options: Any
) -> Any:
    return (
        right(grad_output, input, flipped(weight), **options)[0],
        *right(grad_output, input, weight, **options)[1:],
    )


@mistake(
    "conv2d_backward",
    "grad-weight-flipped",
    "The gradient of the weight comes rotated by 180 degrees.",
    "Which gradient belongs to the upper left entry of the kernel?",
)
def grad_weight_flipped(right: Right, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(*args, **options)
    return grad_input, flipped(grad_weight), grad_bias


@mistake(
    "conv2d_backward",
    "grad-weight-channels-swapped",
    "The gradient of the weight comes as (in, out, kh, kw).",
    "Which shape must it have, so that it can be subtracted from the weight?",
)
def grad_weight_channels(right: Right, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(*args, **options)
    return grad_input, grad_weight.transpose(1, 0, 2, 3), grad_bias


@mistake(
    "conv2d_backward",
    "grad-bias-spatial",
    "The gradient of the bias is averaged over the image, where it should be summed.",
    "How often is one bias added to one output image?",
)
def grad_bias_spatial(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(grad_output, *args, **options)
    return grad_input, grad_weight, grad_bias / grad_output[0, 0].size


@mistake(
    "conv2d_backward",
    "overlaps-overwritten",
    "Where windows overlap, the last one's gradient replaces the others'.",
    "One pixel is seen by several windows. What becomes of their gradients?",
)
def overlaps_overwritten(
    right: Right,
    grad_output: ndarray,
    input: ndarray,
    weight: ndarray,
    stride: Pair = 1,
    padding: Pair = 0,
) -> Any:
    (sh, sw), (ph, pw) = both(stride), both(padding)
    (_, _, height, width), (_, _, kh, kw) = input.shape, weight.shape
    grad = np.zeros((*input.shape[:2], height + 2 * ph, width + 2 * pw))
    for i in range(grad_output.shape[2]):
        for j in range(grad_output.shape[3]):
            window = np.einsum("no,oihw->nihw", grad_output[:, :, i, j], weight)
            grad[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw] = window
    _, grad_weight, grad_bias = right(grad_output, input, weight, stride, padding)
    return grad[:, :, ph : ph + height, pw : pw + width], grad_weight, grad_bias


@mistake(
    "conv2d_backward",
    "slice-with-padding-0",
    "The gradient of the input is lost without a padding: x[pad:-pad] is empty where pad is 0.",
    "What is -pad where pad is 0?",
)
def slice_with_padding_0(
    right: Right,
    grad_output: ndarray,
    input: ndarray,
    weight: ndarray,
    stride: Pair = 1,
    padding: Pair = 0,
) -> Any:
    grad_input, grad_weight, grad_bias = right(grad_output, input, weight, stride, padding)
    (ph, pw), (height, width) = both(padding), input.shape[2:]
    return grad_input[:, :, : height * bool(ph), : width * bool(pw)], grad_weight, grad_bias


@mistake(
    "avg_pool2d",
    "maximum-for-mean",
    "The largest value of each window is taken, not their mean.",
    "What does the name say?",
)
def max_pool(right: Right, input: ndarray, kernel_size: Pair, stride: Pair = None) -> ndarray:
    (kh, kw), (sh, sw) = both(kernel_size), both(kernel_size if stride is None else stride)
    windows = sliding_window_view(input, (kh, kw), axis=(2, 3))
    return windows[:, :, ::sh, ::sw].max(axis=(-2, -1))


@mistake(
    "avg_pool2d",
    "sum-for-mean",
    "The values of each window are summed, not averaged.",
    "What should come out of an image that is 1 everywhere?",
)
def sum_pool(right: Right, input: ndarray, kernel_size: Pair, stride: Pair = None) -> ndarray:
    return right(input, kernel_size, stride) * np.prod(both(kernel_size))


@mistake(
    "avg_pool2d",
    "channels-last",
    "The image is taken as (H, W, C); the contract has (C, H, W). One channel would hide it.",
    "Which axes of (N, C, H, W) are the height and the width?",
)
def channels_last(right: Right, input: ndarray, *args: Any, **options: Any) -> ndarray:
    return right(input.transpose(0, 3, 1, 2), *args, **options).transpose(0, 2, 3, 1)


@mistake(
    "avg_pool2d",
    "stride-defaults-to-1",
    "Without a stride the window moves by 1; PyTorch moves it by its own size.",
    "Which pixels does the second window see?",
)
def stride_one(right: Right, input: ndarray, kernel_size: Pair, stride: Pair = None) -> ndarray:
    return right(input, kernel_size, 1 if stride is None else stride)


@mistake(
    "avg_pool2d",
    "stride-ignored",
    "The stride is not looked at: the window always moves by its own size.",
    "Where does the second window begin?",
)
def pool_stride_ignored(
    right: Right, input: ndarray, kernel_size: Pair, stride: Pair = None
) -> ndarray:
    return right(input, kernel_size)


@mistake(
    "avg_pool2d_backward",
    "window-not-averaged",
    "Each pixel gets the whole gradient of its window, not its share.",
    "How much does the mean of a window move when one pixel moves by 1?",
)
def not_shared(
    right: Right, grad_output: ndarray, input: ndarray, kernel_size: Pair, stride: Pair = None
) -> ndarray:
    return right(grad_output, input, kernel_size, stride) * np.prod(both(kernel_size))


@mistake(
    "avg_pool2d_backward",
    "overlaps-overwritten",
    "Where windows overlap, the last one's gradient replaces the others'.",
    "One pixel is seen by several windows. What becomes of their gradients?",
)
def pool_overwritten(
    right: Right, grad_output: ndarray, input: ndarray, kernel_size: Pair, stride: Pair = None
) -> ndarray:
    (kh, kw), (sh, sw) = both(kernel_size), both(kernel_size if stride is None else stride)
    grad = np.zeros(input.shape)
    for i in range(grad_output.shape[2]):
        for j in range(grad_output.shape[3]):
            share = grad_output[:, :, i, j, None, None] / (kh * kw)
            grad[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw] = share
    return grad


@mistake(
    "avg_pool2d_backward",
    "gradient-to-the-maximum",
    "The whole gradient goes to the largest pixel of each window: the backward of max pooling.",
    "Which pixels move the mean of a window?",
)
def to_the_maximum(
    right: Right, grad_output: ndarray, input: ndarray, kernel_size: Pair, stride: Pair = None
) -> ndarray:
    (kh, kw), (sh, sw) = both(kernel_size), both(kernel_size if stride is None else stride)
    grad = np.zeros(input.shape)
    for (n, c, i, j), value in np.ndenumerate(grad_output):
        window = input[n, c, i * sh : i * sh + kh, j * sw : j * sw + kw]
        row, column = np.unravel_index(window.argmax(), window.shape)
        grad[n, c, i * sh + row, j * sw + column] += value
    return grad
