"""Pages to look at in a browser: a comparison, a sweep, a check; each one file, whole in itself."""

import platform
from collections.abc import Sequence
from dataclasses import fields
from html import escape
from pathlib import Path

import numpy as np
import torch

from parity.checking.report import Report
from parity.comparison.result import CompareResult
from parity.comparison.sweep import Cell
from parity.pictures.saving import as_png
from parity.pictures.style import KIND_STYLES, smoothed
from parity.pictures.training import weight_images
from parity.system import files, html
from parity.system.html import Line
from parity.system.palette import BACKENDS, NAMES

__all__ = ["check_page", "compare_page", "options", "save", "sweep_page"]

SHOWN = 24  # misclassified images
WIDTHS = {"numpy": 6.0, "torch": 1.5}  # PyTorch's dashes on NumPy's broad line
DASHES = {"numpy": "", "torch": "7 5"}
KIND_DASHES = dict(zip(KIND_STYLES, ("", "7 4", "7 3 1 3", "1 4"), strict=True))


def save(page: str, path: Path, option: str) -> None:
    """Write the page to `path`, whole or not at all; raises InputError if that cannot be."""
    files.write(path, page.encode(), option)


def compare_page(result: CompareResult, command: str) -> str:
    """The report of a comparison; `command` is what runs it again."""
    parts = [
        f"<p><b>{escape(result.in_short)}.</b></p>",
        *divergence(result),
        html.chart(
            "Loss: training smoothed, each step faint; held-out as dots",
            loss_lines(result),
            x_label="step",
            y_label="cross-entropy",
            marks=result.marks,
        ),
        html.chart(
            "Accuracy",
            [
                Line(
                    f"{NAMES[backend]}, {split}",
                    [point.step for point in result.curve(split)],
                    [100 * point.accuracy[backend] for point in result.curve(split)],
                    BACKENDS[backend],
                    WIDTHS[backend],
                    DASHES[backend],
                    0.5 if backend == "numpy" else 1.0,
                )
                for split in (result.experiment.held_out, "training")
                for backend in NAMES
                if result.curve(split)
            ],
            x_label="step",
            y_label="right answers, %",
            marks=result.marks,
        ),
        html.chart(
            "How much of the allowed difference is used, by kind of tensor",
            [
                Line(
                    kind,
                    np.arange(1, 1 + len(result.steps)),
                    [step.used[kind] for step in result.steps],
                    style["color"],
                    1.2,
                    KIND_DASHES[kind],
                )
                for kind, style in KIND_STYLES.items()
            ],
            x_label="step",
            y_label="error / allowance",
            log=True,
            marks=result.marks,
            limit=1.0,
        ),
        allowance_map(result),
        "<p>Drag over a chart to zoom in, double-click to see all of it.</p>",
        "<h2>Epochs</h2>",
        f"<p>Loss and accuracy are of the {result.experiment.held_out} images. Δ is the largest "
        "difference of any step, over the tensor's scale.</p>",
        result.epochs_as_html(),
        "<h2>Weights</h2>",
        html.picture(
            as_png(weight_images({n: s.weights() for n, s in result.backends.items()}), dpi=90),
            "the weights of the first layer as images",
        ),
        *misclassified(result),
        *how_to_run(command),
    ]
    return html.page(f"{result.title}", *parts)


def divergence(result: CompareResult) -> list[str]:
    """Where the two first parted, if they did."""
    found = result.first_divergence
    if found is None:
        return []
    rows = [
        (found.step, found.phase, f"{found.tensor}{list(found.index) or ''}"),
    ]
    values = [("NumPy", found.numpy), ("PyTorch", found.torch), ("truth", found.truth)]
    values.append(("allowed difference from the truth", found.tolerance))
    return [
        html.table(("first divergence: step", "phase", "tensor"), rows),
        html.table(("", "value"), [(name, repr(value)) for name, value in values]),
    ]


def loss_lines(result: CompareResult) -> list[Line]:
    """Training loss of both backends, and the held-out loss at its checkpoints."""
    lines = []
    curve = result.curve(result.experiment.held_out)
    for backend, name in NAMES.items():
        losses = np.array([step.loss[backend] for step in result.steps])
        where, means = smoothed(losses)
        opacity = 0.5 if backend == "numpy" else 1.0
        raw = Line("", 1 + np.arange(len(losses)), losses, BACKENDS[backend], 0.6, opacity=0.2)
        mean = Line(
            f"{name}, training",
            1 + where,
            means,
            BACKENDS[backend],
            WIDTHS[backend],
            DASHES[backend],
            opacity,
        )
        points = Line(
            f"{name}, {curve[0].split}",
            [point.step for point in curve],
            [point.loss[backend] for point in curve],
            BACKENDS[backend],
            1.6 if backend == "numpy" else 0.8,
            points=True,
        )
        lines += [raw, mean, points]
    return lines


def allowance_map(result: CompareResult) -> str:
    """The allowance used by each tensor at each step, in the order of computation."""
    keys = list(result.steps[0].used_by_tensor)
    return html.heat_map(
        "Allowance used by each tensor at each step",
        [name if phase == name else f"{phase} {name}" for phase, name in keys],
        np.array([[step.used_by_tensor[key] for step in result.steps] for key in keys]),
        x_label="step",
        marks=result.marks,
    )


def misclassified(result: CompareResult) -> list[str]:
    """The first held-out images that either backend gets wrong, with both answers."""
    experiment, split = result.experiment, result.experiment.held_out
    images, labels = experiment.arrays(split, experiment.settings.dtype)
    answers = {
        name: backend.predict(images).argmax(axis=1) for name, backend in result.backends.items()
    }
    wrong = np.flatnonzero(np.any([answer != labels for answer in answers.values()], axis=0))
    shown = [
        html.image(
            images[index].reshape(28, 28),
            f"image {index}: it is {labels[index]}\n"
            + "\n".join(
                f"{NAMES[backend]}: {answer[index]}" for backend, answer in answers.items()
            ),
        )
        for index in wrong[:SHOWN]
    ]
    title = f"{len(wrong):,} of {len(labels):,} {split} images are answered wrong"
    return [f"<h2>{title}</h2>", "".join(shown)]


def sweep_page(title: str, cells: Sequence[Cell], command: str) -> str:
    """The report of a sweep: accuracy and loss of every cell, and the table."""
    names = [cell.name for cell in cells]
    shades = html.shades(len(cells))
    charts = [
        html.chart(
            f"Held-out {metric}: NumPy broad, PyTorch dashed",
            [
                Line(
                    name if backend == "numpy" else "",
                    [point.step / cell.steps * cell.epochs for point in cell.curve],
                    [factor * getattr(point, metric)[backend] for point in cell.curve],
                    shade,
                    WIDTHS[backend],
                    DASHES[backend],
                    0.5 if backend == "numpy" else 1.0,
                )
                for cell, name, shade in zip(cells, names, shades, strict=True)
                for backend in NAMES
            ],
            x_label="epoch",
            y_label=label,
            log=metric == "loss",
        )
        for metric, factor, label in (("accuracy", 100, "right answers, %"), ("loss", 1, "loss"))
    ]
    header = ("cell", "steps", "loss NumPy", "PyTorch", "accuracy NumPy", "PyTorch", "parity")
    rows = [
        (
            name,
            f"{cell.steps:,}",
            *(f"{cell.curve[-1].loss[backend]:.4g}" if cell.curve else "" for backend in NAMES),
            *(f"{cell.curve[-1].accuracy[backend]:.2%}" if cell.curve else "" for backend in NAMES),
            cell.stopped or cell.in_short,
        )
        for cell, name in zip(cells, names, strict=True)
    ]
    return html.page(title, *charts, html.table(header, rows), *how_to_run(command))


def check_page(report: Report, command: str) -> str:
    """What was found in somebody's file."""
    return html.page(f"parity check {report.file}", report.as_html(), *how_to_run(command))


def how_to_run(command: str) -> list[str]:
    """The command, and the versions it was run with."""
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    )
    return [f"<h2>Run it again</h2><pre>{escape(command)}</pre><p>{escape(versions)}</p>"]


def options(chosen: object) -> str:
    """The options of a command line that differ from the defaults of the dataclass."""
    given = []
    for field in fields(chosen):  # type: ignore[arg-type]
        value, name = getattr(chosen, field.name), field.name.replace("_", "-")
        if field.name in ("recipe", "json", "report", "file", "html") or value == field.default:
            continue
        values = value if isinstance(value, tuple) else (value,)
        given.append(f"--{name}" + ("" if value is True else "".join(f" {v}" for v in values)))
    return "".join(f" {option}" for option in given)
