"""One run of the script: every recipe at every batch size, each in fresh processes."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import charts, report
from benchmarks.goals import judge
from benchmarks.machine import available_cores, describe_machine
from benchmarks.measure import FULL, QUICK, measure, profile
from benchmarks.programs import program_names
from benchmarks.work import Case
from parity.backends import model_arguments
from parity.datasets import DataError
from parity.errors import InputError
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.pictures.saving import make_folder
from parity.system import jsonfile
from parity.system.console import console
from parity.system.threads import limit_threads

__all__ = ["run"]


def run(options: argparse.Namespace) -> None:
    """Measure what the options ask for; print, draw and write the results.

    Raises
    ------
    InputError, DataError
        If an option is impossible, or data is missing.
    BadCaseError
        If a program does not train as PyTorch does.
    RuntimeError
        If a program fails.
    """
    jsonfile.check_writable(options.json)
    folder = make_folder(options.report)
    cores = available_cores()
    threads = options.threads or cores
    if threads > cores:
        raise InputError(f"threads is {threads}, expected at most the {cores} cores there are")
    answer: dict[str, Any] = {
        "machine": describe_machine(options.device == "cuda"),
        "threads": threads,
        "data": options.data,
        "dtype": "float32",
        "seed": options.seed,
        "quick": options.quick,
        "rows": [],
    }
    plan = QUICK if options.quick else FULL
    with limit_threads():  # this process only checks the weights
        for case, scaling in cases(options, threads):
            names = program_names(case.recipe.model, options.compile, options.device == "cuda")
            if not answer["rows"]:
                console.print(report.headline(answer))
            row = profile(case, plan) if options.profile else measure(case, names, plan, scaling)
            answer["rows"].append(row)
            console.print(report.progress(row))
    if options.profile:
        console.print(report.phase_table(answer))
        console.print(report.layer_table(answer))
    else:
        answer["goals"] = [verdict.as_json() for verdict in judge(answer["rows"], threads)]
        for table in report.tables(answer):
            console.print(table)
        for name, draw in (("step", charts.steps), ("scaling", charts.scaling)):
            picture = folder / f"benchmarks-{name}.png"
            draw([answer], picture)
            console.print(f"picture: {picture}")
    if options.json is not None:
        jsonfile.write(options.json, answer)
        console.print(f"json: {options.json}")


def cases(options: argparse.Namespace, threads: int) -> Iterator[tuple[Case, bool]]:
    """Each case with its images stored, and whether to vary the number of images for it."""
    for name in options.recipe:
        for batch_size in options.batch_size:
            experiment = load(name, batch_size, options)
            recipe = experiment.recipe
            with TemporaryDirectory() as folder:
                images, labels = experiment.arrays("training", "float32")
                case = Case(
                    recipe,
                    model_arguments(recipe),
                    experiment.initial,
                    options.seed,
                    threads,
                    len(labels),
                    Path(folder),
                )
                case.store(images, labels)
                yield case, batch_size == scaling_size(options.batch_size)


def scaling_size(batch_sizes: list[int]) -> int:
    """The batch size at which the number of images is varied: 64, or the nearest to it."""
    return min(batch_sizes, key=lambda size: abs(size - 64))


def load(name: str, batch_size: int, options: argparse.Namespace) -> Any:
    """The experiment of the recipe at this batch size."""
    settings = Settings(
        data=options.data,
        data_root=options.data_root,
        seed=options.seed,
        batch_size=batch_size,
        device=options.device,
    )
    try:
        return prepare(name, settings)
    except DataError as error:
        if options.data == "digits":
            raise
        raise DataError(f"{error}; or take the embedded images: --data digits") from error
