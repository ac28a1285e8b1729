"""Pictures of what a trained model answers: one digit, its mistakes, its confusion matrix."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from parity.errors import InputError
from parity.pictures.saving import Picture
from parity.predict.answers import Answers
from parity.system import files
from parity.system.palette import BACKENDS, NAMES

__all__ = ["check_writable", "confusion_picture", "digit_picture", "mistakes_picture"]

HATCHES = {"numpy": "", "torch": "////"}
SIZE = (28, 28)
ROWS, COLUMNS = 4, 6


def check_writable(path: Path | None) -> None:
    """Raise InputError now, before the work, for a picture that could not be written after it."""
    if path is not None and path.suffix != ".png":
        raise InputError(f"picture: got {path}, expected a name that ends in .png")
    files.check_writable(path, "picture")


def digit_picture(title: str, image: ndarray, answers: Answers) -> Picture:
    """The image (1, 784) and, beside it, both backends' probabilities as bars."""
    figure = Picture(figsize=(10, 5), layout="constrained")
    figure.suptitle(title, fontsize=16)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    show(left, image[0])
    classes = np.arange(answers.probabilities["numpy"].shape[1])
    for (backend, probabilities), offset in zip(
        answers.probabilities.items(), (-0.2, 0.2), strict=True
    ):
        right.barh(
            classes + offset,
            100 * probabilities[0],
            height=0.4,
            color=BACKENDS[backend],
            edgecolor="white",
            hatch=HATCHES[backend],
            label=NAMES[backend],
        )
    right.set(xlabel="probability, %", ylabel="class", xlim=(0, 100), yticks=classes)
    right.set_ylim(len(classes) - 0.5, -0.5)
    right.tick_params(labelsize=12)
    right.xaxis.label.set_size(14)
    right.yaxis.label.set_size(14)
    right.legend(fontsize=14, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    right.grid(axis="x", alpha=0.3)
    return figure


def mistakes_picture(
    title: str, images: ndarray, labels: ndarray, answers: Answers, wrong: ndarray
) -> Picture:
    """The first images (N, 784) at the indices `wrong`, with what both backends take them for."""
    shown = wrong[: ROWS * COLUMNS]
    columns = min(COLUMNS, max(len(shown), 1))
    rows = -(-len(shown) // columns) or 1
    figure = Picture(figsize=(max(2.1 * columns, 8), 2.9 * rows + 0.8), layout="constrained")
    figure.suptitle(title, fontsize=16)
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    if len(shown) == 0:
        grid[0, 0].text(0.5, 0.5, "no mistakes", ha="center", fontsize=20)
    for axes, index in zip(grid.flat, shown, strict=False):
        show(axes, images[index])
        axes.set_title(caption(answers, int(index), int(labels[index])), fontsize=13)
    return figure


def caption(answers: Answers, index: int, label: int) -> str:
    """The true label, and what each backend answers with which probability."""
    lines = [f"it is {label}, image {index}"]
    for backend, name in NAMES.items():
        answer, confidence = answers.classes[backend][index], answers.confidence[backend][index]
        lines.append(f"{name}: {answer}, {confidence:.1%}")
    return "\n".join(lines)


def confusion_picture(title: str, confusion: dict[str, ndarray]) -> Picture:
    """How often each digit was taken for each; one panel if both backends' counts are the same."""
    panels = {NAMES[backend]: counts for backend, counts in confusion.items()}
    if np.array_equal(confusion["numpy"], confusion["torch"]):
        panels = {"NumPy and PyTorch alike": confusion["numpy"]}
    figure = Picture(figsize=(9 * len(panels), 8.6), layout="constrained")
    figure.suptitle(title, fontsize=18)
    grid: Any = figure.subplots(1, len(panels), squeeze=False)
    for axes, (name, counts) in zip(grid[0], panels.items(), strict=True):
        plot_confusion(axes, counts)
        axes.set_title(name, fontsize=16)
    return figure


def plot_confusion(axes: Axes, counts: ndarray) -> None:
    """Counts as numbers; the color is the share of the row, on a scale that shows rare mistakes."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = np.sqrt(share)
    axes.imshow(shade, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shade[row, column] > 0.6 else "black"
            weight = "bold" if row == column else "normal"
            axes.text(
                column,
                row,
                f"{count}",
                ha="center",
                va="center",
                fontsize=14,
                color=color,
                weight=weight,
            )
    classes = range(len(counts))
    axes.set(xticks=classes, yticks=classes)
    axes.set_xlabel("answer of the model", fontsize=16)
    axes.set_ylabel("true class", fontsize=16)
    axes.tick_params(labelsize=14)


def show(axes: Axes, image: ndarray) -> None:
    """One image (784,), white on black."""
    axes.imshow(image.reshape(SIZE), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
