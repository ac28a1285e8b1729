"""Train one backend, from the same initial weights and batches as in a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy import ndarray

from parity.backends import RecipeBackend, TrainingStep, make_backend
from parity.comparison.resuming import backend_state, restore_backend
from parity.experiment.checkpoints import Checkpoints
from parity.experiment.prepare import Experiment
from parity.experiment.published import Checkpoint

__all__ = ["TrainingRun", "evaluate", "train"]


@dataclass
class TrainingRun:
    """The trained backend, the loss of every step, and the figures on whole splits."""

    backend: RecipeBackend
    losses: list[float] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    seconds: float = 0.0  # in training steps alone
    interrupted: bool = False  # before its last step

    def last(self, split: str) -> Checkpoint:
        """The latest figures on that split."""
        return [point for point in self.checkpoints if point.split == split][-1]


def train(
    experiment: Experiment,
    impl: str,
    on_step: Callable[[TrainingStep], object] | None = None,
    on_epoch: Callable[[TrainingRun], object] | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainingRun:
    """Train `impl` ("numpy" or "torch") on the experiment's batches.

    `on_step` hears each step; if it returns something true, the run ends there. `on_epoch` gets
    the run so far after each epoch, and after the last step of a run that was interrupted.
    With `checkpoints`, it goes on from the state in them, if there is one, and writes its own.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; it names the step and the first tensor that is not.
    """
    settings = experiment.settings
    backend = make_backend(impl, experiment.recipe, settings.dtype, settings.seed, settings.device)
    backend.load(experiment.initial)
    backend.take = experiment.take
    run = TrainingRun(backend)

    def measure(step: int) -> None:
        run.checkpoints += evaluate(experiment, {impl: backend}, step, run.interrupted)
        ended = run.interrupted or step % experiment.steps_per_epoch == 0
        if step and ended and on_epoch is not None:
            on_epoch(run)

    if checkpoints is not None and checkpoints.state is not None:
        restore(run, checkpoints.state)
    done = len(run.losses)
    measure(done)
    steps = backend.run([(batch,) for batch in experiment.batches()[done:]], done + 1)
    for number in range(done + 1, experiment.num_steps + 1):
        start = perf_counter()
        training_step = next(steps)
        run.seconds += perf_counter() - start
        run.losses.append(training_step.loss)
        stop = on_step is not None and bool(on_step(training_step))
        last = number == experiment.num_steps
        run.interrupted = stop and not last
        if checkpoints is not None:  # of the step alone: what is measured after it comes again
            checkpoints.after(number, last or run.interrupted, lambda: state_of(run))
        measure(number)
        if run.interrupted:
            break
    return run


def state_of(run: TrainingRun) -> dict[str, Any]:
    """Everything that the next step depends on, and the figures so far."""
    return {
        "backend": backend_state(run.backend),
        "losses": run.losses,
        "checkpoints": run.checkpoints,
        "seconds": run.seconds,
    }


def restore(run: TrainingRun, state: dict[str, Any]) -> None:
    """Put a training that has not begun where `state_of` saw it."""
    run.losses, run.checkpoints = state["losses"], state["checkpoints"]
    run.seconds = state["seconds"]
    restore_backend(run.backend, state["backend"], len(run.losses))


def evaluate(
    experiment: Experiment,
    backends: Mapping[str, RecipeBackend],
    step: int,
    interrupted: bool = False,
) -> list[Checkpoint]:
    """Every backend on each split that is due after `step` steps; one at least if it ends there."""
    checkpoints = []
    splits = experiment.evaluated_after(step)
    for split in splits or [experiment.held_out] * interrupted:
        logits: dict[str, list[ndarray]] = {name: [] for name in backends}
        for images, _ in experiment.portions(split, experiment.settings.dtype):
            for name, backend in backends.items():
                logits[name].append(backend.predict(images))
        labels = experiment.splits[split].labels
        figures = {
            name: backend.figures(np.concatenate(logits[name]), labels)
            for name, backend in backends.items()
        }
        loss = {name: loss for name, (loss, _) in figures.items()}
        accuracy = {name: accuracy for name, (_, accuracy) in figures.items()}
        checkpoints.append(Checkpoint(step, split, loss, accuracy))
    return checkpoints
