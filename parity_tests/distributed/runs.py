"""Comparisons on several processes, all in one start of them: `python -m ...runs FOLDER`.

FOLDER gets the answers, and the arrays that the tests look at.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from parity.comparison.compare import compare
from parity.comparison.resuming import KINDS
from parity.distributed.group import Group, join
from parity.distributed.program import DataParallel, follow
from parity.experiment.checkpoints import Checkpoints, resume
from parity.experiment.prepare import Experiment
from parity.recipes import RECIPES
from parity.system import jsonfile
from parity.system.ranks import only_rank_0_prints
from parity.system.threads import limit_threads
from parity_tests.experiments import small

__all__ = ["LAST", "SAME", "experiment"]

LAST = 6  # steps; the last batch of each epoch has one example: all processes but one have none
SAME = {"seed": 0}  # what a checkpoint is made with
CHOICES = [(recipe, dtype) for recipe in RECIPES for dtype in ("float32", "float64")]


def experiment(recipe: str, dtype: str) -> Experiment:
    made = small(recipe, dtype=dtype, train_size=129)
    return replace(made, recipe=replace(made.recipe, drop_last=False))


def run(group: Group, made: Experiment, weighted: bool = True, **options: Any) -> Any:
    """Rank 0's result; None on the others."""
    if group.rank:
        follow(DataParallel(made, group, weighted))
        return None
    with group.leading():
        return compare(made, program=lambda it: DataParallel(it, group, weighted), **options)


def stop_after(step: int) -> Any:
    return lambda report: report.number == step


def main(folder: Path) -> None:
    answers: dict[str, Any] = {}
    only_rank_0_prints()
    with join("cpu", 60.0, "...") as group, limit_threads():
        for recipe, dtype in CHOICES:
            result = run(group, experiment(recipe, dtype))
            answers[f"{recipe} {dtype}"] = result and result.as_json()
        adam = experiment("linear-adam", "float64")
        odd = small("linear-adam", dtype="float64", batch_size=3)
        unweighted = run(group, odd, weighted=False, on_step=stop_after(1))
        half, again = (folder / name for name in ("half", "again"))
        run(group, adam, on_step=stop_after(4), checkpoints=Checkpoints(half, SAME, LAST))
        state = resume(half, SAME, KINDS) if group.rank == 0 else None
        resumed = run(group, adam, checkpoints=Checkpoints(again, SAME, LAST, state))
    if unweighted is not None:
        answers["unweighted"] = unweighted.as_json()
        jsonfile.write(folder / "answers.json", answers)
        np.savez(folder / "unweighted.npz", **unweighted.backends["torch"].gradients())
        np.savez(folder / "resumed.npz", **resumed.backends["torch"].weights())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
