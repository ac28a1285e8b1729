"""Mistakes in momentum_step, rmsprop_step and adamw_step."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any
Step = tuple[ndarray, ndarray]


@mistake(
    "momentum_step rmsprop_step adamw_step",
    "step-uphill",
    "The step goes up the gradient: a sign is wrong.",
    "In which direction does the loss become smaller?",
)
def uphill(right: Right, param: ndarray, *args: Any, **options: Any) -> Any:
    after, *state = right(param, *args, **options)
    return 2 * param - after, *state


@mistake(
    "momentum_step rmsprop_step adamw_step",
    "old-state-returned",
    "The state comes back as it went in; the next step will know nothing of this one.",
    "Which state does the next step start from?",
)
def old_state(right: Right, param: ndarray, grad: ndarray, *args: Any, **options: Any) -> Any:
    after, *state = right(param, grad, *args, **options)
    return after, *args[: len(state)]


@mistake(
    "momentum_step",
    "momentum-as-mean",
    "The gradient enters the velocity with 1 - momentum; PyTorch adds the whole gradient.",
    "By what is the gradient multiplied before it is added to the velocity?",
)
def momentum_mean(
    right: Right,
    param: ndarray,
    grad: ndarray,
    buffer: ndarray,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Step:
    velocity = momentum * buffer + (1 - momentum) * (grad + weight_decay * param)
    return param - lr * velocity, velocity


@mistake(
    "momentum_step",
    "velocity-contains-lr",
    "The velocity contains the learning rate: v = μ v - lr g, then p + v. PyTorch's is v = μ v + "
    "g, then p - lr v. Both walk the same way while lr stays the same.",
    "Where does the learning rate come in, before or after the velocity is kept?",
)
def velocity_with_lr(
    right: Right,
    param: ndarray,
    grad: ndarray,
    buffer: ndarray,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Step:
    velocity = momentum * buffer - lr * (grad + weight_decay * param)
    return param + velocity, velocity


@mistake(
    "momentum_step",
    "velocity-without-lr",
    "The velocity does not contain the learning rate: v = μ v + g, then p - lr v, as PyTorch has "
    "it. The course's is v = μ v - lr g, then p + v.",
    "Where does the learning rate come in, before or after the velocity is kept?",
)
def velocity_without_lr(
    right: Right,
    param: ndarray,
    grad: ndarray,
    buffer: ndarray,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Step:
    own = momentum * -lr * buffer + grad + weight_decay * param  # of a buffer of the course's
    return param - lr * own, own / -lr


@mistake(
    "momentum_step",
    "velocity-unused",
    "The step is a plain one along the gradient: the velocity is kept but not used.",
    "Along what does the parameter move, the gradient or the velocity?",
)
def velocity_unused(
    right: Right,
    param: ndarray,
    grad: ndarray,
    buffer: ndarray,
    lr: float,
    weight_decay: float = 0.0,
    **options: Any,
) -> Step:
    _, velocity = right(param, grad, buffer, lr, weight_decay=weight_decay, **options)
    return param - lr * (grad + weight_decay * param), velocity


@mistake(
    "momentum_step",
    "nesterov",
    "The step looks ahead: this is Nesterov's momentum.",
    "Is the gradient added once more to the velocity?",
)
def nesterov(
    right: Right,
    param: ndarray,
    grad: ndarray,
    buffer: ndarray,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Step:
    decayed = grad + weight_decay * param
    velocity = momentum * buffer + decayed
    return param - lr * (decayed + momentum * velocity), velocity


def rmsprop(
    param: ndarray,
    grad: ndarray,
    square_avg: ndarray,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    new: float | None = None,
    root: Any = lambda v, eps: np.sqrt(v) + eps,
    square: Any = np.square,
) -> Step:
    """RMSProp, with what people get wrong as arguments."""
    grad = grad + weight_decay * param
    square_avg = alpha * square_avg + (1 - alpha if new is None else new) * square(grad)
    with np.errstate(all="ignore"):
        return param - lr * grad / root(square_avg, eps), square_avg


for id, sentence, hint, change in (
    (
        "epsilon-inside-root",
        "Epsilon is added inside the square root; only small gradients show it.",
        "Try a gradient that is about as small as epsilon.",
        {"root": lambda v, eps: np.sqrt(v + eps)},
    ),
    (
        "root-missing",
        "The step is divided by the mean of the squares itself, not by its square root.",
        "RMSProp's step does not depend on the scale of the gradient. Does yours?",
        {"root": lambda v, eps: v + eps},
    ),
    (
        "second-moment-sums",
        "The new squared gradient enters the mean whole, not with its share.",
        "The weights of a running mean sum to 1.",
        {"new": 1.0},
    ),
    (
        "gradient-not-squared",
        "The running mean averages the gradient, not its square.",
        "What is the running mean a mean of?",
        {"square": lambda grad: grad},
    ),
):

    @mistake("rmsprop_step", id, sentence, hint)
    def wrong_rmsprop(right: Right, *args: Any, change: Any = change, **options: Any) -> Step:
        return rmsprop(*args, **{**options, **change})


@mistake(
    "rmsprop_step",
    "alpha-for-one-minus-alpha",
    "alpha and 1 - alpha are exchanged: the new gradient gets the large share.",
    "How much of a running mean of long memory is new?",
)
def alpha_complemented(right: Right, *args: Any, alpha: float = 0.99, **options: Any) -> Any:
    return right(*args, alpha=1 - alpha, **options)


@mistake(
    "adamw_step",
    "decay-in-gradient",
    "The decay is added to the gradient: this is Adam with L2. AdamW shrinks the parameter itself.",
    "Do the moments see the decay?",
)
def decay_in_gradient(
    right: Right,
    param: ndarray,
    grad: ndarray,
    *args: Any,
    weight_decay: float = 1e-2,
    **options: Any,
) -> Any:
    return right(param, grad + weight_decay * param, *args, weight_decay=0.0, **options)


@mistake(
    "adamw_step",
    "decay-counted-twice",
    "The decay shrinks the parameter and is added to the gradient, too.",
    "In which of the two places does AdamW decay?",
)
def decay_in_both(
    right: Right,
    param: ndarray,
    grad: ndarray,
    *args: Any,
    weight_decay: float = 1e-2,
    **options: Any,
) -> Any:
    decayed = grad + weight_decay * param
    return right(param, decayed, *args, weight_decay=weight_decay, **options)


@mistake(
    "adamw_step",
    "decay-without-lr",
    "The weight decay is not multiplied by the learning rate.",
    "By how much does the parameter shrink in a step?",
)
def decay_without_lr(
    right: Right, param: ndarray, *args: Any, weight_decay: float = 1e-2, **options: Any
) -> Any:
    after, *moments = right(param, *args, weight_decay=0.0, **options)
    return after - weight_decay * param, *moments


@mistake(
    "adamw_step",
    "step-counted-twice",
    "One is added to the step, which counts from 1 already.",
    "What is `step` at the first call?",
)
def step_counted_twice(
    right: Right, param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, step: int, **options: Any
) -> Any:
    return right(param, grad, exp_avg, exp_avg_sq, step + 1, **options)


@mistake(
    "adamw_step",
    "bias-correction-missing",
    "Neither moment is corrected for its start at 0: the first step is about 3.16 times as long as "
    "it should be.",
    "The moments start at 0 and are too small at first. What makes up for it?",
)
def not_corrected(
    right: Right,
    param: ndarray,
    *args: Any,
    lr: float = 1e-3,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    **options: Any,
) -> Any:
    _, mean, square = right(param, *args, lr=lr, weight_decay=weight_decay, **options)
    return (1 - lr * weight_decay) * param - lr * mean / (np.sqrt(square) + eps), mean, square
