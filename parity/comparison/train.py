"""One side alone, from the same initial weights and the same batches as in a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from parity.backends import RecipeBackend, TrainingStep, make_backend
from parity.experiment.prepare import Experiment
from parity.experiment.published import Checkpoint

__all__ = ["TrainingRun", "evaluate", "train"]


@dataclass
class TrainingRun:
    """The trained side, the loss of every step, and the figures on whole splits."""

    side: RecipeBackend
    losses: list[float] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    seconds: float = 0.0  # in training steps alone


def train(
    experiment: Experiment, impl: str, on_step: Callable[[TrainingStep], None] | None = None
) -> TrainingRun:
    """Train `impl` ("numpy" or "torch") on the experiment's batches; `on_step` hears each step.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; it names the step and the first tensor that is not.
    """
    settings = experiment.settings
    side = make_backend(impl, experiment.recipe, settings.dtype, settings.seed, settings.device)
    side.load(experiment.initial)
    run = TrainingRun(side)
    run.checkpoints += evaluate(experiment, {impl: side}, 0)
    steps = side.steps(*experiment.arrays("training", settings.dtype), experiment.batches())
    for number in range(1, experiment.num_steps + 1):
        start = perf_counter()
        outcome = next(steps)
        run.seconds += perf_counter() - start
        run.losses.append(outcome.loss)
        if on_step is not None:
            on_step(outcome)
        run.checkpoints += evaluate(experiment, {impl: side}, number)
    return run


def evaluate(
    experiment: Experiment, sides: Mapping[str, RecipeBackend], step: int
) -> list[Checkpoint]:
    """Every side on each split that is due after `step` steps."""
    checkpoints = []
    for split in experiment.evaluated_after(step):
        figures = {
            name: side.evaluate(*experiment.arrays(split, side.dtype))
            for name, side in sides.items()
        }
        loss = {name: loss for name, (loss, _) in figures.items()}
        accuracy = {name: accuracy for name, (_, accuracy) in figures.items()}
        checkpoints.append(Checkpoint(step, split, loss, accuracy))
    return checkpoints
