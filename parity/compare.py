"""The main job: train both sides in lock-step, and measure how close they stay."""

from collections.abc import Callable

from parity.comparison import StepReport
from parity.experiment import Experiment
from parity.lockstep import Lockstep
from parity.result import CompareResult, Epoch

__all__ = ["compare"]

BOTH = ("numpy", "torch")


def compare(
    experiment: Experiment, on_step: Callable[[StepReport], None] | None = None
) -> CompareResult:
    """Run the experiment to its end on both sides, a divergence or not; `on_step` hears each step.

    Raises
    ------
    BadCaseError
        If the comparison would prove nothing.
    FloatingPointError
        If the loss is not finite; it names the step and the first tensor that is not.
    """
    result = CompareResult(experiment)
    lockstep = Lockstep(experiment)
    for step in lockstep.steps():
        result.steps.append(step)
        if on_step is not None:
            on_step(step)
        if step.number % experiment.steps_per_epoch == 0:
            result.epochs.append(evaluate_epoch(lockstep, result))
    result.prediction_agreement = prediction_agreement(lockstep)
    result.seconds = {name: lockstep.seconds[name] for name in BOTH}
    return result


def evaluate_epoch(lockstep: Lockstep, result: CompareResult) -> Epoch:
    """Both sides on the test images, and the worst of the steps since the epoch before."""
    images, labels = lockstep.experiment.test_arrays(lockstep.experiment.settings.dtype)
    evaluations = {name: lockstep.sides[name].evaluate(images, labels) for name in BOTH}
    first = result.epochs[-1].last_step if result.epochs else 0
    return Epoch(
        number=len(result.epochs) + 1,
        last_step=len(result.steps),
        loss={name: loss for name, (loss, _) in evaluations.items()},
        accuracy={name: accuracy for name, (_, accuracy) in evaluations.items()},
        difference=result.worst("difference", first),
        used=result.worst("used", first),
    )


def prediction_agreement(lockstep: Lockstep) -> float:
    """The share of test images that both sides put into the same class."""
    images, _ = lockstep.experiment.test_arrays(lockstep.experiment.settings.dtype)
    numpy, torch = (lockstep.sides[name].predict(images).argmax(axis=1) for name in BOTH)
    return float((numpy == torch).mean())
