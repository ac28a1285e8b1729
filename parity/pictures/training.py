"""The pictures of a comparison."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from parity.comparison.result import CompareResult, Result
from parity.pictures.saving import Picture
from parity.pictures.style import (
    BACKENDS,
    DIVERGENCE,
    HORIZON,
    KIND_STYLES,
    legend_below,
    smoothed,
)

__all__ = ["training_curves", "weight_images"]

TILES = 10  # weights that are shown of each backend
SIDE = 28


def training_curves(result: CompareResult) -> Picture:
    """Loss and accuracy of both backends, the allowance used at each step, and the weights."""
    figure = Picture(figsize=(11, 11.5), layout="constrained")
    figure.suptitle(f"{result.title}\n{result.in_short}", fontsize=15)
    parts: Any = figure.subfigures(2, 1, height_ratios=(3.6, 1))
    curves, images = parts
    grid = curves.add_gridspec(2, 2, height_ratios=(3, 2))
    loss, accuracy = curves.add_subplot(grid[0, 0]), curves.add_subplot(grid[0, 1])
    allowance = curves.add_subplot(grid[1, :])
    plot_loss(loss, result)
    plot_accuracy(accuracy, result)
    plot_allowance(allowance, result)
    for axes in (loss, accuracy, allowance):
        axes.grid(alpha=0.3)
        axes.set_xlabel("step")
        mark(axes, result, named=axes is allowance)
    legend_below(loss, 2)
    legend_below(accuracy, 2)
    legend_below(allowance, 7)
    plot_weights(images, {name: backend.weights() for name, backend in result.backends.items()})
    return figure


def mark(axes: Axes, result: Result, named: bool) -> None:
    """Lines where rounding alone begins to drive valid runs apart, and where a bug shows."""
    for name, step in result.marks.items():
        style = HORIZON if name == "noise horizon" else DIVERGENCE
        axes.axvline(step, label=name if named else None, **style)
    if "noise horizon" in result.marks:
        axes.axvspan(result.marks["noise horizon"], len(result.steps), color="#555555", alpha=0.07)


def plot_loss(axes: Axes, result: CompareResult) -> None:
    """Training loss, smoothed with each step's own faint behind it, and held-out loss as points."""
    curve = result.curve(result.experiment.held_out)
    for backend, style in BACKENDS.items():
        losses = np.array([step.loss[backend] for step in result.steps])
        numbers = 1 + np.arange(len(losses))
        axes.plot(numbers, losses, color=style["color"], linewidth=0.5, alpha=0.15)
        where, means = smoothed(losses)
        axes.plot(1 + where, means, **style | {"label": f"{style['label']}, training"})
        plot_points(axes, curve, backend, "loss", 1.0, f"{style['label']}, {curve[0].split}")
    axes.set(title="Loss: training smoothed, each step faint", ylabel="cross-entropy", ylim=0)


def plot_accuracy(axes: Axes, result: CompareResult) -> None:
    """Accuracy on held-out images as training goes on, and on the training images if known."""
    for split in (result.experiment.held_out, "training"):
        curve = result.curve(split)
        for backend, style in BACKENDS.items() if curve else ():
            label = f"{style['label']}, {split}"
            plot_points(axes, curve, backend, "accuracy", 100.0, label, joined=True)
    axes.set(title="Accuracy", ylabel="right answers, %")


MARKERS = {"numpy": "o", "torch": "x"}


def plot_points(
    axes: Axes,
    curve: Any,
    backend: str,
    metric: str,
    factor: float,
    label: str,
    joined: bool = False,
) -> None:
    """A checkpoint each: NumPy's as rings, PyTorch's as crosses in them; training images dotted."""
    style = BACKENDS[backend]
    training = curve[0].split == "training"
    axes.plot(
        [point.step for point in curve],
        [factor * getattr(point, metric)[backend] for point in curve],
        color=style["color"],
        linestyle=(":" if training else style.get("linestyle", "-")) if joined else "",
        linewidth=style["linewidth"] / 2 if joined else 0,
        marker=None if training else MARKERS[backend],
        markersize=8 if backend == "numpy" else 5,
        markerfacecolor="none",
        alpha=0.8,
        label=label,
        markevery=max(1, len(curve) // 20),
    )


def plot_allowance(axes: Axes, result: Result) -> None:
    """NumPy's error over what the rule allows, by kind, at each step: parity is below 1."""
    numbers = [step.number for step in result.steps]
    for kind, style in KIND_STYLES.items():
        used = np.array([step.used[kind] for step in result.steps])
        point = "." if len(numbers) == 1 else None
        axes.plot(numbers, np.where(used > 0, used, np.nan), linewidth=1.2, marker=point, **style)
    axes.axhline(1, color="black", linewidth=2, label="limit")
    axes.set(
        title="How much of the allowed difference is used",
        ylabel="error / allowance",
        yscale="log",
    )


def weight_images(weights: Mapping[str, Mapping[str, ndarray]]) -> Picture:
    """The first layer's weights by side, as images: purple is positive, orange negative."""
    figure = Picture(figsize=(11, 2.6), layout="constrained")
    plot_weights(figure, weights)
    return figure


def plot_weights(figure: Any, weights: Mapping[str, Mapping[str, ndarray]]) -> None:
    """A row of tiles for each backend: what each of the first units looks for."""
    tiles = {backend: first_layer(state) for backend, state in weights.items()}
    count = min(len(images) for images in tiles.values())
    name = next(iter(next(iter(weights.values()))))
    figure.suptitle(f"{name}, the first {count}: purple adds, orange takes away", fontsize=12)
    limit = max(float(np.abs(images).max()) for images in tiles.values())
    for axes, (backend, images) in zip(figure.subplots(len(tiles), 1), tiles.items(), strict=True):
        axes.set_ylabel(BACKENDS[backend]["label"])
        axes.imshow(in_a_row(images[:count]), cmap="PuOr", vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)


def in_a_row(images: ndarray) -> ndarray:
    """Images (N, H, W) side by side, with a gap of NaN after each."""
    gap = max(1, images.shape[-1] // 10)
    padded = np.pad(images.astype(float), ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)
    return np.concatenate(list(padded), axis=1)[:, :-gap]


def first_layer(state: Mapping[str, ndarray]) -> ndarray:
    """The weights that see the image: (units, 28, 28) of a linear layer, (channels, 3, 3) of a
    convolution with one channel; at most `TILES`.
    """
    weight = next(iter(state.values()))
    shape = (SIDE, SIDE) if weight.ndim == 2 else weight.shape[-2:]
    return weight.reshape(len(weight), *shape)[:TILES]
