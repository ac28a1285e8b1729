"""`parity predict`: both sides' answer for one image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich import box
from rich.table import Table
from rich.text import Text

from parity.experiment.settings import Settings

if TYPE_CHECKING:
    from numpy import ndarray

    from parity.experiment.prepare import Experiment
    from parity.predict.answers import Answers

__all__ = ["Predict"]


@dataclass(kw_only=True)
class Predict(Settings):
    """Show an image, and both sides' probabilities for the ten classes."""

    image: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="IMAGE_OR_INDEX")]
    """The index of a held-out image, from 0, or a PNG or JPEG file: 28x28, white on black."""
    recipe: str = "linear-adam"
    """Which system; trained first unless --load gives its weights."""
    invert: bool = False
    """The picture is black on white."""
    resize: bool = False
    """Scale a picture of another size to 28x28."""
    picture: Path | None = None
    """Draw the image and the probabilities to this file, too: FILE.png."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 if both sides agree, 1 if not."""
        from parity.experiment.prepare import prepare
        from parity.pictures import galleries
        from parity.predict.answers import ask, check_settings
        from parity.system import jsonfile
        from parity.system.console import console
        from parity.system.threads import limit_threads

        jsonfile.check_writable(self.json)
        galleries.check_writable(self.picture)
        check_settings(self)
        experiment = prepare(self.recipe, self)
        image, label, title = self.chosen(experiment)
        with limit_threads():
            answers = ask(experiment, ready(experiment), image)
        console.print(title)
        console.print(drawing(image, color=console.color_system is not None))
        if image.mean() > 0.5 and not self.image.isdecimal():
            console.print("The picture is mostly white, expected white on black: --invert turns it")
        console.print(table_of(answers, label))
        console.print(verdict(answers))
        if self.picture is not None:
            galleries.digit_picture(title, image, answers, self.picture)
            console.print(f"picture: {self.picture}")
        if self.json is not None:
            jsonfile.write(self.json, self.as_json(answers, label))
            console.print(f"json: {self.json}")
        return 0 if answers.parity else 1

    def chosen(self, experiment: "Experiment") -> tuple["ndarray", int | None, str]:
        """The image (1, 784), its label if it is known, and what to call it."""
        from parity.errors import InputError
        from parity.predict.image_file import read_image

        if not self.image.isdecimal():
            path = Path(self.image)
            image = read_image(
                path,
                invert=self.invert,
                resize=self.resize,
                denominator=experiment.recipe.denominator,
            )
            return image, None, f"{path.name}, {self.recipe}"
        if self.invert or self.resize:
            raise InputError("invert, resize: expected a picture file, got an index")
        name, index = experiment.held_out, int(self.image)
        split = experiment.splits[name]
        if index >= len(split):
            raise InputError(f"image is {index}, expected an index of 0..{len(split) - 1}")
        label = int(split.labels[index])
        title = f"{name} image {index} of {self.data}, {self.recipe}: it is a {label}"
        return split.images[index : index + 1], label, title

    def as_json(self, answers: "Answers", label: int | None) -> dict[str, Any]:
        """The answer for machines."""
        return {
            "image": self.image,
            "recipe": self.recipe,
            "data": self.data,
            "dtype": self.dtype,
            "seed": self.seed,
            "load": self.load and str(self.load),
            "label": label,
            "prediction": {side: int(c[0]) for side, c in answers.classes.items()},
            "probabilities": {side: p[0].tolist() for side, p in answers.probabilities.items()},
            "max_difference": answers.max_difference,
            "parity": answers.parity,
        }


def ready(experiment: "Experiment") -> dict[str, "ndarray"]:
    """The weights: what was loaded, or else what training by hand arrives at, now."""
    from parity.comparison.train import train
    from parity.system.console import console, track

    recipe, settings = experiment.recipe, experiment.settings
    if settings.load is not None:
        console.print(f"weights: {settings.load}")
        return experiment.initial
    with track("training", experiment.num_steps) as advance:
        run = train(experiment, "numpy", advance)
    accuracy = run.checkpoints[-1].accuracy["numpy"]
    epochs = f"{recipe.epochs} epoch" + "s" * (recipe.epochs > 1)
    console.print(
        f"No --load, so {recipe.name} was trained first: {epochs} of "
        f"{settings.data}, {accuracy:.2%} right on the {run.checkpoints[-1].split} images."
    )
    return run.side.weights()


def drawing(image: "ndarray", color: bool) -> Text:
    """The image (1, 784) as 14 lines of half blocks: grey levels, or without color ink or none."""
    rows = image.reshape(14, 2, 28)
    text = Text()
    for upper, lower in rows:
        for top, bottom in zip(upper, lower, strict=True):
            if color:
                text.append("▀", f"{grey(top)} on {grey(bottom)}")
            else:
                text.append(" ▄▀█"[2 * (top > 0.5) + (bottom > 0.5)])
        text.append("\n")
    return text


def grey(value: float) -> str:
    """A pixel in [0, 1] as rich's name of its color."""
    level = round(255 * float(value))
    return f"rgb({level},{level},{level})"


def table_of(answers: "Answers", label: int | None) -> Table:
    """A row for each class, with a bar of NumPy's probability."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for title in ("class", "NumPy", "PyTorch"):
        table.add_column(title, justify="right")
    table.add_column("")
    numpy, torch = (p[0] for p in answers.probabilities.values())
    best = int(numpy.argmax())
    for number, (mine, theirs) in enumerate(zip(numpy, torch, strict=True)):
        style = "bold" if number == best else ""
        name = f"label {number}" if number == label else str(number)
        table.add_row(name, f"{mine:.4%}", f"{theirs:.4%}", "█" * round(40 * mine), style=style)
    return table


def verdict(answers: "Answers") -> str:
    """The answer in one line."""
    numpy, torch = (int(classes[0]) for classes in answers.classes.values())
    how = "[bold green]agree[/]" if answers.parity else "[bold red]do not agree[/]"
    return (
        f"NumPy says {numpy}, PyTorch says {torch}; the probabilities {how} "
        f"(largest difference {answers.max_difference:.1e})."
    )
