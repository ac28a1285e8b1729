"""The entries of the layers that have weights, and of the pooling between them."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from parity.contract.calls import Call, numbers, strided
from parity.contract.subject import operation

__all__ = ["avg_pool2d", "conv2d", "linear", "max_pool2d"]

LINEAR = ((2, 3, 4), (3, 2, 2), (3, 4, 3), (5, 4, 4), (7, 4, 3), (1, 3, 4))
CONV = (
    (2, 1, 3, 4, 5, 2, 2),
    (3, 2, 2, 5, 6, 3, 3),
    (2, 2, 4, 6, 5, 3, 2),
    (3, 3, 3, 6, 7, 3, 3),
    (1, 2, 2, 3, 4, 1, 1),
    (2, 1, 2, 6, 7, 5, 5),
    (2, 1, 3, 4, 5, 2, 3),
)
POOL = ((2, 3, 4, 6), (1, 2, 7, 5), (2, 4, 6, 6))
IMAGES = {"N": 2, "C": 3, "H": 7, "W": 6}


def linear_probes(rng: Generator, n: int, in_: int, out: int) -> list[Call]:
    """(N, in), (out, in), (out,)."""
    input, weight, bias = numbers(rng, n, in_), numbers(rng, out, in_), numbers(rng, out)
    return [
        Call((input, weight, bias)),
        Call((input, weight), label="without a bias", goes_back=False),
        Call((strided(input), strided(weight), bias), label="not contiguous"),
    ]


def conv2d_probes(
    rng: Generator, n: int, in_: int, out: int, height: int, width: int, kh: int, kw: int
) -> list[Call]:
    """(N, in, H, W), (out, in, kh, kw), (out,)."""
    if kh > height or kw > width:
        return []
    input, weight = numbers(rng, n, in_, height, width), numbers(rng, out, in_, kh, kw)
    args = input, weight, numbers(rng, out)
    pairs = {"stride": (1, 2), "padding": (1, 0)}
    calls = [
        Call(args),
        Call(args[:2], label="without a bias", goes_back=False),
        Call((strided(input), strided(weight), args[2]), label="not contiguous"),
        Call(args, {"stride": 2}, label="stride 2"),
        Call(args, {"padding": 1}, label="padding 1"),
        Call(args, {"stride": 2, "padding": 1}, label="stride 2 and padding 1"),
        Call(args, {"stride": 3, "padding": 2}, label="stride 3 and padding 2"),
        Call(args, {"padding": 3}, label="padding 3"),
        Call(args, pairs, label="stride and padding as pairs", may_raise=True),
    ]
    calls = [replace(call, may_assert=rest_of(call, (kh, kw))) for call in calls]
    if height > kh + 1:
        even = input[:, :, : height - (height - kh) % 2, : width - (width - kw) % 2]
        calls.append(Call((even, *args[1:]), {"stride": 2}, label="stride 2"))
    if kh == kw:
        return calls
    return [  # not every course has kernels that are not square
        replace(call, label=call.label or "a kernel that is not square", may_raise=True)
        for call in calls
    ]


def rest_of(call: Call, kernel: tuple[int, int]) -> bool:
    """Whether windows of these sizes leave a rest of the image, which some courses rule out."""
    stride, padding = call.options.get("stride"), call.options.get("padding", 0)
    strides = stride if isinstance(stride, tuple) else (stride or 1, stride or 1)
    paddings = padding if isinstance(padding, tuple) else (padding, padding)
    sides = zip(call.args[0].shape[2:], kernel, strides, paddings, strict=True)
    return any((side + 2 * pad - k) % step for side, k, step, pad in sides)


def pool_probes(rng: Generator, n: int, c: int, height: int, width: int) -> list[Call]:
    """(N, C, H, W)."""
    if min(height, width) < 3:
        return []
    input = numbers(rng, n, c, height, width)
    calls = [
        Call((input, 2)),
        Call((input, 3), {"stride": 2}, label="windows that overlap"),
        Call((input, 2), {"stride": 1}, label="stride 1"),
        Call((input, 2), {"stride": 3}, label="a stride above the kernel"),
        Call((strided(input), 2), label="not contiguous"),
        Call((input, (2, 3)), label="a pair as kernel_size", may_raise=True),
    ]
    return [replace(call, may_assert=pool_rest(call)) for call in calls]


def pool_rest(call: Call) -> bool:
    """The same of pooling, whose stride is the size of its windows if it is not given."""
    size = call.args[1]
    kernel = size if isinstance(size, tuple) else (size, size)
    given = replace(call, options={"stride": call.options.get("stride", kernel)})
    return rest_of(given, kernel)


def max_pool_probes(rng: Generator, n: int, c: int, height: int, width: int) -> list[Call]:
    """As for the mean, but no two numbers are the same, so that each window has one largest."""
    calls = pool_probes(rng, n, c, height, width)
    values = np.arange(n * c * height * width) - n * c * height * width / 2
    input = rng.permutation(values / 4 + 0.1).reshape(n, c, height, width)
    return [
        call.with_args(strided(input) if call.label == "not contiguous" else input, *call.args[1:])
        for call in calls
    ]


linear = operation(
    "linear(input, weight, bias=None)",
    "input (N, in), weight (out, in), bias (out,) -> (N, out): x Wᵀ + b.",
    "linear_backward(grad_output, input, weight)",
    "grad_output (N, out) -> (grad_input, grad_weight, grad_bias).",
    {"input": "N in", "weight": "out in", "bias": "out"},
    LINEAR,
    linear_probes,
    at={"N": 5, "in": 4, "out": 3},
    large=(130, 5, 12),
)

conv2d = operation(
    "conv2d(input, weight, bias=None, stride=1, padding=0)",
    "input (N, in, H, W), weight (out, in, kh, kw), bias (out,) -> (N, out, H', W').",
    "conv2d_backward(grad_output, input, weight, stride=1, padding=0)",
    "grad_output (N, out, H', W') -> (grad_input, grad_weight, grad_bias).",
    {"input": "N C H W", "weight": "out C kH kW", "bias": "out"},
    CONV,
    conv2d_probes,
    at={**IMAGES, "out": 4, "kH": 3, "kW": 2},
    large=(130, 2, 12, 4, 3, 2, 2),
    options={"stride": range(1, 4), "padding": range(5)},
    examples=({}, {"stride": 2, "padding": 1}, {"stride": (1, 2), "padding": (2, 0)}),
)

avg_pool2d = operation(
    "avg_pool2d(input, kernel_size, stride=None)",
    "input (N, C, H, W) -> (N, C, H', W'), the mean of each window; stride is kernel_size.",
    "avg_pool2d_backward(grad_output, input, kernel_size, stride=None)",
    "grad_output (N, C, H', W') -> grad_input (N, C, H, W).",
    {"input": "N C H W"},
    POOL,
    pool_probes,
    at=IMAGES,
    large=(130, 2, 4, 3),
    options={"kernel_size": range(1, 4), "stride": range(1, 4)},
    examples=({"kernel_size": 2}, {"kernel_size": (3, 2), "stride": (2, 1)}),
)

max_pool2d = operation(
    "max_pool2d(input, kernel_size, stride=None)",
    "input (N, C, H, W) -> (N, C, H', W'), the largest of each window; stride is kernel_size.",
    "max_pool2d_backward(grad_output, input, kernel_size, stride=None)",
    "grad_output (N, C, H', W') -> grad_input (N, C, H, W).",
    {"input": "N C H W"},
    POOL,
    max_pool_probes,
    at=IMAGES,
    large=(130, 2, 4, 3),
    options={"kernel_size": range(1, 4), "stride": range(1, 4)},
    examples=({"kernel_size": 2}, {"kernel_size": (3, 2), "stride": (2, 1)}),
    values="distinct",
)
