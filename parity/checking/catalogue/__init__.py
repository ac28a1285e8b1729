"""The catalogue of known mistakes, a file for each subject."""

from parity.checking.catalogue import (
    activations,
    convolutions,
    evaluation,
    gradients,
    layers,
    loss_gradients,
    losses,
    models,
    optimizers,
    softmax_gradients,
    softmaxes,
    steps,
    training,
)
from parity.checking.catalogue.mistake import CATALOGUE, Mistake, compose, mistakes_of

__all__ = [
    "CATALOGUE",
    "Mistake",
    "activations",
    "compose",
    "convolutions",
    "evaluation",
    "gradients",
    "layers",
    "loss_gradients",
    "losses",
    "mistakes_of",
    "models",
    "optimizers",
    "softmax_gradients",
    "softmaxes",
    "steps",
    "training",
]
