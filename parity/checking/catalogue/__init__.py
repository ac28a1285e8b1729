"""The catalogue of known mistakes, a file for each subject."""

from parity.checking.catalogue import (
    activations,
    convolutions,
    evaluation,
    further_steps,
    gradients,
    layers,
    loss_gradients,
    losses,
    models,
    normalizations,
    optimizers,
    poolings,
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
    "further_steps",
    "gradients",
    "layers",
    "loss_gradients",
    "losses",
    "mistakes_of",
    "models",
    "normalizations",
    "optimizers",
    "poolings",
    "softmax_gradients",
    "softmaxes",
    "steps",
    "training",
]
