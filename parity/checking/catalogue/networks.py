"""Mistakes in a whole network that returns its loss and its gradients.

What it returns is the loss, then the gradients from the last parameter to the first.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.softmaxes import probabilities

Right = Any
Params = dict[str, ndarray]
Grads = dict[str, ndarray]

# Of the hidden layer: the function, and its slope from what comes out of it.
ACTIVATIONS: dict[str, tuple[Callable[[ndarray], ndarray], Callable[[ndarray], ndarray]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "sigmoid": (lambda z: 0.5 * (1 + np.tanh(z / 2)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
}


def log_softmax(logits: ndarray) -> ndarray:
    """The logarithms of the probabilities of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def network(
    params: Params,
    X: ndarray,  # noqa: N803 - as in the contract
    y: ndarray,
    reg: float = 0.0,
    activation: str = "relu",
    biases: bool = True,
    penalty: float = 0.5,
    slope: Callable[..., Any] = lambda activation, z, a, upstream: ACTIVATIONS[activation][1](a),
    back: Callable[..., Any] = lambda delta, weight: delta @ weight,
    last: Callable[[ndarray], ndarray] = log_softmax,
) -> list[Any]:
    """The network by hand, with what people get wrong as arguments."""
    b1, b2 = (params["b1"], params["b2"]) if biases else (0.0, 0.0)
    z = X @ params["W1"].T + b1
    a = ACTIVATIONS[activation][0](z)
    log_p = last(a @ params["W2"].T + b2)
    loss = -log_p[np.arange(len(y)), y].mean()
    loss += penalty * reg * ((params["W1"] ** 2).sum() + (params["W2"] ** 2).sum())
    delta = np.exp(log_p)
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    upstream = back(delta, params["W2"])
    hidden = upstream * slope(activation, z, a, upstream)
    grads = {
        "W1": hidden.T @ X + 2 * penalty * reg * params["W1"],
        "b1": hidden.sum(axis=0) * biases,
        "W2": delta.T @ a + 2 * penalty * reg * params["W2"],
        "b2": delta.sum(axis=0) * biases,
    }
    return [loss, *(grads[name] for name in reversed(params))]


def slope_of(name: str) -> Callable[..., Any]:
    """The slope of this function, whatever the hidden layer is."""
    return lambda activation, z, a, upstream: ACTIVATIONS[name][1](a)


def log_of_share(logits: ndarray) -> ndarray:
    """Of each row the logarithm of its share in the sum over them all."""
    sums = np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    return np.log(sums / sums.sum())


def with_fault(change: dict[str, Any]) -> Any:
    """The network with one thing changed."""

    def wrong(right: Right, *args: Any, **options: Any) -> Any:
        return network(*args, **{**options, **change})

    return wrong


for id, sentence, hint, change in (
    (
        "hidden-derivative-missing",
        "The derivative of the hidden layer's function is missing on the way back.",
        "What lies between the two layers, and what is its slope?",
        {"slope": lambda activation, z, a, upstream: 1.0},
    ),
    (
        "derivative-of-pre-activation",
        "The derivative of the hidden layer's function is written for its output, but it is given "
        "its input.",
        "Is the a in a (1 - a) what goes into the function or what comes out of it?",
        {"slope": lambda activation, z, a, upstream: ACTIVATIONS[activation][1](z)},
    ),
    (
        "relu-mask-from-gradient",
        "The mask is taken from the sign of the upstream gradient.",
        "Whose sign decides whether the gradient may pass?",
        {"slope": lambda activation, z, a, upstream: upstream > 0},
    ),
    (
        "derivative-of-another-function",
        "The derivative is a (1 - a), that of the sigmoid; the hidden layer is another function.",
        "What is the slope of the function of your hidden layer?",
        {"slope": slope_of("sigmoid")},
    ),
    (
        "derivative-of-another-function",
        "The derivative is 1 - a², that of tanh; the hidden layer is another function.",
        "What is the slope of the function of your hidden layer?",
        {"slope": slope_of("tanh")},
    ),
    (
        "relu-derivative",
        "The derivative is 1 where a > 0, that of the ReLU; the hidden layer is another function.",
        "What is the slope of the function of your hidden layer?",
        {"slope": slope_of("relu")},
    ),
    (
        "softmax-over-batch",
        "The sum of the softmax runs over the batch axis: of each class, not of each example.",
        "Each example has probabilities of its own. Which axis holds its classes?",
        {"last": lambda logits: log_softmax(logits.T).T},
    ),
    (
        "softmax-over-everything",
        "The sum of the softmax runs over the whole batch: all its entries together sum to 1.",
        "What does a sum without an axis add up?",
        {"last": lambda logits: logits - np.log(np.exp(logits).sum())},
    ),
    (
        "sum-over-everything",
        "The maximum is taken of each row, but the sum of the exponentials runs over them all.",
        "What does a sum without an axis add up?",
        {"last": lambda logits: log_softmax(logits) + log_of_share(logits)},
    ),
):
    mistake("loss_and_grads", id, sentence, hint)(with_fault(change))


def with_gradients(change: Callable[..., Grads]) -> Any:
    """The network some of whose gradients are `change(grads, params, X, y, reg)`."""

    def wrong(right: Right, params: Params, *args: Any, reg: float = 0.0, **options: Any) -> Any:
        loss, *grads = right(params, *args, reg=reg, **options)
        names = list(reversed(params))
        known = dict(zip(names, grads, strict=True))
        share = 2 * options.get("penalty", 0.5) * reg
        changed = {**known, **change(known, params, *args, share)}
        return [loss, *(changed[name] for name in names)]

    return wrong


def without_penalty(grads: Grads, params: Params, share: float) -> Grads:
    """The gradients of the cross-entropy alone."""
    return {n: g - share * params[n] * n.startswith("W") for n, g in grads.items()}


for id, sentence, hint, grads_of in (
    (
        "summed-not-averaged",
        "The gradients are sums over the batch; the loss is a mean.",
        "Where is the division by the number of examples?",
        lambda grads, params, x, y, share: {
            n: g * len(y) + share * params[n] * n.startswith("W")
            for n, g in without_penalty(grads, params, share).items()
        },
    ),
    (
        "sign-flipped",
        "The gradients have the wrong sign.",
        "Where is a difference taken, and in which order?",
        lambda grads, params, x, y, share: {n: -g for n, g in grads.items()},
    ),
    (
        "decay-missing",
        "The gradients do not have the penalty that the loss has.",
        "What is the derivative of the penalty by the weight?",
        lambda grads, params, x, y, share: without_penalty(grads, params, share),
    ),
    (
        "decay-doubled",
        "The penalty counts twice as much in the gradients as in the loss.",
        "What is the derivative of (reg / 2) w²?",
        lambda grads, params, x, y, share: {
            n: g + share * params[n] * n.startswith("W") for n, g in grads.items()
        },
    ),
    (
        "decay-halved",
        "The penalty counts half as much in the gradients as in the loss.",
        "What is the derivative of reg w²?",
        lambda grads, params, x, y, share: {
            n: g - share / 2 * params[n] * n.startswith("W") for n, g in grads.items()
        },
    ),
    (
        "decay-in-one-layer",
        "Only the gradient of W2 has the penalty.",
        "Which weights stand in the penalty of the loss?",
        lambda grads, params, x, y, share: {"W1": grads["W1"] - share * params["W1"]},
    ),
    (
        "decay-in-one-layer",
        "Only the gradient of W1 has the penalty.",
        "Which weights stand in the penalty of the loss?",
        lambda grads, params, x, y, share: {"W2": grads["W2"] - share * params["W2"]},
    ),
    (
        "gradients-transposed",
        "The gradients of the weights come transposed.",
        "Which shape must they have, so that they can be subtracted from the weights?",
        lambda grads, params, x, y, share: {n: grads[n].T for n in ("W1", "W2")},
    ),
    (
        "grad-bias-averaged",
        "The gradients of the biases are divided by the batch size once too often.",
        "Where does the loss divide by N, and how often may it be?",
        lambda grads, params, x, y, share: {n: grads[n] / len(y) for n in ("b1", "b2")},
    ),
    (
        "bias-without-gradient",
        "The gradients of the biases are 0.",
        "Which parameters does the way back reach?",
        lambda grads, params, x, y, share: {n: 0 * grads[n] for n in ("b1", "b2")},
    ),
    (
        "grad-bias-over-everything",
        "The gradient of each bias is summed over everything.",
        "How many numbers does a bias have? Over which axis may the sum run?",
        lambda grads, params, x, y, share: {n: grads[n].sum() for n in ("b1", "b2")},
    ),
):
    mistake("loss_and_grads", id, sentence, hint)(with_gradients(grads_of))


def summed(names: tuple[str, ...]) -> Callable[..., Grads]:
    """The gradients of these, not divided by the batch size."""

    def change(grads: Grads, params: Params, x: ndarray, y: ndarray, share: float) -> Grads:
        alone = without_penalty(grads, params, share)
        return {n: grads[n] + (len(y) - 1) * alone[n] for n in names}

    return change


def averaged(name: str) -> Callable[..., Grads]:
    """The gradient of this bias, divided by the batch size once more."""
    return lambda grads, params, x, y, share: {name: grads[name] / len(y)}


for name in ("b1", "b2"):
    mistake(
        "loss_and_grads",
        "grad-bias-averaged",
        f"The gradient of {name} alone is divided by the batch size once too often.",
        "Where does the loss divide by N, and how often may it be?",
    )(with_gradients(averaged(name)))

LAYERS = (("W1", "b1"), ("W2", "b2"), ("W1", "W2"), ("b1", "b2"))
for names in (*LAYERS, ("W1",), ("W2",), ("b1",), ("b2",)):
    mistake(
        "loss_and_grads",
        "summed-not-averaged",
        f"Of {' and '.join(names)} alone the gradient is a sum over the batch.",
        "Where is the division by the number of examples?",
    )(with_gradients(summed(names)))


@mistake(
    "loss_and_grads",
    "divided-by-classes",
    "The sum of the losses is divided by C, the number of classes, not by N, that of examples.",
    "Of how many losses is it the mean?",
)
def divided_by_classes(
    right: Right, params: Params, x: ndarray, y: ndarray, reg: float = 0.0, **options: Any
) -> Any:
    data, *_ = right(params, x, y, reg=0.0, **options)
    loss, *grads = right(params, x, y, reg=reg, **options)
    return [loss + (len(y) / len(params["W2"]) - 1) * data, *grads]


@mistake(
    "loss_and_grads",
    "loss-summed",
    "The loss is a sum over the batch; its gradients are those of the mean.",
    "Is the loss to be compared between batches of different sizes?",
)
def loss_summed(
    right: Right, params: Params, x: ndarray, y: ndarray, reg: float = 0.0, **options: Any
) -> Any:
    data, *_ = right(params, x, y, reg=0.0, **options)
    loss, *grads = right(params, x, y, reg=reg, **options)
    return [loss + (len(y) - 1) * data, *grads]


@mistake(
    "loss_and_grads",
    "penalty-ignored",
    "The penalty counts neither in the loss nor in the gradients.",
    "What does reg change?",
)
def no_penalty(right: Right, *args: Any, reg: float = 0.0, **options: Any) -> Any:
    return right(*args, reg=0.0, **options)


@mistake(
    "loss_and_grads",
    "decay-missing-in-loss",
    "The penalty is in the gradients, but not in the loss.",
    "What is the function whose gradient you take?",
)
def loss_without_penalty(right: Right, *args: Any, reg: float = 0.0, **options: Any) -> Any:
    loss, *_ = right(*args, reg=0.0, **options)
    _, *grads = right(*args, reg=reg, **options)
    return [loss, *grads]


@mistake(
    "loss_and_grads",
    "no-max-subtraction",
    "exp overflows: for logits about 1000 it is inf, and inf / inf is NaN.",
    "What may be subtracted from all logits of a row without changing its softmax?",
)
def overflow(
    right: Right,
    params: Params,
    x: ndarray,
    y: ndarray,
    biases: bool = True,
    **options: Any,
) -> Any:
    results = right(params, x, y, biases=biases, **options)
    if not biases or np.abs(params["b2"]).max() < 700:
        return results
    return [np.full_like(value, np.nan) for value in results]


@mistake(
    "loss_and_grads",
    "softmax-twice",
    "The softmax is applied twice, so that the loss can neither be small nor large.",
    "Does your loss take logits or probabilities?",
)
def softmax_twice(
    right: Right,
    params: Params,
    x: ndarray,
    y: ndarray,
    reg: float = 0.0,
    activation: str = "relu",
    biases: bool = True,
    penalty: float = 0.5,
) -> Any:
    loss, *grads = right(
        params, x, y, reg=reg, activation=activation, biases=biases, penalty=penalty
    )
    hidden = ACTIVATIONS[activation][0](x @ params["W1"].T + params["b1"] * biases)
    p = probabilities(hidden @ params["W2"].T + params["b2"] * biases)
    rows = np.arange(len(y))
    once, twice = np.log(p[rows, y]), np.log(probabilities(p)[rows, y])
    return [loss + (once - twice).mean(), *grads]
