"""`parity gradcheck`: are the gradients of a model, or of a file's functions, right?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.markup import escape
from rich.table import Table

from parity.system.console import Column, table

if TYPE_CHECKING:
    from parity.gradients.gradcheck import InputCheck, Part

__all__ = ["Gradcheck"]


@dataclass(kw_only=True)
class Gradcheck:
    """Hold hand-written gradients against differences and autograd, in float64."""

    target: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TARGET")]
    """A recipe, whose model is checked layer by layer, or a Python file with forwards and
    backwards under the contract's names."""
    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Which images a recipe's model is fed."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    seed: int = 0
    """Draws the weights, the batch and the directions."""
    batch_size: int = 32
    """Images in the batch."""
    weights: Literal["out-in", "in-out"] = "out-in"
    """The shape of a file's linear weights."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 if no gradient is wrong, 1 if one is."""
        from parity.errors import InputError
        from parity.recipes import RECIPES
        from parity.system import files, jsonfile
        from parity.system.console import console, show_path
        from parity.system.threads import limit_threads

        files.check_outputs({"json": self.json}, {"target": Path(self.target)})
        if self.target not in RECIPES and not Path(self.target).is_file():
            raise InputError(
                f"target is {self.target!r}, expected a recipe ({', '.join(RECIPES)}) or a "
                "Python file"
            )
        unchecked: list[str] = []
        with limit_threads():
            if self.target in RECIPES:
                parts = self.check_recipe()
            else:
                from parity.contract.conventions import Conventions
                from parity.gradients.files import check_file

                conventions = Conventions(weights=self.weights)
                parts, unchecked = check_file(Path(self.target), self.seed, conventions)
        console.print(table_of(parts))
        for line in [*complaints(parts), *(f"not checked: {line}" for line in unchecked)]:
            console.print(escape(line), soft_wrap=True)
        console.print(verdict(parts))
        if self.json is not None:
            jsonfile.write(self.json, as_json(self, parts, unchecked))
            show_path("json", self.json)
        return 0 if all(part.ok for part in parts) else 1

    def check_recipe(self) -> list["Part"]:
        """The parts of the recipe's model, on its first batch and its initial weights."""
        import numpy as np

        from parity.backends import NumpyBackend, TorchBackend
        from parity.experiment.prepare import prepare
        from parity.experiment.settings import Settings
        from parity.gradients.layers import check_model
        from parity.system.optimizers import spare_compiler

        spare_compiler()
        settings = Settings(
            data=self.data,
            data_root=self.data_root,
            seed=self.seed,
            batch_size=self.batch_size,
            dtype="float64",
        )
        experiment = prepare(self.target, settings)
        numpy = NumpyBackend(experiment.recipe, "float64", self.seed)
        torch = TorchBackend(experiment.recipe, "float64", self.seed)
        for backend in (numpy, torch):
            backend.load(experiment.initial)
        images, labels = experiment.arrays("training", "float64")
        batch = experiment.batches()[0]
        return check_model(
            numpy.model, torch.model, np.array(images[batch]), labels[batch], self.seed
        )


COLORS = {"pass": "green", "kink": "yellow", "fail": "bold red"}


def table_of(parts: list["Part"]) -> Table:
    """A row for each gradient; slopes are along a random direction."""
    columns = [
        Column("part", "left"),
        Column("gradient of", "left"),
        Column("by differences"),
        Column("by backward"),
        Column("by autograd", optional=True),
        Column("error"),
        Column("tolerance"),
        Column("sees", optional=True),
        Column("verdict", "left"),
    ]
    rows = []
    for part in parts:
        if part.result is None:
            rows.append([escape(part.name), *[""] * 7, "[bold red]error[/]"])
            continue
        for number, check in enumerate(part.result.inputs):
            rows.append(["" if number else escape(part.name), *cells(check)])
    return table(columns, rows, caption=CAPTION)


CAPTION = (
    "the slopes of <f(x), G> along one random direction for each x, in float64\n"
    "error, tolerance: relative to the slope's typical size, the tolerance from truncation and "
    "rounding\n"
    "sees: the smallest relative error of one element of typical size that shows"
)


def cells(check: "InputCheck") -> list[str]:
    """The gradient's row from its second cell on."""
    slopes = (check.difference, check.analytic, check.torch)
    errors = (check.error, check.tolerance, check.sensitivity)
    return [
        check.name,
        *("" if slope is None or slope != slope else f"{slope:.6g}" for slope in slopes),
        *("" if error != error else f"{error:.1e}" for error in errors),
        f"[{COLORS[check.verdict]}]{check.verdict}[/]",
    ]


def complaints(parts: list["Part"]) -> list[str]:
    """A line for each part that is not in order, and for each gradient at a kink."""
    lines = []
    for part in parts:
        if part.result is None:
            lines.append(f"{part.name}: {part.error}")
        else:
            lines += [f"{part.name}: {it.message}" for it in part.result.inputs if it.message]
    return lines


def verdict(parts: list["Part"]) -> str:
    """The answer in one line."""
    wrong = [escape(part.name) for part in parts if part.result and not part.ok]
    unjudged = [escape(part.name) for part in parts if part.result is None]
    if wrong or unjudged:
        answer = [f"[bold red]gradients are wrong[/] in {', '.join(wrong)}"] if wrong else []
        answer += [f"[bold red]no verdict[/] on {', '.join(unjudged)}"] if unjudged else []
        return "; ".join(answer)
    count = sum(len(part.result.inputs) for part in parts if part.result)
    where = f"{len(parts)} part{'s' * (len(parts) != 1)}"
    return f"[bold green]gradients are right[/]: {count} in {where}"


def as_json(command: Gradcheck, parts: list["Part"], unchecked: list[str]) -> dict[str, Any]:
    """The answer for machines; a part's `inputs` are null if there is only an error."""
    return {
        "target": command.target,
        "seed": command.seed,
        "dtype": "float64",
        "ok": all(part.ok for part in parts),
        "parts": [
            {
                "name": part.name,
                "ok": part.ok,
                "error": part.error or None,
                "inputs": part.result and part.result.as_json()["inputs"],
            }
            for part in parts
        ],
        "unchecked": unchecked,
    }
