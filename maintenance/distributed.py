"""What several processes compute, and what they cost: `python -m maintenance.distributed`.

Writes docs/results/distributed.json, and the tables of docs/distributed.md from it. The parity of
every recipe is looked at with torchrun; the times are those of `numpy_impl.distributed`.
"""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from textwrap import dedent
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from numpy_impl import distributed, models, optim
from numpy_impl.distributed import Ring
from parity.cli.parsing import script
from parity.distributed.workers import on_ring
from parity.recipes import RECIPES, Recipe
from parity.system import jsonfile
from parity.system.console import console
from parity.system.ranks import only_rank_0_prints, started_by_torchrun

__all__ = ["Costs", "best", "fit_link", "fit_work", "step_time"]

# What loads PyTorch is imported where it is needed: the measured processes load this file.
DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULT = DOCS / "results" / "distributed.json"
PROCESSES = (1, 2, 3, 4)
TIMED = ("logistic", "feedforward", "linear-adam", "cnn-adam")  # tutorial is the logistic net
BATCH = 17  # of the comparisons: neither 2, 3 nor 4 divides it
Sums = dict[str, dict[str, float]]  # seconds by number of processes and bytes
BATCHES = (16, 64, 256, 1024)
LENGTHS = (1_000, 4_000, 16_000, 64_000, 256_000)  # of a vector of float32
TIMES = 30  # of which the median is taken
LINKS = {  # seconds of a message, bytes in a second
    "Ethernet, 1 Gbit/s": (50e-6, 125e6),
    "Ethernet, 25 Gbit/s": (20e-6, 3.1e9),
}


# --- the model of what a step costs ---------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """What it takes to know how long a step is; times in seconds, for one process alone."""

    fixed: float  # of a step, whatever the batch
    example: float  # of an example
    message: float  # of a message, however short: the link's latency
    byte: float  # of a byte: one over the link's speed


def step_time(costs: Costs, batch: int, processes: int, nbytes: int, cores: int = 10**9) -> float:
    """The seconds of a step: a + b ⌈n/K⌉ max(1, K/cores) + 2 (K - 1) (L + M / K S).

    Each process has ⌈n/K⌉ examples at most, and sends 2 (K - 1) messages of a K-th of the M bytes.
    """
    work = costs.fixed + costs.example * -(-batch // processes)
    link = costs.message + costs.byte * nbytes / processes
    return work * max(1.0, processes / cores) + 2 * (processes - 1) * link


def best(costs: Costs, batch: int, nbytes: int) -> int:
    """The number of processes, a core for each, with which a step is shortest."""
    return min(range(1, batch + 1), key=lambda k: step_time(costs, batch, k, nbytes))


def fit_work(times: dict[int, float]) -> tuple[float, float]:
    """a and b of a + b n from the seconds by batch, with errors relative to each."""
    n, seconds = np.array(list(times)), np.array(list(times.values()))
    (fixed, example), *_ = np.linalg.lstsq(
        np.stack([1 / seconds, n / seconds], axis=1), np.ones(len(n)), rcond=None
    )
    return max(float(fixed), 0.0), float(example)


def fit_link(times: dict[int, float], processes: int) -> tuple[float, float]:
    """L and 1/S of 2 (K - 1) (L + M / K S) from the seconds by bytes, errors relative to each."""
    nbytes, seconds = np.array(list(times)), np.array(list(times.values()))
    turns = 2 * (processes - 1) / seconds
    (message, byte), *_ = np.linalg.lstsq(
        np.stack([turns, turns * nbytes / processes], axis=1), np.ones(len(turns)), rcond=None
    )
    return max(float(message), 0.0), max(float(byte), 0.0)


# --- what is measured -----------------------------------------------------------------------------


def timed_sums(ring: Ring, lengths: tuple[int, ...]) -> Iterator[dict[int, float]]:
    """The median seconds of an all-reduce, by bytes."""
    found = {}
    for length in lengths:
        array, times = np.zeros(length, np.float32), []
        for _ in range(TIMES):
            start = perf_counter()
            ring.all_reduce(array)
            times.append(perf_counter() - start)
        found[array.nbytes] = median(times)
    yield found


def timed_steps(
    ring: Ring, model: Any, optimizer: Any, images: ndarray, labels: ndarray
) -> Iterator[dict[int, float]]:
    """The median seconds of a step, by the batch that the processes share."""
    found = {}
    for batch in BATCHES:
        batches, times = [np.arange(batch)] * (TIMES + 3), []
        start = perf_counter()
        for _ in distributed.steps(ring, model, optimizer, images, labels, batches):
            times.append(perf_counter() - start)
            start = perf_counter()
        found[batch] = median(times[3:])
    yield found


def program(recipe: Recipe) -> tuple[Any, Any]:
    """The recipe's model and optimizer in NumPy."""
    rng = np.random.default_rng(0)
    sizes = {"SoftmaxRegression": (784, 10), "FeedForward": (784, 100, 10), "ConvNet": (10,)}
    model = getattr(models, recipe.model)(*sizes[recipe.model], rng=rng)
    return model, getattr(optim, recipe.optimizer)(model.parameters(), lr=recipe.lr)


def measure_sums() -> Sums:
    """Seconds of the ring's all-reduce by number of processes and bytes."""
    found = {}
    for processes in PROCESSES[1:]:
        (times,) = on_ring(processes, 4 * max(LENGTHS), 60.0, timed_sums, LENGTHS)
        found[str(processes)] = {str(nbytes): seconds for nbytes, seconds in times.items()}
    return found


def measure_steps() -> list[dict[str, Any]]:
    """Seconds of a step by recipe, number of processes and batch."""
    rng, rows = np.random.default_rng(0), []
    images, labels = rng.random((1024, 784), np.float32), rng.integers(0, 10, 1024)
    for name in TIMED:
        model, optimizer = program(RECIPES[name])
        nbytes = size_of(model)
        for processes in PROCESSES:
            data = model, optimizer, images, labels
            (times,) = on_ring(processes, nbytes + 8, 60.0, timed_steps, *data)
            row = {"recipe": name, "processes": processes, "bytes": nbytes}
            rows += [row | {"batch": n, "seconds": seconds} for n, seconds in times.items()]
    return rows


def size_of(model: Any) -> int:
    """The bytes of its gradients."""
    return sum(parameter.data.nbytes for parameter in model.parameters())


# --- under torchrun -------------------------------------------------------------------------------


def compare_all(folder: Path) -> None:
    """Compare every recipe in both dtypes on this number of processes; rank 0 writes the answers.

    And time gloo's all-reduce.
    """
    import torch
    import torch.distributed as dist

    from parity.comparison.compare import compare
    from parity.distributed.group import join
    from parity.distributed.program import DataParallel, follow
    from parity.experiment.prepare import prepare
    from parity.experiment.settings import Settings
    from parity.system.threads import limit_threads

    only_rank_0_prints()
    rows, sums = [], {}
    with join("cpu", 120.0, "...") as group, limit_threads():
        for name in RECIPES:
            for dtype in ("float32", "float64"):
                experiment = prepare(name, Settings(dtype=dtype, epochs=2, batch_size=BATCH))
                if group.rank:
                    follow(DataParallel(experiment, group))
                    continue
                with group.leading():
                    result = compare(experiment, program=lambda it: DataParallel(it, group))
                last = len(experiment.batches()[-1])
                answer = {"recipe": name, "dtype": dtype, "processes": group.size, "last": last}
                rows.append(answer | result.summary())
        for length in LENGTHS if group.size > 1 else ():
            vector, times = torch.zeros(length), []
            for _ in range(TIMES):
                start = perf_counter()
                dist.all_reduce(vector)
                times.append(perf_counter() - start)
            sums[str(4 * length)] = median(times)
    if rows:
        answers = {"rows": rows, "sums": {str(group.size): sums} if sums else {}}
        jsonfile.write(folder / f"{group.size}.json", answers)


def compare_on(processes: int, folder: Path) -> dict[str, Any]:
    """What `compare_all` finds on so many processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    command = [*torchrun, "-m", "maintenance.distributed", "--folder", str(folder)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    answers: dict[str, Any] = json.loads((folder / f"{processes}.json").read_text())
    return answers


def output_of(folder: Path) -> str:
    """What the command of the page prints, on a terminal of 80 columns."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "parity", "compare", "logistic", "--distributed", "--epochs", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80"}
    done = subprocess.run(
        command, check=True, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    return "\n".join(map(str.rstrip, done.stdout.splitlines())) + "\n"


# --- the page -------------------------------------------------------------------------------------


def parity_table(rows: list[dict[str, Any]]) -> str:
    """A row for each recipe and dtype: the largest difference of a gradient, by processes."""
    from maintenance.pages import markdown_table

    found = {(it["recipe"], it["dtype"], it["processes"]): it for it in rows}
    cells = []
    for recipe in RECIPES:
        for dtype in ("float32", "float64"):
            runs = [found[recipe, dtype, processes] for processes in PROCESSES]
            steps, last = runs[0]["steps"], runs[0]["last"]
            cells.append((f"`{recipe}`", dtype, f"{steps}", f"{last}", *map(in_short, runs)))
    header = ("recipe", "dtype", "steps", "last batch", *(f"K = {k}" for k in PROCESSES))
    return markdown_table(header, cells)


def in_short(run: dict[str, Any]) -> str:
    """Whether parity holds, and how far the gradients were apart at most."""
    difference = f"{run['max_difference']['gradients']:.1e}"
    return f"holds, {difference}" if run["parity"] else f"does not hold, {difference}"


def sums_table(ring: Sums, gloo: Sums) -> str:
    """Microseconds of an all-reduce: by hand and gloo's."""
    from maintenance.pages import markdown_table

    columns = [(name, k) for k in ring for name in ("by hand", "gloo")]
    cells = [
        (
            f"{int(nbytes):,}",
            *(
                f"{1e6 * (ring if name == 'by hand' else gloo)[k][nbytes]:,.0f}"
                for name, k in columns
            ),
        )
        for nbytes in ring["2"]
    ]
    return markdown_table(("bytes", *(f"K = {k}, {name}" for name, k in columns)), cells)


def steps_table(rows: list[dict[str, Any]], costs: dict[str, Costs], cores: int) -> str:
    """Milliseconds of a step as measured, and as the model has it."""
    from maintenance.pages import markdown_table

    cells = []
    for name in TIMED:
        for batch in BATCHES:
            runs = [it for it in rows if (it["recipe"], it["batch"]) == (name, batch)]
            cells.append(
                (
                    f"`{name}`",
                    f"{batch:,}",
                    *(
                        f"{1e3 * it['seconds']:.2f} ({1e3 * predicted:.2f})"
                        for it in runs
                        for predicted in [
                            step_time(costs[name], batch, it["processes"], it["bytes"], cores)
                        ]
                    ),
                )
            )
    return markdown_table(("recipe", "batch", *(f"K = {k}" for k in PROCESSES)), cells)


def costs_table(costs: dict[str, Costs], nbytes: dict[str, int]) -> str:
    """What was fitted, and the best number of processes by link."""
    from maintenance.pages import markdown_table

    cells = []
    for name, it in costs.items():
        links = {"shared memory": (it.message, it.byte)} | {
            link: (latency, 1 / speed) for link, (latency, speed) in LINKS.items()
        }
        for batch in (RECIPES[name].batch_size, max(BATCHES)):
            counts = [
                str(best(replace(it, message=message, byte=byte), batch, nbytes[name]))
                for message, byte in links.values()
            ]
            fitted = (f"{1e6 * it.fixed:.0f}", f"{1e6 * it.example:.2f}", f"{nbytes[name]:,}")
            cells.append((f"`{name}`", *fitted, f"{batch:,}", *counts))
    header = ("recipe", "a, µs", "b, µs", "M, bytes", "batch n", *(f"K*, {it}" for it in links))
    return markdown_table(header, cells)


def fitted(answers: dict[str, Any]) -> dict[str, Costs]:
    """The costs of each recipe, from one process's steps and two processes' sums."""
    link = fit_link({int(n): seconds for n, seconds in answers["ring"]["2"].items()}, 2)
    alone = [it for it in answers["steps"] if it["processes"] == 1]
    return {
        name: Costs(
            *fit_work({it["batch"]: it["seconds"] for it in alone if it["recipe"] == name}), *link
        )
        for name in TIMED
    }


def write_page(answers: dict[str, Any]) -> None:
    """Put the tables into the page."""
    from maintenance.pages import replace_block

    costs, steps = fitted(answers), answers["steps"]
    nbytes = {it["recipe"]: it["bytes"] for it in steps}
    link = next(iter(costs.values()))
    speed = f"{1e-9 / link.byte:.1f} GB/s" if link.byte else "too fast to be seen"
    words = f"Fitted link: latency {1e6 * link.message:.0f} µs, speed {speed}."
    page = DOCS / "distributed.md"
    replace_block(page, "output", f"```text\n{answers['output']}```")
    replace_block(page, "ring", f"```python\n{dedent(inspect.getsource(Ring.all_reduce))}```")
    replace_block(page, "processes", parity_table(answers["parity"]))
    replace_block(page, "sums", sums_table(answers["ring"], answers["gloo"]))
    replace_block(page, "steps", steps_table(steps, costs, answers["cores"]))
    replace_block(page, "costs", f"{costs_table(costs, nbytes)}\n\n{words}")


@dataclass(kw_only=True)
class Distributed:
    """Measure, write the result, and rebuild the tables of docs/distributed.md."""

    only: Literal["parity", "times", "page"] | None = None
    """A part of it; the other figures stay."""
    folder: Path | None = None
    """Where a process of torchrun writes what it found; for this command's own use."""

    def run(self) -> int:
        """Exit code 0; 1 if a recipe has no parity."""
        if started_by_torchrun() and self.folder is not None:
            compare_all(self.folder)
            return 0
        answers = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        if self.only in (None, "parity"):
            with TemporaryDirectory() as folder:
                found = [compare_on(processes, Path(folder)) for processes in PROCESSES]
                answers["output"] = output_of(Path(folder))
            answers["parity"] = [row for it in found for row in it["rows"]]
            answers["gloo"] = {k: v for it in found for k, v in it["sums"].items()}
        if self.only in (None, "times"):
            answers |= {"ring": measure_sums(), "steps": measure_steps(), "cores": os.cpu_count()}
        jsonfile.write(RESULT, answers)
        write_page(answers)
        console.print(parity_table(answers["parity"]), markup=False, soft_wrap=True)
        return 0 if all(row["parity"] for row in answers["parity"]) else 1


if __name__ == "__main__":
    sys.exit(script(Distributed, "python -m maintenance.distributed"))
