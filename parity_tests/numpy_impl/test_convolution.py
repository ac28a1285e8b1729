"""Convolution and pooling against the naive loops: sizes, strides, paddings and memory formats."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy import ndarray

from numpy_impl import nn
from numpy_impl.convolution import make_plan
from numpy_impl.plan import Plan
from parity.strategies import CALLS, Call
from parity_tests import naive
from parity_tests.assertions import assert_close
from parity_tests.implementation import functional as F


def pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def batch_last(array: ndarray) -> ndarray:
    """The same images, with the batch index running fastest in memory, but the channel slowest."""
    return np.ascontiguousarray(array.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)


# --- the loops as oracle -------------------------------------------------------------------------


@given(call=CALLS["conv2d"])
def test_convolution_agrees_with_the_loops(call: Call) -> None:
    stride, padding = pair(call.options.get("stride", 1)), pair(call.options.get("padding", 0))
    input, weight = call.inputs["input"], call.inputs["weight"]
    bias = call.inputs.get("bias", np.zeros(len(weight)))
    output = naive.conv2d(input, weight, bias, stride, padding)
    assert_close("output", call.forward(F), output)
    expected = naive.conv2d_backward(call.grad_output, input, weight, stride, padding)
    names = ("input", "weight", "bias")
    for name, grad, truth in zip(names, call.backward(F), expected, strict=False):
        assert_close(f"gradient of {name}", grad, truth)


@given(call=CALLS["avg_pool2d"])
def test_pooling_agrees_with_the_loops(call: Call) -> None:
    input, kernel_size = call.inputs["input"], pair(call.options["kernel_size"])
    stride = pair(call.options.get("stride", kernel_size))
    output = naive.avg_pool2d(input, kernel_size, stride)
    assert_close("output", call.forward(F), output)
    expected = naive.avg_pool2d_backward(call.grad_output, input, kernel_size, stride)
    (grad_input,) = call.backward(F)
    assert_close("gradient of input", grad_input, expected)


def test_a_picture_of_cross_correlation() -> None:
    """The kernel is not turned round: it picks the pixel up and to the left."""
    image = np.arange(9.0).reshape(1, 1, 3, 3)
    kernel = np.zeros((1, 1, 2, 2))
    kernel[0, 0, 0, 0] = 1
    np.testing.assert_array_equal(F.conv2d(image, kernel)[0, 0], [[0, 1], [3, 4]])
    np.testing.assert_array_equal(
        F.conv2d(image, kernel, padding=1)[0, 0],
        [[0, 0, 0, 0], [0, 0, 1, 2], [0, 3, 4, 5], [0, 6, 7, 8]],
    )
    np.testing.assert_array_equal(F.conv2d(image, kernel, stride=(1, 2))[0, 0], [[0], [3]])


# --- shapes --------------------------------------------------------------------------------------

sides, windows, strides = st.integers(1, 40), st.integers(1, 7), st.integers(1, 9)


@given(
    image=st.tuples(sides, sides),
    window=st.tuples(windows, windows),
    stride=st.tuples(strides, strides),
    padding=st.tuples(st.integers(0, 8), st.integers(0, 8)),
)
@example(image=(28, 28), window=(3, 3), stride=(2, 2), padding=(1, 1))
def test_output_shapes_are_those_of_pytorch(
    image: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    assume(all(i + 2 * p >= w for i, w, p in zip(image, window, padding, strict=True)))
    weight = np.zeros((3, 1, *window))
    theirs = torch.nn.functional.conv2d(
        torch.zeros(2, 1, *image, device="meta"),
        torch.zeros(3, 1, *window, device="meta"),
        stride=stride,
        padding=padding,
    )
    assert F.conv2d(np.zeros((2, 1, *image)), weight, None, stride, padding).shape == theirs.shape
    if all(i >= w for i, w in zip(image, window, strict=True)):
        pooled = torch.nn.functional.avg_pool2d(torch.zeros(2, 1, *image), window, stride)
        assert F.avg_pool2d(np.zeros((2, 1, *image)), window, stride).shape == pooled.shape


def test_an_empty_batch_stays_empty() -> None:
    images, weight = np.zeros((0, 2, 5, 6)), np.ones((3, 2, 2, 3))
    assert F.conv2d(images, weight).shape == (0, 3, 4, 4)
    grads: Any = F.conv2d_backward(np.zeros((0, 3, 4, 4)), images, weight)
    assert [grad.shape for grad in grads] == [(0, 2, 5, 6), (3, 2, 2, 3), (3,)]
    assert not grads[1].any()
    assert F.avg_pool2d(images, 2).shape == (0, 2, 2, 3)


# --- memory formats ------------------------------------------------------------------------------


@given(call=CALLS["conv2d"] | CALLS["avg_pool2d"])
def test_the_memory_format_changes_nothing(call: Call) -> None:
    """C order, the batch running fastest, and a view with steps: the same bits."""
    input, grad_output = call.inputs["input"], call.grad_output
    spread = np.repeat(input, 2, axis=3)[..., ::2]
    for images, grad in [
        (np.asfortranarray(input), np.asfortranarray(grad_output)),
        (batch_last(input), batch_last(grad_output)),
        (spread, grad_output),
        (input, np.asfortranarray(grad_output)),
    ]:
        again = Call(call.name, {**call.inputs, "input": images}, call.options, grad)
        np.testing.assert_array_equal(again.forward(F), call.forward(F))
        for ours, expected in zip(again.backward(F), call.backward(F), strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_results_have_the_batch_running_fastest() -> None:
    """So that nothing is transposed from layer to layer: this is where the speed comes from."""
    images, weight = np.ones((5, 2, 6, 7)), np.ones((3, 2, 3, 3))
    output = F.conv2d(images, weight)
    pooled = F.avg_pool2d(output, (4, 5))
    activations = [
        output,
        F.relu(output),
        F.relu_backward(output, output),
        pooled,
        F.avg_pool2d_backward(pooled, output, (4, 5)),
    ]
    grads: Any = F.conv2d_backward(output, images, weight)
    grad_input, grad_weight, _ = grads
    for array in (*activations, grad_input):
        assert array.transpose(2, 3, 1, 0).flags.c_contiguous
    assert grad_weight.flags.c_contiguous


# --- the plan, and the layers that keep it --------------------------------------------------------


def plan_of(call: Call) -> Plan:
    options = {"stride": 1, "padding": 0, **call.options}
    return make_plan(call.inputs["input"], call.inputs["weight"], **options)


@given(call=CALLS["conv2d"])
def test_unfold_is_that_of_pytorch_in_another_order(call: Call) -> None:
    input, (kH, kW) = call.inputs["input"], call.inputs["weight"].shape[2:]
    stride, padding = call.options.get("stride", 1), call.options.get("padding", 0)
    columns = plan_of(call).unfold(input)  # (Ho, Wo, kH kW C + 1, N)
    Ho, Wo, _, N = columns.shape
    theirs = torch.nn.functional.unfold(
        torch.from_numpy(input), (kH, kW), padding=padding, stride=stride
    )  # (N, C kH kW, Ho Wo)
    np.testing.assert_array_equal(
        columns[:, :, :-1].reshape(Ho, Wo, kH, kW, -1, N).transpose(5, 4, 2, 3, 0, 1),
        theirs.numpy().reshape(N, -1, kH, kW, Ho, Wo),
    )
    assert (columns[:, :, -1] == 1).all()


@given(call=CALLS["conv2d"], again=CALLS["conv2d"])
def test_a_plan_keeps_nothing_of_the_call_before(call: Call, again: Call) -> None:
    """A layer that has seen other images of the shape, and of others, gives the same bits."""
    used, fresh = (layer_of(call) for _ in range(2))
    images, other = (
        call.inputs["input"],
        again.inputs["input"][:, :1].repeat(used.weight.data.shape[1], axis=1),
    )
    for before in (np.ones_like(images), other, -images):
        try:
            used.backward(used(before))
        except ValueError:  # smaller than the window
            continue
    np.testing.assert_array_equal(used(images), fresh(images))
    for parameter in (*used.parameters(), *fresh.parameters()):
        parameter.grad = None
    grads = [layer.backward(call.grad_output) for layer in (used, fresh)]
    np.testing.assert_array_equal(grads[0], grads[1])
    for mine, expected in zip(used.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(mine.grad, expected.grad)


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_of_a_layer_works_in_memory_of_its_own(clone: Any) -> None:
    layer, images = nn.Conv2d(2, 3, 3, stride=2, padding=1), np.ones((4, 2, 5, 6), np.float32)
    output = layer(images)
    other = clone(layer.plan)
    other.unfold(np.zeros_like(images))
    np.testing.assert_array_equal(layer.plan.columns[1, 1, :-1], 1)
    grad_input, again = layer.backward(output), copy.deepcopy(layer)
    np.testing.assert_array_equal(again(images), output)
    np.testing.assert_array_equal(again.backward(output), grad_input)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_backward_may_follow_in_a_copy(clone: Any) -> None:
    """As in the layers that keep their input itself."""
    layer = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    images = np.random.default_rng(0).normal(size=(4, 2, 5, 6)).astype(np.float32)
    output = layer(images)
    other = clone(layer)
    np.testing.assert_array_equal(other.backward(output), layer.backward(output))
    for mine, expected in zip(other.parameters(), layer.parameters(), strict=True):
        np.testing.assert_array_equal(mine.grad, expected.grad)


def test_a_layer_keeps_a_few_plans() -> None:
    layer = nn.Conv2d(1, 2, 3)
    for size in (6, 5, 4, 6, 3, 2):
        layer(np.ones((size, 1, 5, 6), np.float32))
    assert [shape[0] for shape, *_ in layer.plans.kept] == [5, 4, 3, 2]
    plan = layer.plan
    layer(np.ones((2, 1, 5, 6), np.float32))
    assert layer.plan is plan


def layer_of(call: Call) -> nn.Conv2d:
    weight = call.inputs["weight"]
    out, channels, *window = weight.shape
    layer = nn.Conv2d(channels, out, (window[0], window[1]), **call.options, dtype=np.float64)
    bias = call.inputs.get("bias", np.zeros(len(weight)))
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def test_each_thread_has_a_plan_of_its_own() -> None:
    layer, images = nn.Conv2d(1, 2, 3), np.ones((4, 1, 5, 6), np.float32)
    layer(images)
    plan = layer.plan
    with ThreadPoolExecutor(1) as pool:
        pool.submit(layer, images).result()
    assert layer.plan is not plan


@given(call=CALLS["conv2d"])
def test_the_layer_gives_what_the_function_gives(call: Call) -> None:
    layer = layer_of(call)
    np.testing.assert_array_equal(layer(call.inputs["input"]), call.forward(F))
    grad_input, grad_weight, *_ = call.backward(F)
    np.testing.assert_array_equal(layer.backward(call.grad_output), grad_input)
    np.testing.assert_array_equal(layer.weight.grad, grad_weight)
    assert layer.bias.grad is not None
    grad_bias = call.grad_output.sum(axis=(0, 2, 3))
    assert_close("gradient of bias", layer.bias.grad, grad_bias)
    assert layer.backward(call.grad_output, needs_input_grad=False) is None


def test_a_layer_has_stride_1_and_no_padding_by_default() -> None:
    assert nn.Conv2d(1, 2, 3)(np.zeros((4, 1, 5, 7), np.float32)).shape == (4, 2, 3, 5)


def test_padding_may_make_the_image_large_enough() -> None:
    layer = nn.Conv2d(1, 2, 3, padding=1)
    assert layer(np.zeros((4, 1, 2, 1), np.float32)).shape == (4, 2, 2, 1)
    assert layer.backward(np.zeros((4, 2, 2, 1), np.float32)).shape == (4, 1, 2, 1)


@pytest.mark.usefixtures("unchecked")
def test_a_layer_names_its_arguments() -> None:
    with pytest.raises(ValueError, match="Conv2d: stride is 0, expected at least 1"):
        nn.Conv2d(1, 2, 3, stride=0)
    with pytest.raises(ValueError, match=r"^Conv2d: padding is -1, expected at least 0"):
        nn.Conv2d(1, 2, 3, padding=-1)
    with pytest.raises(TypeError, match=r"Conv2d: kernel_size is 1.5, expected an int or a pair"):
        nn.Conv2d(1, 2, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"conv2d: weight has shape .* with C = 4 as input has"):
        nn.Conv2d(3, 2, 3)(np.zeros((2, 4, 5, 5), np.float32))
