"""`parity sweep`: the comparison with every combination of some settings."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.table import Table
from rich.text import Text

from parity.cli.exits import INTERRUPTED
from parity.cli.keeping import Keeping
from parity.cli.outputs import Outputs
from parity.cli.working import Working
from parity.errors import InputError
from parity.experiment.settings import HINT, Count, Init, Settings
from parity.recipes import find
from parity.system.console import Column, console, table, track, written

if TYPE_CHECKING:
    from parity.comparison.sweep import Cell, Choices
    from parity.datasets import Dataset
    from parity.experiment.checkpoints import Checkpoints
    from parity.system.jobs import Pool

__all__ = ["Sweep"]

Counts = Annotated[tuple[int, ...], tyro.conf.arg(help_behavior_hint=HINT)]
Factors = Annotated[tuple[float, ...], tyro.conf.arg(help_behavior_hint=HINT)]

LOST = "the process that ran it was ended"
NAMES = ("batch_size", "lr", "weight_decay", "train_size")


@dataclass(kw_only=True)
class Sweep(Keeping, Working):
    """Compare both backends under every combination of the given values."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: tutorial, logistic, feedforward, linear-adam or cnn-adam."""
    batch_size: Counts = ()
    """Images in a batch."""
    lr: Factors = ()
    """The learning rates."""
    weight_decay: Factors = ()
    """The L2 factors."""
    train_size: Counts = ()
    """Train on the first so many of the recipe's training images only."""
    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Which images."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    seed: int = 0
    """Draws the initial weights and the order of the batches, the same in every cell."""
    dtype: Literal["float32", "float64"] = "float32"
    """The dtype of both backends."""
    epochs: Count = None
    """How many times each training image is seen."""
    init: Init = None
    """Initial weights: PyTorch's default, or randn / sqrt(fan_in) with zero biases."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where PyTorch runs."""
    jobs: int = 1
    """How many cells run at a time; 0 for one on each core."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""
    report: Path = Path("reports")
    """The folder of the picture and of the page; made if it is not there."""

    def run(self) -> int:
        """Exit code 0 if parity holds in every cell, 1 if not, 130 if Ctrl-C ended it."""
        find(self.recipe)  # before the seconds that PyTorch takes to load
        from parity import datasets
        from parity.comparison.sweep import Cell, cells_of, check
        from parity.experiment.checkpoints import sweep_settings
        from parity.pictures import pages
        from parity.pictures.saving import make_folder, save
        from parity.pictures.sweep import sweep_curves
        from parity.system import files, jsonfile

        pool = self.pool()
        if self.jobs != 1 and (self.checkpoint or self.resume):
            raise InputError(f"jobs is {self.jobs}, expected 1 with --checkpoint or --resume")
        picture = make_folder(self.report) / f"{self.recipe}-{self.data}-{self.dtype}-sweep.png"
        files.check_outputs({"json": self.json, "report": picture})
        choices = cells_of({name: getattr(self, name) for name in NAMES})
        settings, dataset = self.settings(), datasets.load(self.data, self.data_root)
        steps = check(self.recipe, settings, choices, dataset)
        kept = self.checkpoints(sweep_settings(self.recipe, settings, choices, dataset), max(steps))
        count = f"{len(choices)} cell" + "s" * (len(choices) > 1)
        console.print(
            f"[bold]{self.recipe}[/]: {count}, {sum(steps):,} steps; {self.data}, {self.dtype}, "
            f"seed {self.seed}"
        )
        cells: list[Cell] = list(kept.state["done"]) if kept and kept.state else []
        for cell in cells:
            console.print(line_of(cell))
        if self.jobs == 1 and self.backend == "loky":
            self.one_by_one(cells, choices, dataset, steps, kept)
        else:
            self.side_by_side(cells, choices, dataset, pool)
        outputs = Outputs(kept)
        outputs.write("json", self.json, lambda path: jsonfile.write(path, self.as_json(cells)))
        console.print(table_of(cells))
        console.print(verdict(cells))
        if cells[-1].interrupted:
            console.print(f"[bold yellow]interrupted[/] in cell {len(cells)} of {len(choices)}")
        title = f"{self.recipe} on {self.data}, {self.dtype}: {count}"
        figure = sweep_curves(title, cells)
        outputs.write("picture", picture, lambda path: save(figure, path, "report"))
        command = f"parity sweep {self.recipe}{pages.options(self)}"
        page = pages.sweep_page(title, cells, command)
        outputs.write(
            "report", picture.with_suffix(".html"), lambda path: pages.save(page, path, "report")
        )
        outputs.finish()
        if cells[-1].interrupted:
            return INTERRUPTED
        return 0 if all(cell.parity for cell in cells) else 1

    def one_by_one(
        self,
        cells: list["Cell"],
        choices: list["Choices"],
        dataset: "Dataset",
        steps: list[int],
        kept: "Checkpoints | None",
    ) -> None:
        """Add the cells that are not there yet, with checkpoints."""
        from parity.comparison.sweep import run_cell
        from parity.experiment.checkpoints import Checkpoints, Part
        from parity.system.optimizers import spare_compiler
        from parity.system.threads import limit_threads

        spare_compiler()
        with limit_threads(), track("sweeping", sum(steps)) as advance:
            for one in choices[len(cells) :]:
                before = sum(steps[: len(cells)])

                def part(epoch: int, before: int = before) -> Checkpoints | None:
                    return kept and Part(kept, list(cells), before, self.every or epoch)

                cells.append(run_cell(self.recipe, self.settings(), one, dataset, advance, part))
                if cells[-1].interrupted:
                    break
                console.print(line_of(cells[-1]))

    def side_by_side(
        self, cells: list["Cell"], choices: list["Choices"], dataset: "Dataset", pool: "Pool"
    ) -> None:
        """Add all cells, several of which run at a time; after Ctrl-C, those that have ended."""
        from parity.comparison.sweep import Task, run_task, unfinished
        from parity.system.jobs import Lost

        tasks = [Task(self.recipe, self.settings(), one, dataset) for one in choices]
        found: dict[int, Cell] = {}
        with track("sweeping", len(tasks)) as advance:
            for index, cell in pool.run(run_task, tasks):
                found[index] = unfinished(tasks[index], LOST) if cell is Lost else cell
                console.print(line_of(found[index]))
                if advance(index):
                    break
        cells += [found[index] for index in sorted(found)]
        rest = [index for index in range(len(tasks)) if index not in found]
        if rest:
            cells.append(unfinished(tasks[rest[0]], "interrupted", interrupted=True))

    def settings(self) -> Settings:
        """What all cells share."""
        names = ("data", "data_root", "seed", "dtype", "epochs", "init", "device")
        return Settings(**{name: getattr(self, name) for name in names})

    def as_json(self, cells: list["Cell"]) -> dict[str, Any]:
        """The answer for machines."""
        return {
            "recipe": self.recipe,
            "data": self.data,
            "dtype": self.dtype,
            "seed": self.seed,
            "device": self.device,
            "parity": all(cell.parity for cell in cells),
            "interrupted": cells[-1].interrupted,
            "cells": [{**asdict(cell), "parity": cell.parity} for cell in cells],
        }


def line_of(cell: "Cell") -> str:
    """A cell that has just ended, before the table has them all."""
    accuracy = "" if cell.stopped else f": {cell.curve[-1].accuracy['numpy']:.2%}, parity"
    return f"{cell.name}{accuracy} {word(cell)}"


def table_of(cells: list["Cell"]) -> Table:
    """A row for each cell."""
    columns = [
        *(
            Column(name.replace("_", "\n") if "_" in name else f"\n{name}")
            for name in cells[0].choices
        ),
        Column("\nsteps"),
        Column("loss\nNumPy"),
        Column("\nPyTorch", optional=True),
        Column("accuracy\nNumPy"),
        Column("\nPyTorch"),
        Column("\nparity"),
        Column("seconds\nNumPy", optional=True),
        Column("\nPyTorch", optional=True),
    ]
    rows: list[list[str | Text]] = [
        [
            *(f"{value:g}" for value in cell.choices.values()),
            f"{cell.steps:,}",
            *figures(cell),
            word(cell),
            *(
                f"{cell.seconds[backend]:.2f}" if cell.seconds else ""
                for backend in ("numpy", "torch")
            ),
        ]
        for cell in cells
    ]
    caption = f"loss and accuracy: of the {cells[0].split} images, after the last step"
    return table(columns, rows, caption=caption)


def word(cell: "Cell") -> Text:
    """The cell's verdict in a word or three."""
    return Text(cell.in_short, style="green" if cell.parity else "bold red")


def figures(cell: "Cell") -> list[str]:
    """Loss and accuracy of both backends at the end."""
    if not cell.curve:
        return [""] * 4
    last = cell.curve[-1]
    return [
        *(written(last.loss[backend]) for backend in ("numpy", "torch")),
        *(f"{last.accuracy[backend]:.2%}" for backend in ("numpy", "torch")),
    ]


def verdict(cells: list["Cell"]) -> str:
    """The answer in one line, and one for each cell without parity."""
    wrong = [cell for cell in cells if not cell.parity]
    drifted = any(cell.noise_horizon for cell in cells)
    extent = "up to the noise horizon of each" if drifted else "at all their steps"
    if not wrong:
        return f"[bold green]parity holds[/] in {every(len(cells))}, {extent}."
    if all(cell.interrupted and cell.first_divergence is None for cell in wrong):
        lines = [f"interrupted; [bold green]parity holds[/] in the steps of {every(len(cells))}."]
    else:
        right = len(cells) - len(wrong)
        lines = [f"[bold red]parity holds[/] in {right} of {len(cells)} cells only."]
    for cell in wrong:
        found = cell.first_divergence
        why = (
            f"first divergence at step {found.step}, {found.phase}, {found.tensor}" if found else ""
        )
        lines.append(f"  {cell.name}: {cell.stopped or why}")
    return "\n".join(lines)


def every(count: int) -> str:
    """In words, for one cell as for many."""
    return f"all {count} cells" if count > 1 else "the one cell"
