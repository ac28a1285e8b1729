"""Train both backends in lock-step, and measure how far apart they are."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy import ndarray

from parity.backends import NumpyBackend, RecipeBackend, TorchBackend
from parity.comparison.homework import HomeworkBackend
from parity.comparison.lockstep import Lockstep
from parity.comparison.order import Order
from parity.comparison.reproduce import Reproduction
from parity.comparison.result import CompareResult, Epoch
from parity.comparison.resuming import comparison_state, restore_comparison
from parity.comparison.steps import StepReport
from parity.comparison.train import evaluate
from parity.experiment.checkpoints import Checkpoints
from parity.experiment.prepare import Experiment

__all__ = ["compare", "lockstep_of"]

FIRST = 9  # held-out images whose answers are reported one by one


def compare(
    experiment: Experiment,
    on_step: Callable[[StepReport], object] | None = None,
    resync: bool = False,
    on_epoch: Callable[[Epoch], object] | None = None,
    checkpoints: Checkpoints | None = None,
    program: Callable[[Experiment], TorchBackend] | None = None,
    homework: HomeworkBackend | None = None,
) -> CompareResult:
    """Run the experiment to its end on both backends, whether they diverge or not.

    With `resync`, every run is given PyTorch's state after each step. `on_step` hears each step; if
    it returns something true, the run ends there and the result is marked as interrupted.
    `on_epoch` hears each epoch, and what there was of the last one if the run was interrupted. With
    `checkpoints`, it goes on from the state in them, if there is one, and writes its own. `program`
    makes PyTorch's program, if it is to be another than the recipe's own: then that is under test,
    too, and the recipe's own is what it is measured against. With a `homework`, that is compared in
    the place of `numpy_impl`.

    Raises
    ------
    BadCaseError
        If the comparison would prove nothing.
    FloatingPointError
        If the loss is not finite; it names the step and the first tensor that is not.
    """
    both, lockstep = lockstep_of(experiment, resync, program, homework)
    result = CompareResult(experiment.settings.dtype, resync, experiment=experiment)
    result.file = str(homework.path) if homework is not None else ""
    heard = on_epoch or (lambda _: None)

    def measure(step: int) -> None:
        result.checkpoints += evaluate(experiment, both, step, result.interrupted)
        if step and (result.interrupted or step % experiment.steps_per_epoch == 0):
            result.end_epoch()
            heard(result.epochs[-1])

    if checkpoints is not None and checkpoints.state is not None:
        restore_comparison(lockstep, result, checkpoints.state)
        for epoch in result.epochs:
            heard(epoch)
    measure(lockstep.done)
    for step in lockstep.steps():
        result.steps.append(step)
        stop = on_step is not None and bool(on_step(step))
        last = step.number == experiment.num_steps
        result.interrupted = stop and not last
        if checkpoints is not None:  # of the step alone: what is measured after it comes again
            ends = last or result.interrupted
            checkpoints.after(step.number, ends, lambda: comparison_state(lockstep, result))
        measure(step.number)
        if result.interrupted:
            break
    numpy, torch = (answers(experiment, backend) for backend in both.values())
    result.prediction_agreement = float((numpy == torch).mean())
    labels = experiment.splits[experiment.held_out].labels
    first = (classes[:FIRST].tolist() for classes in (labels, numpy, torch))
    result.first_answers = (next(first), next(first), next(first))
    result.seconds = {name: lockstep.seconds[name] for name in both}
    result.backends, result.reproduction = both, lockstep.reproduction
    return result


def answers(experiment: Experiment, backend: RecipeBackend) -> ndarray:
    """The class that the backend gives each held-out image."""
    portions = experiment.portions(experiment.held_out, backend.dtype)
    return np.concatenate([backend.predict(images).argmax(axis=1) for images, _ in portions])


def recipe_program(experiment: Experiment) -> TorchBackend:
    """The recipe in PyTorch, in this process."""
    settings = experiment.settings
    return TorchBackend(experiment.recipe, settings.dtype, settings.seed, settings.device)


def lockstep_of(
    experiment: Experiment,
    resync: bool = False,
    program: Callable[[Experiment], TorchBackend] | None = None,
    homework: HomeworkBackend | None = None,
) -> tuple[dict[str, RecipeBackend], Lockstep]:
    """Both backends of an experiment, and the lock-step that trains them.

    Raises what `Lockstep` raises.
    """
    recipe, settings = experiment.recipe, experiment.settings
    numpy: RecipeBackend = homework or NumpyBackend(recipe, settings.dtype, settings.seed)
    torch = (program or recipe_program)(experiment)
    numpy.take = torch.take = experiment.take

    def kept(reproduction: Reproduction) -> Reproduction:
        (batch,) = reproduction.batch
        made = replace(reproduction, batch=experiment.take(settings.dtype, batch))
        if program is not None or homework is not None:
            return made  # another than the recipe's: its tensors are kept as they were
        return replace(made, recipe=recipe, tensors=None)

    lockstep = Lockstep(
        numpy,
        torch,
        [(batch,) for batch in experiment.batches()],
        experiment.initial,
        order=Order(seed=settings.seed),
        resync=resync,
        seed=settings.seed,
        alone=program is not None,
        kept=kept,
    )
    return {"numpy": numpy, "torch": torch}, lockstep
