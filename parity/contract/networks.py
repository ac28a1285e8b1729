"""The entry of a whole network that returns its loss and its gradients, as many courses have it."""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, integers, numbers
from parity.contract.subject import Subject

__all__ = ["loss_and_grads"]

REG = 0.125


def network_probes(rng: Generator, n: int, in_: int, hidden: int, c: int) -> list[Call]:
    """A batch and weights of one hidden layer: with a penalty and without, extreme logits."""
    if c < 2:
        return []
    params = {
        "W1": numbers(rng, hidden, in_),
        "b1": numbers(rng, hidden),
        "W2": numbers(rng, c, hidden),
        "b2": numbers(rng, c),
    }
    x, y = away_from_kinks(rng, params, n), integers(rng, n, c)
    large = {**params, "b2": params["b2"] + 1000}
    return [
        Call((params, x, y)),
        Call((params, x, y), {"reg": REG}, label="with a penalty"),
        Call((large, x, y), label="large logits", extreme=True),
    ]


def away_from_kinks(rng: Generator, params: dict[str, ndarray], n: int) -> ndarray:
    """A batch for which no hidden unit is near 0, where ReLU has its kink."""
    while True:
        x = numbers(rng, n, params["W1"].shape[1])
        if np.abs(x @ params["W1"].T + params["b1"]).min() > 1e-3:
            return x


def loss_and_gradients(call: Call) -> tuple[str, ...]:
    """The names of what comes out, from the loss back to the first layer."""
    params: dict[str, Any] = call.args[0]
    return ("loss", *(f"grads[{name!r}]" for name in reversed(params)))


loss_and_grads = Subject(
    "loss_and_grads(params, X, y, reg=0.0)",
    """A network of one hidden layer, and a softmax: its loss and the gradients of all parameters.

`params` is a dict of W1 (H, in), b1 (H,), W2 (C, H), b2 (C,); X (N, in), y (N,) class indices ->
(loss, grads), `grads` a dict of the same names and shapes. The hidden layer is ReLU, sigmoid or
tanh. The loss is the mean cross-entropy, and with `reg` also reg / 2 times the squares of W1, W2.
""",
    "network",
    loss_and_gradients,
    ((3, 5, 4, 2), (5, 2, 3, 4), (6, 3, 3, 3), (1, 4, 3, 2)),
    network_probes,
    variants=tuple(
        {"activation": activation, "biases": biases, "penalty": penalty}
        for penalty in (0.5, 1.0)
        for biases in (True, False)
        for activation in ("relu", "sigmoid", "tanh")
    ),
    large=(130, 5, 4, 12),
)
