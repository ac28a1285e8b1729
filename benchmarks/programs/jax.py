"""The same step in JAX, compiled as a whole."""

import os
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy import ndarray

from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program"]

Arrays = dict[str, Any]
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Program(base.Program):
    """`jax.jit` over gathering, gradient and update; it may reuse the memory of the old weights."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        # XLA starts a thread for each core that it may run on; there is no other way to limit it.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: work.threads])
        self.state = initial_state(work)
        self.steps = self.train()

    def train(self) -> Iterator[None]:
        """Train one step at each `next`, and wait until it is done: JAX runs asynchronously."""
        images, labels = jnp.asarray(self.work.images), jnp.asarray(self.work.labels)
        step = jax.jit(make_step(self.work), donate_argnums=0)
        for indices in self.work.batches():
            self.state = step(self.state, images, labels, indices.astype(np.int32))
            jax.block_until_ready(self.state)
            yield

    def weights(self) -> dict[str, ndarray]:
        return {name: np.array(array) for name, array in self.state["weights"].items()}


def initial_state(work: Work) -> Arrays:
    """The weights; for Adam also the number of steps and the two running means."""
    weights = {name: jnp.array(array) for name, array in work.initial.items()}
    if work.recipe.optimizer == "SGD":
        return {"weights": weights}
    means = [{name: jnp.zeros_like(array) for name, array in weights.items()} for _ in range(2)]
    return {"weights": weights, "count": jnp.zeros(()), "exp_avg": means[0], "exp_avg_sq": means[1]}


def make_step(work: Work) -> Any:
    """The function from a state, all images, all labels and a batch's indices to the next state."""
    recipe = work.recipe

    def loss(weights: Arrays, input: Any, target: Any) -> Any:
        log_probabilities = jax.nn.log_softmax(MODELS[recipe.model](weights, input))
        return -jnp.take_along_axis(log_probabilities, target[:, None], axis=1).mean()

    def step(state: Arrays, images: Any, labels: Any, indices: Any) -> Arrays:
        weights = state["weights"]
        grads = jax.grad(loss)(weights, images[indices], labels[indices])
        if recipe.optimizer == "SGD":
            update = jax.tree.map(lambda weight, grad: weight - recipe.lr * grad, weights, grads)
            return {"weights": update}
        return adam(state, grads, recipe.lr)

    return step


def softmax_regression(weights: Arrays, input: Any) -> Any:
    """Images (N, 784) to logits (N, C)."""
    return linear(weights, "fc", input)


def feed_forward(weights: Arrays, input: Any) -> Any:
    """Images (N, 784) to logits (N, C)."""
    return linear(weights, "fc2", jax.nn.sigmoid(linear(weights, "fc1", input)))


def conv_net(weights: Arrays, input: Any) -> Any:
    """Images (N, 784) to logits (N, C)."""
    features = input.reshape(-1, 1, 28, 28)
    for layer in ("conv1", "conv2", "conv3"):
        kernel, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        features = jax.lax.conv_general_dilated(features, kernel, (2, 2), [(1, 1), (1, 1)])
        features = jax.nn.relu(features + bias[:, None, None])
    return features.mean(axis=(2, 3))


MODELS = {"SoftmaxRegression": softmax_regression, "FeedForward": feed_forward, "ConvNet": conv_net}


def linear(weights: Arrays, layer: str, input: Any) -> Any:
    """y = x Wᵀ + b."""
    return input @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]


def adam(state: Arrays, grads: Arrays, lr: float) -> Arrays:
    """The state after a step of Adam."""
    count = state["count"] + 1
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state["exp_avg"], grads)
    square = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state["exp_avg_sq"], grads)
    size, root = lr / (1 - BETA1**count), jnp.sqrt(1 - BETA2**count)
    weights = jax.tree.map(
        lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + EPS), state["weights"], mean, square
    )
    return {"weights": weights, "count": count, "exp_avg": mean, "exp_avg_sq": square}
