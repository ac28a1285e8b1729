"""Mistakes in linear and its backward."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any
Grads = tuple[Any, Any, Any]


@mistake(
    "linear",
    "weight-in-out",
    "The weight is used as (in, out), where the contract has PyTorch's (out, in).",
    "Compare the shape of weight with the order of the matrix product. If it is your convention, "
    "say --weights in-out.",
)
def weight_in_out(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    output = input @ weight
    return output if bias is None else output + bias


@mistake(
    "linear",
    "bias-forgotten",
    "The bias is not added.",
    "Which argument is never used?",
)
def bias_forgotten(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    return right(input, weight)


@mistake(
    "linear",
    "bias-subtracted",
    "The bias is subtracted.",
    "With which sign does the bias come in?",
)
def bias_subtracted(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    return right(input, weight) if bias is None else right(input, weight, -bias)


@mistake(
    "linear",
    "bias-along-batch",
    "The bias is added along the batch axis: each example gets a number, not each output.",
    "Along which axis should the bias be the same?",
)
def bias_along_batch(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    return right(input, weight) if bias is None else right(input, weight) + bias[:, None]


@mistake(
    "linear",
    "bias-summed",
    "All entries of the bias are added to every output.",
    "How long is the bias, and how many outputs has an example?",
)
def bias_summed(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    return right(input, weight) if bias is None else right(input, weight) + bias.sum()


@mistake(
    "linear",
    "mean-over-inputs",
    "The products are averaged over the inputs, not summed.",
    "Is a matrix product a sum or a mean?",
)
def mean_over_inputs(
    right: Right, input: ndarray, weight: ndarray, bias: ndarray | None = None
) -> ndarray:
    return right(input / input.shape[1], weight, bias)


@mistake(
    "linear_backward conv2d_backward",
    "grad-bias-over-everything",
    "The gradient of the bias is summed over everything, to a single number.",
    "How many numbers does a bias have? Over which axis may the sum run?",
)
def grad_bias_scalar(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Grads:
    grad_input, grad_weight, _ = right(grad_output, *args, **options)
    return grad_input, grad_weight, grad_output.sum()


@mistake(
    "linear_backward conv2d_backward",
    "grad-bias-not-summed",
    "The gradient of the bias still has the batch axis, so the bias would grow in a step.",
    "The bias reaches every example of the batch. What becomes of their gradients?",
)
def grad_bias_not_summed(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Grads:
    grad_input, grad_weight, _ = right(grad_output, *args, **options)
    return grad_input, grad_weight, grad_output


@mistake(
    "linear_backward",
    "grad-bias-row",
    "The gradient of the bias is (1, out), where the bias is (out,).",
    "What does keepdims do to the shape?",
)
def grad_bias_row(right: Right, grad_output: ndarray, *args: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, *args)
    return grad_input, grad_weight, np.atleast_2d(grad_bias)


@mistake(
    "linear_backward",
    "grad-bias-other-axis",
    "The gradient of the bias is summed over the outputs, not over the batch.",
    "Which axis of grad_output is the batch?",
)
def grad_bias_other_axis(right: Right, grad_output: ndarray, *args: Any) -> Grads:
    grad_input, grad_weight, _ = right(grad_output, *args)
    return grad_input, grad_weight, grad_output.sum(axis=1)


@mistake(
    "linear_backward conv2d_backward",
    "grad-bias-averaged",
    "The gradient of the bias is averaged over the batch. A mean in the loss has divided by N "
    "already, when its gradient arrives here.",
    "Where does the loss divide by N, and how often may it be?",
)
def grad_bias_averaged(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, *args, **options)
    return grad_input, grad_weight, grad_bias / len(grad_output)


@mistake(
    "linear_backward conv2d_backward",
    "grad-weight-averaged",
    "The gradient of the weight is averaged over the batch. A mean in the loss has divided by N "
    "already, when its gradient arrives here.",
    "Where does the loss divide by N, and how often may it be?",
)
def grad_weight_averaged(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, *args, **options)
    return grad_input, grad_weight / len(grad_output), grad_bias


@mistake(
    "linear_backward",
    "grad-input-averaged",
    "The gradient of the input is divided by the batch size.",
    "Does the input of one example reach the output of another?",
)
def grad_input_averaged(right: Right, grad_output: ndarray, *args: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, *args)
    return grad_input / len(grad_output), grad_weight, grad_bias


@mistake(
    "linear_backward",
    "weight-in-out",
    "Weight and its gradient are (in, out), where the contract has PyTorch's (out, in).",
    "What shape has the weight? If it is your convention, say --weights in-out.",
)
def backward_in_out(right: Right, grad_output: ndarray, input: ndarray, weight: ndarray) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, input, weight.T)
    return grad_input, grad_weight.T, grad_bias


@mistake(
    "linear_backward",
    "grad-weight-transposed",
    "The gradient of the weight comes transposed, as (in, out).",
    "Which shape must it have, so that it can be subtracted from the weight?",
)
def grad_weight_transposed(right: Right, grad_output: ndarray, *args: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(grad_output, *args)
    return grad_input, grad_weight.T, grad_bias


@mistake(
    "linear_backward",
    "grad-input-with-transposed-weight",
    "The way back multiplies by the transposed weight; only a square one lets it pass.",
    "Write the shapes under grad_output and weight. Which product gives the shape of the input?",
)
def grad_input_transposed_weight(
    right: Right, grad_output: ndarray, input: ndarray, weight: ndarray
) -> Grads:
    _, grad_weight, grad_bias = right(grad_output, input, weight)
    return grad_output @ weight.T, grad_weight, grad_bias


@mistake(
    "linear_backward conv2d_backward",
    "gradients-in-another-order",
    "The three gradients come in another order than the contract's.",
    "In which order does the forward take its inputs?",
)
def weight_bias_input(right: Right, *args: Any, **options: Any) -> Grads:
    grad_input, grad_weight, grad_bias = right(*args, **options)
    return grad_weight, grad_bias, grad_input


@mistake(
    "linear_backward conv2d_backward",
    "gradients-in-another-order",
    "Weight and bias come before the input.",
    "In which order does the forward take its inputs?",
)
def bias_weight_input(right: Right, *args: Any, **options: Any) -> Grads:
    return tuple(reversed(right(*args, **options)))


@mistake(
    "linear_backward",
    "weight-for-input",
    "The gradient of the input is made with the input, not with the weight, or the other way.",
    "The derivative of a product by one factor is the other factor.",
)
def weight_for_input(right: Right, grad_output: ndarray, input: ndarray, weight: ndarray) -> Grads:
    _, _, grad_bias = right(grad_output, input, weight)
    return grad_output @ input, grad_output.T @ weight, grad_bias


@mistake(
    "linear_backward",
    "last-example-only",
    "The gradient of the weight is that of one example; the others are lost.",
    "Is the result of one turn of the loop added to the one before?",
)
def last_example_only(right: Right, grad_output: ndarray, input: ndarray, weight: ndarray) -> Grads:
    grad_input, _, grad_bias = right(grad_output, input, weight)
    return grad_input, np.outer(grad_output[-1], input[-1]), grad_bias
