"""One side alone, from the same initial weights and the same batches as in a comparison."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import numpy as np

from parity.experiment import Experiment
from parity.sides import Outcome, make_side

__all__ = ["TrainedEpoch", "train"]


@dataclass(frozen=True)
class TrainedEpoch:
    """The mean training loss of an epoch's steps, and the test figures after it."""

    number: int
    training_loss: float
    test_loss: float
    test_accuracy: float


def train(
    experiment: Experiment, impl: str, on_step: Callable[[Outcome], None]
) -> tuple[list[TrainedEpoch], float]:
    """Train `impl` ("numpy" or "torch"); returns its epochs and the seconds in training steps.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; it names the step and the first tensor that is not.
    """
    settings = experiment.settings
    side = make_side(impl, experiment.recipe, settings.dtype, settings.seed, settings.device)
    side.load(experiment.initial)
    steps = side.steps(*experiment.training_arrays(settings.dtype), experiment.batches())
    images, labels = experiment.test_arrays(settings.dtype)
    epochs, seconds = [], 0.0
    for number in range(1, experiment.recipe.epochs + 1):
        start = perf_counter()
        losses = []
        for outcome in islice(steps, experiment.steps_per_epoch):
            losses.append(outcome.loss)
            on_step(outcome)
        seconds += perf_counter() - start
        loss, accuracy = side.evaluate(images, labels)
        epochs.append(TrainedEpoch(number, float(np.mean(losses)), loss, accuracy))
    return epochs, seconds
