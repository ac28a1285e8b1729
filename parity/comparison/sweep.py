"""The same comparison with every combination of some settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from parity import datasets
from parity.comparison import resuming
from parity.comparison.compare import compare
from parity.comparison.steps import Divergence, StepReport
from parity.errors import BadCaseError, InputError
from parity.experiment.checkpoints import Checkpoints
from parity.experiment.prepare import prepare
from parity.experiment.published import Checkpoint
from parity.experiment.settings import Settings
from parity.system.optimizers import spare_compiler
from parity.system.threads import limit_threads

__all__ = ["KINDS", "Cell", "Task", "cells_of", "check", "run_cell", "run_task", "unfinished"]

ByBackend = dict[str, float]
Choices = dict[str, Any]  # the settings of one cell, such as {"batch_size": 64, "lr": 0.1}


@dataclass(frozen=True)
class Cell:
    """What came of one combination; `stopped` says why it came to no end."""

    choices: Choices
    steps: int
    epochs: int
    split: str  # the held-out images of `curve`
    curve: list[Checkpoint] = field(default_factory=list)
    seconds: ByBackend = field(default_factory=dict)  # in training steps alone
    first_divergence: Divergence | None = None
    noise_horizon: int | None = None
    stopped: str = ""
    interrupted: bool = False

    @property
    def parity(self) -> bool:
        """Whether it came to its end, and no step diverged."""
        return not self.stopped and self.first_divergence is None

    @property
    def name(self) -> str:
        """What sets it apart, such as "batch size 64, lr 0.1"."""
        chosen = [f"{name.replace('_', ' ')} {value:g}" for name, value in self.choices.items()]
        return ", ".join(chosen) or "the recipe as it is"

    @property
    def in_short(self) -> str:
        """The verdict in a word or three."""
        if self.parity:
            return f"to step {self.noise_horizon - 1:,}" if self.noise_horizon else "yes"
        return "stopped" if self.stopped else "no"


KINDS = (Cell, *resuming.KINDS)  # of what a checkpoint may hold, of any command


def cells_of(grid: Mapping[str, Sequence[Any]]) -> list[Choices]:
    """Every combination of the grid's values; a setting without values is left alone.

    Raises
    ------
    InputError
        If a value is given twice.
    """
    given = {name: values for name, values in grid.items() if values}
    for name, values in given.items():
        if twice := [value for value in values if list(values).count(value) > 1]:
            raise InputError(f"{name.replace('_', '-')}: {twice[0]} is given twice")
    return [dict(zip(given, values, strict=True)) for values in product(*given.values())]


def check(
    recipe: str, settings: Settings, cells: Sequence[Choices], dataset: datasets.Dataset
) -> list[int]:
    """How many steps each cell has; raises InputError for one that cannot run."""
    return [prepare(recipe, replace(settings, **choices), dataset).num_steps for choices in cells]


def run_cell(
    recipe: str,
    settings: Settings,
    choices: Choices,
    dataset: datasets.Dataset,
    on_step: Callable[[StepReport], object] | None = None,
    checkpoints: Callable[[int], Checkpoints | None] | None = None,
) -> Cell:
    """Compare both backends under `choices`, and keep the figures but not the images.

    A true answer of `on_step` ends the cell, which is then marked as stopped. `checkpoints` gives
    those of this cell, whose epochs have so many steps.
    """
    experiment = prepare(recipe, replace(settings, **choices), dataset)
    epochs, split = experiment.recipe.epochs, experiment.held_out
    try:
        kept = checkpoints and checkpoints(experiment.steps_per_epoch)
        result = compare(experiment, on_step, checkpoints=kept)
    except (FloatingPointError, BadCaseError) as error:  # the other cells are still worth running
        return Cell(choices, experiment.num_steps, epochs, split, stopped=str(error))
    return Cell(
        choices,
        len(result.steps),
        epochs,
        split,
        result.curve(split),
        result.seconds,
        result.first_divergence,
        result.noise_horizon,
        stopped="interrupted" if result.interrupted else "",
        interrupted=result.interrupted,
    )


@dataclass(frozen=True)
class Task:
    """A cell for another process."""

    recipe: str
    settings: Settings
    choices: Choices
    dataset: datasets.Dataset


def run_task(task: Task) -> Cell:
    """The cell of a task, in a process that is there for such alone."""
    spare_compiler()
    with limit_threads():
        return run_cell(task.recipe, task.settings, task.choices, task.dataset)


def unfinished(task: Task, why: str, interrupted: bool = False) -> Cell:
    """The cell of a task that came to no end."""
    experiment = prepare(task.recipe, replace(task.settings, **task.choices), task.dataset)
    epochs, split = experiment.recipe.epochs, experiment.held_out
    return Cell(task.choices, 0, epochs, split, stopped=why, interrupted=interrupted)
