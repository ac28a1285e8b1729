"""What tutorials of these systems get wrong, and by how much each mistake changes the result.

    python -m maintenance.tutorial_mistakes [--data mnist] [--write docs/tutorial-mistakes.md]

Each mistake is a few lines of NumPy in float64. The right program and the wrong one start from the
same weights and see the same batches.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray
from rich.table import Table

from maintenance.pages import markdown_table, read_page, replace_block
from numpy_impl import functional as F
from parity import datasets
from parity.backends import NumpyBackend
from parity.cli.parsing import script
from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings
from parity.recipes import find
from parity.system import files
from parity.system.console import console
from parity.system.threads import limit_threads

__all__ = [
    "Finding",
    "accuracy_of_first_batch",
    "divided_twice",
    "findings",
    "mean_of_batch_means",
    "mean_of_process_means",
    "softmax_first",
]

Gradient = Callable[[ndarray, ndarray], Any]  # of the loss, (N, C), from logits and targets


@dataclass(frozen=True)
class Finding:
    """One figure: its right value, and its value with the mistake."""

    mistake: str
    figure: str
    right: float | int
    wrong: float | int
    form: str = ".4f"


def mean_gradient(
    logits: Float[ndarray, "N C"], target: Integer[ndarray, " N"]
) -> Float[ndarray, "N C"]:
    """Right: the gradient of the mean cross-entropy."""
    return F.cross_entropy_backward(1.0, logits, target)


def divided_twice(
    logits: Float[ndarray, "N C"], target: Integer[ndarray, " N"]
) -> Float[ndarray, "N C"]:
    """Wrong: `loss = criterion(logits, target) / N`, though `criterion` returns the mean."""
    return F.cross_entropy_backward(1.0 / len(target), logits, target)


def softmax_first(
    logits: Float[ndarray, "N C"], target: Integer[ndarray, " N"]
) -> Float[ndarray, "N C"]:
    """Wrong: `criterion(softmax(logits), target)`, though `criterion` takes logits."""
    probabilities = F.softmax(logits)
    return F.softmax_backward(F.cross_entropy_backward(1.0, probabilities, target), probabilities)


def mean_of_process_means(
    logits: Float[ndarray, "N C"], target: Integer[ndarray, " N"], processes: int = 3
) -> Float[ndarray, "N C"]:
    """Wrong: `criterion(...)` of each share, which DistributedDataParallel averages."""
    shares = np.array_split(np.arange(len(target)), processes)
    return np.concatenate(
        [F.cross_entropy_backward(1 / processes, logits[it], target[it]) for it in shares]
    )


def accuracy_of_first_batch(
    logits: Float[ndarray, "N C"], labels: Integer[ndarray, " N"], batch_size: int = 500
) -> float:
    """Wrong: the `return` should be indented one level less."""
    right, total = 0, 0
    for start in range(0, len(labels), batch_size):
        batch = slice(start, start + batch_size)
        right += int((logits[batch].argmax(axis=1) == labels[batch]).sum())
        total += len(labels[batch])
        return right / total
    raise ValueError("accuracy_of_first_batch: got no images, expected at least 1")


def mean_of_batch_means(losses: Float[ndarray, " N"], batch_size: int) -> float:
    """Wrong: the examples of the smaller last batch count more than the others."""
    means = [losses[i : i + batch_size].mean() for i in range(0, len(losses), batch_size)]
    return float(sum(means) / len(means))


def findings(dataset: datasets.Dataset, settings: Settings) -> Iterator[Finding]:
    """Measure every mistake on the systems of the recipes "tutorial" and "logistic"."""
    tutorial = prepare("tutorial", published("tutorial", settings), dataset)
    right = train(tutorial, mean_gradient)
    yield from dividing_twice(tutorial, right)
    yield from returning_early(tutorial, right)
    yield from putting_softmax_first(tutorial, right)
    yield from averaging_averages(prepare("logistic", published("logistic", settings), dataset))
    for batch_size in (64, 1024):
        choice = replace(published("tutorial", settings), batch_size=batch_size)
        yield from dropping_a_batch(prepare("tutorial", choice, dataset))
    for batch_size in (4, 64):
        choice = replace(published("tutorial", settings), batch_size=batch_size)
        yield from sharing_unequally(prepare("tutorial", choice, dataset))


def published(recipe_name: str, settings: Settings) -> Settings:
    """The settings with the recipe's published schedule, also on the digits."""
    recipe = find(recipe_name)
    return replace(
        settings, lr=recipe.lr, batch_size=recipe.batch_size, epochs=recipe.epochs, init=recipe.init
    )


def dividing_twice(experiment: Experiment, right: NumpyBackend) -> Iterator[Finding]:
    """The gradient is N times too small, so training is N times too slow."""
    name = "loss divided by the batch size twice"
    wrong = train(experiment, divided_twice)
    images, labels = experiment.arrays("training", "float64")
    batch = experiment.batches()[0]
    logits = untrained(experiment).predict(images[batch])
    loss = float(F.cross_entropy(logits, labels[batch]))
    yield Finding(name, "training loss that is printed first", loss, loss / len(batch))
    yield from judged(name, experiment, right, wrong)


def returning_early(experiment: Experiment, backend: NumpyBackend) -> Iterator[Finding]:
    """The accuracy of the first 500 images is taken for that of all."""
    name = "`return` inside the loop over batches of 500"
    for split in experiment.splits:
        images, labels = experiment.arrays(split, "float64")
        logits = backend.predict(images)
        figure = f"{split} accuracy, {len(labels):,} images"
        exact = float((logits.argmax(axis=1) == labels).mean())
        yield Finding(name, figure, exact, accuracy_of_first_batch(logits, labels), ".2%")


def putting_softmax_first(experiment: Experiment, right: NumpyBackend) -> Iterator[Finding]:
    """The gradient is smaller, and the printed loss cannot fall below 1.4612."""
    name = "softmax before the cross-entropy that takes logits"
    wrong = train(experiment, softmax_first)
    images, labels = experiment.arrays(experiment.held_out, "float64")
    exact = float(F.cross_entropy(right.predict(images), labels))
    printed = float(F.cross_entropy(F.softmax(wrong.predict(images)), labels))
    yield Finding(name, f"{experiment.held_out} loss that is printed last", exact, printed)
    yield from judged(name, experiment, right, wrong)


def averaging_averages(experiment: Experiment) -> Iterator[Finding]:
    """The last batch of the evaluation counts as much as a full one."""
    name = "validation loss averaged over unequal batches"
    backend, size = train(experiment, mean_gradient), experiment.recipe.batch_size
    images, labels = experiment.arrays(experiment.held_out, "float64")
    logits = backend.predict(images)
    hits = (logits.argmax(axis=1) == labels).astype(float)
    for figure, values, form in (
        ("loss", F.cross_entropy(logits, labels, "none"), ".4f"),
        ("accuracy", hits, ".2%"),
    ):
        last = f"{len(values):,} images by {size}, the last batch {len(values) % size}"
        figure = f"validation {figure}, {last}"
        yield Finding(name, figure, float(values.mean()), mean_of_batch_means(values, size), form)


def dropping_a_batch(experiment: Experiment) -> Iterator[Finding]:
    """An epoch has fewer images than the training set, by up to a batch."""
    size, count = experiment.recipe.batch_size, len(experiment.splits["training"])
    name = f"smaller last batch dropped, batch size {size}"
    whole = replace(experiment, recipe=replace(experiment.recipe, drop_last=False))
    yield Finding(name, "training images an epoch", count, count - count % size, ",d")
    yield from judged(
        name, experiment, train(whole, mean_gradient), train(experiment, mean_gradient)
    )


def sharing_unequally(experiment: Experiment) -> Iterator[Finding]:
    """Of three processes that share a batch unequally, one has images that count less."""
    images, labels = experiment.arrays("training", "float64")
    batch, backend = experiment.batches()[0], untrained(experiment)
    logits, target = backend.predict(images[batch]), labels[batch]
    shares = " + ".join(str(len(it)) for it in np.array_split(batch, 3))
    name = f"unequal shares not weighted, batch {len(batch)} = {shares}"
    exact, wrong = (
        F.linear_backward(it(logits, target), images[batch], backend.weights()["fc.weight"])[1]
        for it in (mean_gradient, mean_of_process_means)
    )
    error = float(abs(wrong - exact).max() / abs(exact).max())
    yield Finding(name, "error of the first gradient, of its largest element", 0.0, error, ".2%")
    yield from judged(
        name, experiment, train(experiment, mean_gradient), train(experiment, mean_of_process_means)
    )


def judged(
    name: str, experiment: Experiment, right: NumpyBackend, wrong: NumpyBackend
) -> Iterator[Finding]:
    """The true loss and accuracy of both models on the held-out images."""
    split = experiment.held_out
    exact, mistaken = (
        model.evaluate(*experiment.arrays(split, "float64")) for model in (right, wrong)
    )
    yield Finding(name, f"{split} loss after training", exact[0], mistaken[0])
    yield Finding(name, f"{split} accuracy after training", exact[1], mistaken[1], ".2%")


def train(experiment: Experiment, gradient: Gradient) -> NumpyBackend:
    """The training loop of `numpy_impl`, with `gradient` instead of the criterion's backward."""
    backend = untrained(experiment)
    images, labels = experiment.arrays("training", "float64")
    for batch in experiment.batches():
        logits = backend.model(images[batch])
        backend.optimizer.zero_grad()
        backend.model.backward(gradient(logits, labels[batch]))
        backend.optimizer.step()
    return backend


def untrained(experiment: Experiment) -> NumpyBackend:
    """The experiment's model with its initial weights."""
    backend = NumpyBackend(experiment.recipe, "float64", experiment.settings.seed)
    backend.load(experiment.initial)
    return backend


HEADER = ("mistake", "figure", "right", "with the mistake")


def cells(found: list[Finding]) -> list[tuple[str, str, str, str]]:
    """The rows of the table; the name of a mistake is in its first row only."""
    names = [finding.mistake for finding in found]
    return [
        (
            "" if index and names[index - 1] == finding.mistake else finding.mistake,
            finding.figure,
            format(finding.right, finding.form),
            format(finding.wrong, finding.form),
        )
        for index, finding in enumerate(found)
    ]


BLOCK = "tutorial mistakes"


@dataclass(kw_only=True)
class TutorialMistakes:
    """Print by how much each mistake changes the result."""

    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Which images."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    seed: int = 0
    """Draws the initial weights and the order of the batches."""
    write: Path | None = None
    """Also put the table into this page, between its markers."""

    def run(self) -> int:
        """Exit code 0."""
        if self.write is not None:
            read_page(self.write, BLOCK)  # before the work
            files.check_writable(self.write, "write")
        settings = Settings(
            data=self.data, data_root=self.data_root, seed=self.seed, dtype="float64"
        )
        with limit_threads():
            found = list(measure(settings))
        table = Table(*HEADER)
        for row in cells(found):
            table.add_row(*row)
        console.print(table)
        if self.write is not None:
            replace_block(self.write, BLOCK, markdown_table(HEADER, cells(found)))
        return 0


def measure(settings: Settings) -> Iterator[Finding]:
    """Load the data of `settings`, and measure every mistake on it."""
    return findings(datasets.load(settings.data, settings.data_root), settings)


if __name__ == "__main__":
    sys.exit(script(TutorialMistakes, "python -m maintenance.tutorial_mistakes"))
