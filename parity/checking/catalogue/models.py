"""Mistakes in the model classes: what a wrong forward or backward would leave behind.

A model's results are its state as loaded, the logits, and the gradients from the last parameter to
the first.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.softmaxes import probabilities

Right = Any
State = dict[str, ndarray]
EVERY = "SoftmaxRegression FeedForward ConvNet"


def sigma(z: ndarray) -> ndarray:
    """The logistic function."""
    return 0.5 * (1 + np.tanh(z / 2))


@mistake(
    EVERY,
    "softmax-in-forward",
    "The model returns probabilities; the softmax belongs to the loss, which takes logits.",
    "Should the results of a row sum to 1 here?",
)
def softmax_in_forward(
    right: Right, sizes: Any, state: State, input: ndarray, grad_logits: ndarray
) -> Any:
    after = list(right(sizes, state, input, grad_logits))
    after[len(state)] = probabilities(after[len(state)])
    return after


def with_gradients(change: Any) -> Any:
    """A model some of whose gradients are `change(gradients, batch_size)`."""

    def wrong(right: Right, sizes: Any, state: State, input: ndarray, grad_logits: ndarray) -> Any:
        after = list(right(sizes, state, input, grad_logits))
        first = len(state) + 1
        names = list(reversed(state))
        grads = dict(zip(names, after[first:], strict=True))
        changed = {**grads, **change(grads, len(input))}
        return [*after[:first], *(changed[name] for name in names)]

    return wrong


for id, sentence, hint, change in (
    (
        "divided-by-batch-size",
        "All gradients are divided by the batch size; grad_logits, the gradient of a mean, has it "
        "in itself already.",
        "Where does the loss divide by N, and how often may it be?",
        lambda grads, batch: {name: grad / batch for name, grad in grads.items()},
    ),
    (
        "bias-without-gradient",
        "The biases' gradients are 0.",
        "Which parameters does backward reach?",
        lambda grads, batch: {n: 0 * g for n, g in grads.items() if n.endswith("bias")},
    ),
    (
        "gradients-transposed",
        "The gradients of the weights come transposed.",
        "Which shape must they have, so that they can be subtracted from the weights?",
        lambda grads, batch: {n: g.T for n, g in grads.items() if n.endswith("weight")},
    ),
    (
        "sign-flipped",
        "The gradients have the wrong sign.",
        "Where is a difference taken, and in which order?",
        lambda grads, batch: {name: -grad for name, grad in grads.items()},
    ),
):
    mistake(EVERY, id, sentence, hint)(with_gradients(change))


@mistake(
    EVERY,
    "bias-not-loaded",
    "load_state_dict leaves the biases as they were.",
    "Which entries of the state are copied?",
)
def bias_not_loaded(
    right: Right, sizes: Any, state: State, input: ndarray, grad_logits: ndarray
) -> Any:
    unbiased = {n: 0 * data if n.endswith("bias") else data for n, data in state.items()}
    return right(sizes, unbiased, input, grad_logits)


@mistake(
    "SoftmaxRegression",
    "bias-forgotten",
    "The bias is not added.",
    "Which parameter does forward never use?",
)
def bias_forgotten(
    right: Right, sizes: Any, state: State, input: ndarray, grad_logits: ndarray
) -> Any:
    after = list(right(sizes, state, input, grad_logits))
    after[len(state)] = input @ state["fc.weight"].T
    return after


def feedforward(
    state: State,
    input: ndarray,
    grad_logits: ndarray,
    activation: Any = sigma,
    slope: Any = lambda z, a: a * (1 - a),
    bias1: float = 1.0,
    back: Any = lambda grad_logits, state, hidden: grad_logits @ state["fc2.weight"],
    cached: Any = lambda z, a: (z, a),
) -> list[ndarray]:
    """A FeedForward, with what people get wrong as arguments."""
    z = input @ state["fc1.weight"].T + bias1 * state["fc1.bias"]
    a = activation(z)
    logits = a @ state["fc2.weight"].T + state["fc2.bias"]
    kept_z, kept_a = cached(z, a)
    delta = back(grad_logits, state, kept_a) * slope(kept_z, kept_a)
    return [
        *state.values(),
        logits,
        grad_logits.sum(axis=0),
        grad_logits.T @ kept_a,
        delta.sum(axis=0),
        delta.T @ input,
    ]


SLOPE = "What is the slope of the sigmoid, in terms of its output?"

for id, sentence, hint, feedforward_change in (
    (
        "sigmoid-derivative-missing",
        "The hidden delta lacks the derivative of the sigmoid: it is at least 4 times too large.",
        "What is the slope of the sigmoid, and where does the chain rule put it?",
        {"slope": lambda z, a: 1.0},
    ),
    (
        "derivative-of-pre-activation",
        "z (1 - z) is taken of what goes into the sigmoid; it even becomes negative.",
        SLOPE,
        {"slope": lambda z, a: z * (1 - z)},
    ),
    (
        "sigmoid-applied-twice",
        "The slope is taken at the output of the sigmoid: the formula for z is applied to a, or "
        "`z` was overwritten in place and is `a`.",
        SLOPE,
        {"slope": lambda z, a: sigma(a) * (1 - sigma(a))},
    ),
    (
        "tanh-derivative",
        "1 - a² is the slope of tanh.",
        SLOPE,
        {"slope": lambda z, a: 1 - a**2},
    ),
    (
        "activation-missing",
        "There is no sigmoid after the first layer: two linear layers are one.",
        "What makes two layers more than one?",
        {"activation": lambda z: z, "slope": lambda z, a: 1.0},
    ),
    (
        "activation-missing",
        "There is no sigmoid after the first layer, though backward takes it that there is.",
        "What makes two layers more than one?",
        {"activation": lambda z: z},
    ),
    (
        "relu-for-sigmoid",
        "The activation is ReLU; the contract's FeedForward has sigmoids.",
        "Which activation has the contract?",
        {"activation": lambda z: np.maximum(z, 0), "slope": lambda z, a: z > 0},
    ),
    (
        "tanh-for-sigmoid",
        "The activation is tanh; the contract's FeedForward has sigmoids.",
        "Which activation has the contract?",
        {"activation": np.tanh, "slope": lambda z, a: 1 - a**2},
    ),
    (
        "hidden-bias-forgotten",
        "The bias of the first layer is not added.",
        "Which parameter does forward never use?",
        {"bias1": 0.0},
    ),
    (
        "activation-overwritten",
        "The hidden activation was overwritten with its pre-activation, or the other way round: "
        "both are the same array.",
        "Is something changed in place that backward still needs?",
        {"cached": lambda z, a: (z, z)},
    ),
    (
        "transposed-weight-on-the-way-back",
        "The gradient goes back through the transposed weight of the second layer.",
        "Write the shapes under the product. Which axis is summed over?",
        {"back": lambda g, state, hidden: g @ state["fc2.weight"].T},
    ),
):

    def wrong_feedforward(
        right: Right,
        sizes: Any,
        state: State,
        input: ndarray,
        grad_logits: ndarray,
        change: Any = feedforward_change,
    ) -> Any:
        return feedforward(state, input, grad_logits, **change)

    mistake("FeedForward", id, sentence, hint)(wrong_feedforward)
