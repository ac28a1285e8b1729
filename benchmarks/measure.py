"""Measure one case: check, burn in, then let the programs take turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.check import check_parity
from benchmarks.work import Case
from benchmarks.worker import Worker, workers

__all__ = ["FULL", "QUICK", "Plan", "measure", "profile"]

BURN_IN = 3  # turns before the first that counts
SCALED = ("numpy", "torch")


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    repeats: int = 11  # turns of each program
    block: float = 0.15  # seconds of each turn
    scale_repeats: int = 3
    fractions: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)  # of the images, for `scaling`


FULL = Plan()
QUICK = Plan(repeats=5, block=0.05, scale_repeats=1, fractions=(1 / 32, 1 / 16, 1 / 8))


def measure(case: Case, names: list[str], plan: Plan, scaling: bool) -> dict[str, Any]:
    """The row of the case; with `scaling` also the seconds of an epoch by number of images.

    Each program has its own process. They take turns (A B C A B C ...), so that a disturbance of
    the machine meets all of them. Only the program whose turn it is runs.

    Raises
    ------
    BadCaseError
        If a program does not train as PyTorch does.
    """
    with workers(names, case) as programs:
        check_parity(case, programs)
        seconds = take_turns(programs, burn_in(case, programs, plan.block), plan.repeats)
        row = make_row(case, seconds)
        row["peak_memory_mb"] = {
            name: worker.ask("memory") / 1e6 for name, worker in programs.items() if name != "floor"
        }
        if scaling:
            both = {name: programs[name] for name in SCALED}
            row["scaling"] = scale(case, both, plan)
    return row


def burn_in(case: Case, programs: Mapping[str, Worker], block: float) -> dict[str, int]:
    """For each program how many steps take about `block` seconds; at most an epoch."""
    counts = {}
    for name, worker in programs.items():
        count = 1
        for _ in range(BURN_IN):
            seconds = worker.ask("seconds", count)
            count = min(case.steps_per_epoch, max(1, round(count * block / seconds)))
        counts[name] = count
    return counts


def take_turns(
    programs: Mapping[str, Worker], counts: Mapping[str, int], repeats: int
) -> dict[str, list[float]]:
    """The seconds per step of each program in each of its turns."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, worker in programs.items():
            seconds[name].append(worker.ask("seconds", counts[name]) / counts[name])
    return seconds


def make_row(case: Case, seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """The row of the JSON: medians and quartiles in microseconds, and the ratios."""
    us = {name: 1e6 * median(values) for name, values in seconds.items()}
    quartiles = {
        name: [1e6 * float(it) for it in np.quantile(values, (0.25, 0.75))]
        for name, values in seconds.items()
    }
    return {
        "recipe": case.recipe.name,
        "batch_size": case.recipe.batch_size,
        "us_per_step": us,
        "speedup_over_torch": us["torch"] / us["numpy"],
        "over_floor": us["numpy"] / us["floor"],
        "quartiles": quartiles,
    }


def scale(case: Case, programs: Mapping[str, Worker], plan: Plan) -> dict[str, Any]:
    """The seconds of an epoch on the first part of the images, for each part of the plan."""
    sizes = [max(case.recipe.batch_size, round(case.num_images * it)) for it in plan.fractions]
    samples: dict[str, list[list[float]]] = {name: [[] for _ in sizes] for name in programs}
    for _ in range(plan.scale_repeats):
        for number, size in enumerate(sizes):
            for name, worker in programs.items():
                samples[name][number].append(worker.ask("epoch_seconds", size))
    return {
        "batch_size": case.recipe.batch_size,
        "images": [size - size % case.recipe.batch_size for size in sizes],
        "seconds": {name: [median(it) for it in values] for name, values in samples.items()},
    }


def profile(case: Case, plan: Plan) -> dict[str, Any]:
    """The phases of a step of `numpy_impl`: medians over the turns."""
    with workers(["numpy"], case) as programs:
        count = burn_in(case, programs, plan.block)["numpy"]
        turns = [programs["numpy"].ask("phases", count) for _ in range(plan.repeats)]
        plain = [programs["numpy"].ask("seconds", count) / count for _ in range(plan.repeats)]
    return {
        "recipe": case.recipe.name,
        "batch_size": case.recipe.batch_size,
        "us_per_step": {"numpy": 1e6 * median(plain)},
        "us_per_phase": {name: 1e6 * median(turn[name] for turn in turns) for name in turns[0]},
    }
