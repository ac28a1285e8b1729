"""Mistakes in sgd_step and adam_step."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any
Moments = tuple[ndarray, ndarray, ndarray]
Betas = tuple[float, float]


@mistake(
    "sgd_step",
    "step-uphill",
    "The step goes up the gradient: a sign is wrong.",
    "In which direction does the loss become smaller?",
)
def uphill(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return 2 * param - right(param, grad, lr, weight_decay)


@mistake(
    "sgd_step",
    "lr-missing",
    "The gradient is subtracted whole: the learning rate is not used.",
    "Which argument is never used?",
)
def lr_missing(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return right(param, grad, 1.0, weight_decay)


@mistake(
    "sgd_step",
    "step-alone",
    "This is what should be subtracted, not what is left after it.",
    "The contract wants the new param back.",
)
def step_alone(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return param - right(param, grad, lr, weight_decay)


@mistake(
    "sgd_step",
    "decay-without-lr",
    "The weight decay is not multiplied by the learning rate.",
    "In PyTorch the decay is a part of the gradient. Which factor does it share with it?",
)
def decay_without_lr(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return right(param, grad, lr) - weight_decay * param


@mistake(
    "sgd_step",
    "decay-after-step",
    "The decay is taken of the parameter that has already moved.",
    "Which value of the parameter does the penalty's gradient belong to?",
)
def decay_after(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return right(param, grad, lr) * (1 - lr * weight_decay)


@mistake(
    "sgd_step",
    "decay-of-absolute-values",
    "The decay pulls by the sign of the weight: this is the gradient of an L1 penalty.",
    "What is the derivative of w²?",
)
def decay_l1(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return right(param, grad + weight_decay * np.sign(param), lr)


# The decay of every optimizer: right(param, grad, ..., weight_decay=λ)


def for_bias(param: Any) -> bool:
    """Whether a parameter is a bias."""
    return np.ndim(param) == 1


def decay_factor(id: str, factor: float, sentence: str, hint: str) -> None:
    """Enter the mistake of one factor before λ."""

    @mistake("sgd_step adam_step momentum_step rmsprop_step SGD Adam", id, sentence, hint)
    def wrong(right: Right, *args: Any, weight_decay: float = 0.0, **options: Any) -> Any:
        return right(*args, weight_decay=factor * weight_decay, **options)


decay_factor(
    "decay-missing",
    0.0,
    "The weight decay is not there.",
    "Which argument is never used?",
)
decay_factor(
    "decay-doubled",
    2.0,
    "The weight decay counts twice: 2λ, where PyTorch adds λ times the parameter to the gradient.",
    "Is the penalty λ‖p‖² or (λ/2)‖p‖²? If the former is your convention, say --l2-half.",
)
decay_factor(
    "decay-halved",
    0.5,
    "Only half of the weight decay is there.",
    "What is the derivative of (λ/2) w²?",
)
DECAY_SIGN = (
    "decay-sign",
    "The weight decay has the wrong sign: weights grow.",
    "In which direction should the decay pull?",
)


@mistake("sgd_step", *DECAY_SIGN)
def decay_sign(
    right: Right, param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0
) -> ndarray:
    return right(param, grad, lr) + lr * weight_decay * param


@mistake(
    "sgd_step adam_step momentum_step rmsprop_step adamw_step",
    "bias-not-decayed",
    "A bias is not decayed; PyTorch decays every parameter that the optimizer is given.",
    "Which parameters does the weight decay leave out?",
)
def bias_not_decayed(
    right: Right, param: ndarray, *args: Any, weight_decay: float = 0.0, **options: Any
) -> Any:
    decay = 0.0 if for_bias(param) else weight_decay
    return right(param, *args, weight_decay=decay, **options)


@mistake(
    "adam_step",
    "decay-decoupled",
    "The decay is taken off the parameter directly: this is AdamW. Adam adds λ times the parameter "
    "to the gradient.",
    "At which point does the decay enter: before or after the moments?",
)
def decoupled(
    right: Right,
    param: ndarray,
    *args: Any,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    **options: Any,
) -> Any:
    return right(param * (1 - lr * weight_decay), *args, lr=lr, **options)


@mistake(
    "adam_step",
    "step-uphill",
    "The step goes up the gradient: a sign is wrong.",
    "In which direction does the loss become smaller?",
)
def adam_uphill(right: Right, param: ndarray, *args: Any, **options: Any) -> Any:
    after, *moments = right(param, *args, **options)
    return 2 * param - after, *moments


def adam(
    param: ndarray,
    grad: ndarray,
    exp_avg: ndarray,
    exp_avg_sq: ndarray,
    step: int,
    lr: float = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    corrections: tuple[bool, bool] = (True, True),
    denominator: Any = lambda v, eps: np.sqrt(v) + eps,
    new_grad: tuple[bool, bool] = (False, False),
    square: Any = np.square,
    hat: bool = False,
) -> Moments:
    """Adam, with what people get wrong as arguments."""
    grad = grad + weight_decay * param
    beta1, beta2 = betas
    share1 = 1 if new_grad[0] else 1 - beta1
    share2 = 1 if new_grad[1] else 1 - beta2
    exp_avg = beta1 * exp_avg + share1 * grad
    exp_avg_sq = beta2 * exp_avg_sq + share2 * square(grad)
    with np.errstate(all="ignore"):
        m = exp_avg / (1 - np.float64(beta1) ** step) if corrections[0] else exp_avg
        v = exp_avg_sq / (1 - np.float64(beta2) ** step) if corrections[1] else exp_avg_sq
        param = param - lr * m / denominator(v, eps)
    return (param, m, v) if hat else (param, exp_avg, exp_avg_sq)


def adam_with(change: dict[str, Any]) -> Any:
    """An adam_step with one thing changed."""

    def wrong(right: Right, *args: Any, **options: Any) -> Moments:
        return adam(*args, **{**options, **change})

    return wrong


BIAS = "The moments start at 0 and are too small at first. What makes up for it?"
EPSILON = "Try a gradient that is about as small as epsilon: does it step as in the paper?"

for id, sentence, hint, change in (
    (
        "bias-correction-missing",
        "Neither moment is corrected for its start at 0: the first step is about 3.16 times as "
        "long as it should be.",
        BIAS,
        {"corrections": (False, False)},
    ),
    (
        "first-moment-not-corrected",
        "The first moment is not corrected for its start at 0.",
        BIAS,
        {"corrections": (False, True)},
    ),
    (
        "second-moment-not-corrected",
        "The second moment is not corrected for its start at 0.",
        BIAS,
        {"corrections": (True, False)},
    ),
    (
        "epsilon-inside-root",
        "Epsilon is added inside the square root; only small gradients show it.",
        EPSILON,
        {"denominator": lambda v, eps: np.sqrt(v + eps)},
    ),
    (
        "epsilon-inside-root",
        "The square of epsilon is added inside the square root; only small gradients show it.",
        EPSILON,
        {"denominator": lambda v, eps: np.sqrt(v + eps**2)},
    ),
    (
        "epsilon-missing",
        "Epsilon is not there: where the gradient is 0, 0 / 0 gives NaN.",
        "What keeps the denominator from 0?",
        {"denominator": lambda v, eps: np.sqrt(v)},
    ),
    (
        "root-missing",
        "The step is divided by the second moment itself, not by its square root.",
        "Adam's step does not depend on the scale of the gradient. Does yours?",
        {"denominator": lambda v, eps: v + eps},
    ),
    (
        "gradient-not-squared",
        "The second moment averages the gradient, not its square.",
        "What is the second moment a mean of?",
        {"square": lambda grad: grad},
    ),
    (
        "first-moment-sums",
        "The new gradient enters the first moment whole, not with its share of a mean.",
        "The weights of a running mean sum to 1.",
        {"new_grad": (True, False)},
    ),
    (
        "second-moment-sums",
        "The new squared gradient enters the second moment whole, not with its share of a mean.",
        "The weights of a running mean sum to 1.",
        {"new_grad": (False, True)},
    ),
    (
        "moments-sum",
        "New gradients enter both moments whole, not with their share of a mean.",
        "The weights of a running mean sum to 1.",
        {"new_grad": (True, True)},
    ),
    (
        "corrected-moments-kept",
        "The corrected moments are handed on, so they will be corrected again at the next step.",
        "Which moments does the next step start from?",
        {"hat": True},
    ),
):
    mistake("adam_step", id, sentence, hint)(adam_with(change))


@mistake("adam_step", *DECAY_SIGN)
def adam_decay_sign(right: Right, *args: Any, weight_decay: float = 0.0, **options: Any) -> Any:
    return adam(*args, **{**options, "weight_decay": -weight_decay})


@mistake(
    "adam_step",
    "step-from-0",
    "The step is counted from 0: at the first one the correction divides 0 by 0.",
    "What is 1 - beta ** step at the first step?",
)
def step_from_zero(
    right: Right, param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, step: int, **options: Any
) -> Moments:
    return adam(param, grad, exp_avg, exp_avg_sq, step - 1, **options)


@mistake(
    "adam_step",
    "step-counted-twice",
    "One is added to the step, which counts from 1 already.",
    "What is `step` at the first call?",
)
def step_counted_twice(
    right: Right, param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, step: int, **options: Any
) -> Moments:
    return right(param, grad, exp_avg, exp_avg_sq, step + 1, **options)


@mistake(
    "adam_step",
    "epsilon-before-correction",
    "Epsilon is added to the root of the second moment before its correction, not after it.",
    "To which of the two roots is epsilon added, that of v or that of v corrected?",
)
def epsilon_hat(
    right: Right,
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: int,
    eps: float = 1e-8,
    **options: Any,
) -> Moments:
    root = math.sqrt(1 - options.get("betas", (0.9, 0.999))[1] ** step)
    return adam(param, grad, exp_avg, exp_avg_sq, step, eps=eps / root, **options)


@mistake(
    "adam_step",
    "betas-swapped",
    "The two betas are used in each other's place.",
    "Which of the moments has the longer memory?",
)
def betas_swapped(right: Right, *args: Any, betas: Betas = (0.9, 0.999), **options: Any) -> Any:
    return right(*args, betas=betas[::-1], **options)


@mistake(
    "adam_step",
    "beta-for-one-minus-beta",
    "beta and 1 - beta are exchanged: the new gradient gets the large share.",
    "How much of a running mean of long memory is new?",
)
def betas_complemented(
    right: Right, *args: Any, betas: Betas = (0.9, 0.999), **options: Any
) -> Any:
    return right(*args, betas=(1 - betas[0], 1 - betas[1]), **options)


@mistake(
    "adam_step",
    "old-moments-returned",
    "The moments come back as they went in; the next step will know nothing of this one.",
    "Which moments does the next step start from?",
)
def old_moments(
    right: Right, param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, step: int, **options: Any
) -> Any:
    return right(param, grad, exp_avg, exp_avg_sq, step, **options)[0], exp_avg, exp_avg_sq
