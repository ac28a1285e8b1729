"""Half-mistakes: a step of which a part is right, and a part is not."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.gradients import BACKWARDS, FORWARDS, LOSS, batch_of, each
from parity.checking.catalogue.mistake import mistake

Right = Any
Moments = tuple[ndarray, ndarray, ndarray]


@mistake(
    "linear_backward conv2d_backward",
    "grad-bias-the-same-everywhere",
    "The gradient of the bias has its shape, but every number of it is the sum over everything.",
    "How many sums are there to take, and over which axes each?",
)
def same_everywhere(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Any:
    grad_input, grad_weight, grad_bias = right(grad_output, *args, **options)
    return grad_input, grad_weight, np.full_like(grad_bias, grad_output.sum())


@mistake(
    "conv2d_backward",
    "last-example-only",
    "The gradient of the weight is that of the last image; the others are lost.",
    "Is the result of one turn of the loop added to the one before?",
)
def last_image(
    right: Right, grad_output: ndarray, input: ndarray, *args: Any, **options: Any
) -> Any:
    grad_input, _, grad_bias = right(grad_output, input, *args, **options)
    _, grad_weight, _ = right(grad_output[-1:], input[-1:], *args, **options)
    return grad_input, grad_weight, grad_bias


@mistake(
    "conv2d_backward",
    "last-position-only",
    "The gradient of the weight is that of the last position of the window; the others are lost.",
    "Is the result of one turn of the loop added to the one before?",
)
def last_position(right: Right, grad_output: ndarray, *args: Any, **options: Any) -> Any:
    grad_input, _, grad_bias = right(grad_output, *args, **options)
    last = np.zeros_like(grad_output)
    last[..., -1, -1] = grad_output[..., -1, -1]
    _, grad_weight, _ = right(last, *args, **options)
    return grad_input, grad_weight, grad_bias


def moments_of(which: tuple[bool, bool]) -> Any:
    """An AdamW whose moments include the decay, those that `which` says."""

    def wrong(
        right: Right,
        param: ndarray,
        grad: ndarray,
        exp_avg: ndarray,
        exp_avg_sq: ndarray,
        step: int,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> Moments:
        decayed = grad + weight_decay * param
        first, second = (decayed if one else grad for one in which)
        exp_avg = betas[0] * exp_avg + (1 - betas[0]) * first
        exp_avg_sq = betas[1] * exp_avg_sq + (1 - betas[1]) * second * second
        mean, square = exp_avg / (1 - betas[0] ** step), exp_avg_sq / (1 - betas[1] ** step)
        kept = 1.0 if which[0] else 1 - lr * weight_decay
        return kept * param - lr * mean / (np.sqrt(square) + eps), exp_avg, exp_avg_sq

    return wrong


mistake(
    "adamw_step",
    "decay-in-second-moment",
    "The decay is kept out of the first moment, but the second one includes it.",
    "Which gradient does each of the two moments see?",
)(moments_of((False, True)))

mistake(
    "adam_step",
    "decay-in-one-moment",
    "The first moment includes the decay, the second does not.",
    "Which gradient does each of the two moments see?",
)(moments_of((True, False)))


def cut_off(rows: int) -> None:
    """Enter the mistake of a buffer of so many rows."""

    @mistake(
        f"{FORWARDS} {BACKWARDS}",
        f"nothing-beyond-{rows}-rows",
        f"Rows beyond the first {rows} come back as 0.",
        "Is there a size in your code that the batch does not have?",
    )
    def zeros_beyond(right: Right, *args: Any, **options: Any) -> Any:
        def cut(array: ndarray) -> ndarray:
            array = array.copy()
            if np.ndim(array) and len(array) == batch and batch > rows:
                array[rows:] = 0
            return array

        batch = len(batch_of(args)) if any(np.ndim(arg) > 1 for arg in args) else 0
        return each(right(*args, **options), cut)

    @mistake(
        LOSS,
        f"nothing-beyond-{rows}-rows",
        f"Rows beyond the first {rows} are left out.",
        "Is there a size in your code that the batch does not have?",
    )
    def left_out(right: Right, input: ndarray, target: ndarray, **options: Any) -> Any:
        return right(input[:rows], target[:rows], **options)


for rows in (64, 128):
    cut_off(rows)
