"""The tables of a run, made from its results as they are in the JSON."""

from collections.abc import Mapping
from statistics import geometric_mean
from typing import Any

import numpy as np

from benchmarks.goals import ratios
from benchmarks.phases import PHASES
from benchmarks.table import Table

__all__ = [
    "TABLES",
    "TITLES",
    "goal_table",
    "headline",
    "layer_table",
    "line_through",
    "machine_lines",
    "mean_table",
    "memory_table",
    "phase_table",
    "progress",
    "scaling_table",
    "step_table",
    "tables",
    "threads",
]

Answer = Mapping[str, Any]

TITLES = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "tuned": "tuned PyTorch",
    "compile": "torch.compile",
    "tutorial": "tutorial loop",
    "floor": "lower bound",
    "jax": "JAX jit",
    "sklearn": "scikit-learn",
    "cuda": "PyTorch, CUDA",
}


def headline(answer: Answer) -> str:
    """What is measured, and on which machine."""
    return "\n".join(
        [f"{answer['data']}, {answer['dtype']}, {threads(answer)}", *machine_lines(answer)]
    )


def threads(answer: Answer) -> str:
    """The number of threads in words, and the OpenBLAS kernels if they were asked for by name."""
    count = f"{answer['threads']} thread{'s' * (answer['threads'] > 1)}"
    kernels = answer["machine"]["openblas_coretype"]
    return f"{count}, {kernels} kernels" if kernels else count


def machine_lines(answer: Answer) -> list[str]:
    """The machine and its libraries."""
    machine = answer["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}",
        f"Python {machine['python']}, {versions}; BLAS: {machine['numpy_blas']} in NumPy, "
        f"{machine['torch_blas']} in PyTorch",
    ]
    if machine["cuda"]:
        lines.append(f"CUDA device: {machine['cuda']}, TF32 off")
    if machine["load_before"] > machine["cores"] - answer["threads"] + 0.5:
        lines.append(
            f"The machine was busy before the run with {threads(answer)} (load "
            f"{machine['load_before']}), so the times include waiting for a core"
        )
    return lines


def progress(row: Answer) -> str:
    """The row in one line, printed as soon as it is measured."""
    us = row["us_per_step"]
    line = f"{row['recipe']}, batch size {row['batch_size']}: NumPy {us['numpy']:,.0f} µs a step"
    if "torch" not in us:
        return line
    return (
        f"{line}, PyTorch {us['torch']:,.0f} µs: {row['speedup_over_torch']:.2f} times as fast, "
        f"{row['over_floor']:.2f} times the lower bound"
    )


def columns(answer: Answer) -> list[str]:
    """The programs that were measured, in the order of the table."""
    return [name for name in TITLES if any(name in row["us_per_step"] for row in answer["rows"])]


def step_table(answer: Answer) -> Table:
    """Microseconds of a step, with half the distance of the quartiles in percent."""
    names = columns(answer)
    titles = [
        "recipe",
        "batch",
        *(TITLES[name] for name in names),
        "PyTorch / NumPy",
        "NumPy / lower bound",
    ]
    table = Table(titles, caption=STEP_CAPTION)
    for row in answer["rows"]:
        table.rows.append(
            [
                row["recipe"],
                f"{row['batch_size']:,}",
                *(cell(row, name) for name in names),
                f"{row['speedup_over_torch']:.2f}",
                f"{row['over_floor']:.2f}",
            ]
        )
    return table


STEP_CAPTION = "µs per training step: the median, and half the distance of the quartiles in percent"


def cell(row: Answer, name: str) -> str:
    """The median with its spread; empty if the program cannot train the recipe."""
    if name not in row["us_per_step"]:
        return ""
    us, (low, high) = row["us_per_step"][name], row["quartiles"][name]
    return f"{us:,.0f} ±{(high - low) / 2 / us:.0%}"


def mean_table(answer: Answer) -> Table:
    """By recipe: how many times as long as NumPy each program takes, as a geometric mean."""
    names = [name for name in columns(answer) if name != "numpy"]
    sizes = sorted({row["batch_size"] for row in answer["rows"]})
    table = Table(
        ["recipe", *(f"{TITLES[name]} / NumPy" for name in names)],
        caption=f"geometric means over the batch sizes {', '.join(map(str, sizes))}",
    )
    for recipe in dict.fromkeys(row["recipe"] for row in answer["rows"]):
        rows = [row for row in answer["rows"] if row["recipe"] == recipe]
        means = [
            f"{geometric_mean(ratios(rows, recipe, (name, 'numpy')).values()):.2f}"
            if name in rows[0]["us_per_step"]
            else ""
            for name in names
        ]
        table.rows.append([recipe, *means])
    return table


def memory_table(answer: Answer) -> Table:
    """By recipe: megabytes that training needs in addition to the images, at the largest batch."""
    names = [name for name in columns(answer) if name != "floor"]
    table = Table(["recipe", "batch", *(TITLES[name] for name in names)], caption=MEMORY_CAPTION)
    last = {row["recipe"]: row for row in answer["rows"]}
    for recipe, row in last.items():
        memory = row["peak_memory_mb"]
        table.rows.append(
            [
                recipe,
                f"{row['batch_size']:,}",
                *(f"{memory[name]:,.0f}" if name in memory else "" for name in names),
            ]
        )
    return table


MEMORY_CAPTION = "MB by which training raised the peak memory of its process, above the images"


def scaling_table(answer: Answer) -> Table:
    """By recipe and program: the cost of an image, and how straight the line is."""
    table = Table(
        ["recipe", "program", "images", "µs an image", "exponent", "farthest from the line"],
        labels=2,
        caption="cost of an epoch by number of images; the exponent is 1 if it grows in proportion",
    )
    for row in answer["rows"]:
        if "scaling" not in row:
            continue
        images = row["scaling"]["images"]
        for program, seconds in row["scaling"]["seconds"].items():
            slope, exponent, farthest = line_through(images, seconds)
            table.rows.append(
                [
                    row["recipe"],
                    TITLES[program],
                    f"{images[0]:,} to {images[-1]:,}",
                    f"{1e6 * slope:.2f}",
                    f"{exponent:.2f}",
                    f"{farthest:.0%}",
                ]
            )
    return table


def line_through(images: list[int], seconds: list[float]) -> tuple[float, float, float]:
    """Seconds per image, the exponent, and the largest relative distance from the line.

    The line goes through the origin and has the least sum of squared relative distances. The
    exponent is the slope in logarithms: 1 if the cost grows in proportion to the images.
    """
    x, y = np.array(images), np.array(seconds)
    slope = float((x / y).sum() / ((x / y) ** 2).sum())
    exponent = float(np.polyfit(np.log(x), np.log(y), 1)[0]) if len(x) > 1 else float("nan")
    return slope, exponent, float(np.abs(slope * x / y - 1).max())


def goal_table(answer: Answer) -> Table:
    """Each goal whose batch sizes and programs were measured, with the measured value."""
    table = Table(["recipe", "ratio", "batch sizes", "over them", "goal", "measured", ""], labels=4)
    judged = [goal for goal in answer["goals"] if goal["met"] is not None]
    for goal in judged:
        above, below = goal["ratio"]
        sizes = [f"{size:,}" for size in goal["batch_sizes"]]
        table.rows.append(
            [
                goal["recipe"],
                f"{TITLES[above]} / {TITLES[below]}",
                sizes[0] if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}",
                "" if len(sizes) == 1 else goal["over"],
                f"at {'most' if goal['over'] == 'highest' else 'least'} {goal['bound']:g}",
                f"{goal['measured']:.2f}",
                "met" if goal["met"] else "not met",
            ]
        )
    if left := len(answer["goals"]) - len(judged):
        table.caption = f"{left} more goals need batch sizes or programs that were not measured"
    return table


def phase_table(answer: Answer) -> Table:
    """By case: microseconds of each phase of a NumPy step, and its share of the step."""
    table = Table(["recipe", "batch", "step", *PHASES], caption=PHASE_CAPTION)
    for row in answer["rows"]:
        phases = row["us_per_phase"]
        total = sum(phases[name] for name in PHASES)
        table.rows.append(
            [
                row["recipe"],
                f"{row['batch_size']:,}",
                f"{row['us_per_step']['numpy']:,.0f}",
                *(f"{phases[name]:,.0f} ({phases[name] / total:.0%})" for name in PHASES),
            ]
        )
    return table


PHASE_CAPTION = "µs; measuring them makes the sum of the phases a few µs longer than the step"


def layer_table(answer: Answer) -> Table:
    """By case: microseconds of the forward and the backward of each layer."""
    table = Table(["recipe", "batch", "layer", "forward", "backward"], labels=1)
    for row in answer["rows"]:
        us = row["us_per_phase"]
        for name in (key.split()[1] for key in us if key.startswith("forward ")):
            table.rows.append(
                [
                    row["recipe"],
                    f"{row['batch_size']:,}",
                    name,
                    *(f"{us.get(f'{phase} {name}', 0):,.0f}" for phase in ("forward", "backward")),
                ]
            )
    return table


TABLES = (step_table, mean_table, goal_table, scaling_table, memory_table)


def tables(answer: Answer) -> list[Table]:
    """The tables that have rows: with --quick there may be no goal to judge."""
    return [table for make in TABLES if (table := make(answer)).rows]
