"""`parity predict`: the answers of both backends for one image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.table import Table
from rich.text import Text

from parity.cli.outputs import Outputs
from parity.experiment.settings import Settings
from parity.recipes import find
from parity.system.console import Column, table

if TYPE_CHECKING:
    from numpy import ndarray

    from parity.experiment.prepare import Experiment
    from parity.predict.answers import Answers

__all__ = ["Predict"]


@dataclass(kw_only=True)
class Predict(Settings):
    """Show an image, and the probabilities of the ten classes in both backends."""

    image: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="IMAGE_OR_INDEX")]
    """The index of a held-out image, from 0, or a PNG or JPEG file with a digit, photographed or
    drawn; it is found, cut out, inverted and centred."""
    recipe: str = "linear-adam"
    """Which system; trained first unless --load gives its weights."""
    save: Path | None = None
    """Write the weights, for both backends, to this file: FILE.safetensors."""
    picture: Path | None = None
    """Draw the image and the probabilities to this file, too: FILE.png."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 if both backends agree, 1 if not."""
        find(self.recipe)  # before the seconds that PyTorch takes to load
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.pictures import galleries
        from parity.pictures.saving import save
        from parity.predict.answers import ask, check_settings
        from parity.system import files, jsonfile
        from parity.system.console import console
        from parity.system.threads import limit_threads

        weights.check_writable(self.save)
        galleries.check_writable(self.picture)
        image_file = None if self.image.isdecimal() else Path(self.image)
        files.check_outputs(
            {"save": self.save, "json": self.json, "picture": self.picture},
            {"load": self.load, "image": image_file},
        )
        check_settings(self)
        experiment = prepare(self.recipe, self)
        image, label, title, done = self.chosen(experiment)
        with limit_threads():
            trained = ready(experiment)
            answers = ask(experiment, trained, image)
        console.print(title, markup=False)
        if done:
            console.print(done)
        console.print(drawing(image, in_grey=shows_grey()))
        if warning := self.warning(experiment, image):
            console.print(warning)
        console.print(table_of(answers, label))
        console.print(verdict(answers))
        outputs = Outputs()
        outputs.write("weights", self.save, lambda path: weights.save(path, trained))
        outputs.write(
            "json", self.json, lambda path: jsonfile.write(path, self.as_json(answers, label))
        )
        outputs.write(
            "picture",
            self.picture,
            lambda path: save(galleries.digit_picture(title, image, answers), path, "picture"),
        )
        outputs.finish()
        return 0 if answers.parity else 1

    def chosen(self, experiment: "Experiment") -> tuple["ndarray", int | None, str, str]:
        """The image (1, 784), its label if known, its name, and what was done to a picture file."""
        from parity.errors import InputError
        from parity.predict.image_file import read_image

        if not self.image.isdecimal():
            path = Path(self.image)
            denominator = experiment.recipe.denominator
            reading = read_image(path, data=self.data, denominator=denominator)
            return reading.image, None, f"{path.name}, {self.recipe}", reading.done
        name, index = experiment.held_out, int(self.image)
        split = experiment.splits[name]
        if index >= len(split):
            raise InputError(f"image is {index}, expected an index of 0..{len(split) - 1}")
        label = int(split.labels[index])
        title = f"{name} image {index} of {self.data}, {self.recipe}: it is a {label}"
        return split.images[index : index + 1], label, title, ""

    def warning(self, experiment: "Experiment", image: "ndarray") -> str:
        """What to say of a picture file that is unlike all images of the data set."""
        from parity.predict.image_file import strangeness

        splits = experiment.splits
        times = strangeness(image, splits["training"], splits[experiment.held_out])
        if self.image.isdecimal() or times <= 1:
            return ""
        return (
            f"[bold yellow]warning[/]: it looks like nothing that {self.recipe} was trained on "
            f"({times:.1f} times as far from {self.data} as the farthest hundredth of them), so "
            "the answer means little"
        )

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
            "prediction": {backend: int(c[0]) for backend, c in answers.classes.items()},
            "probabilities": {
                backend: p[0].tolist() for backend, p in answers.probabilities.items()
            },
            "max_difference": answers.max_difference,
            "parity": answers.parity,
        }


def ready(experiment: "Experiment") -> dict[str, "ndarray"]:
    """The weights: what was loaded, or else what training by hand arrives at, now."""
    from parity.comparison.train import train
    from parity.system.console import console, track
    from parity.system.optimizers import spare_compiler

    spare_compiler()
    recipe, settings = experiment.recipe, experiment.settings
    if settings.load is not None:
        console.print(f"weights: {settings.load}")
        return experiment.initial
    with track("training", experiment.num_steps) as advance:
        run = train(experiment, "numpy", advance)
    if run.interrupted:
        raise KeyboardInterrupt
    accuracy = run.checkpoints[-1].accuracy["numpy"]
    epochs = f"{recipe.epochs} epoch" + "s" * (recipe.epochs > 1)
    console.print(
        f"No --load, so {recipe.name} was trained first: {epochs} of "
        f"{settings.data}, {accuracy:.2%} right on the {run.checkpoints[-1].split} images."
    )
    return run.backend.weights()


def shows_grey() -> bool:
    """Whether the terminal has levels of grey, and the user has not asked for none (NO_COLOR)."""
    from parity.system.console import console

    return console.color_system in ("256", "truecolor") and not console.no_color


def drawing(image: "ndarray", in_grey: bool) -> Text:
    """The image (1, 784) as 14 lines of half blocks, in levels of grey or as ink alone."""
    text = Text()
    for upper, lower in image.reshape(14, 2, 28):
        for top, bottom in zip(upper, lower, strict=True):
            if in_grey:
                text.append("▀", f"{grey(float(top))} on {grey(float(bottom))}")
            else:
                text.append(" ▄▀█"[2 * (top > 0.5) + (bottom > 0.5)])
        text.append("\n")
    return text


def grey(value: float) -> str:
    """A pixel in [0, 1] as rich's name of its color."""
    level = round(255 * value)
    return f"rgb({level},{level},{level})"


def table_of(answers: "Answers", label: int | None) -> Table:
    """A row for each class, with a bar of NumPy's probability."""
    numpy, torch = (p[0] for p in answers.probabilities.values())
    best = int(numpy.argmax())
    rows = []
    for number, (mine, theirs) in enumerate(zip(numpy, torch, strict=True)):
        style = "bold" if number == best else ""
        name = f"label {number}" if number == label else str(number)
        cells = (name, f"{mine:.4%}", f"{theirs:.4%}", "█" * round(36 * mine))
        rows.append([Text(cell, style=style) for cell in cells])
    columns = [Column("class"), Column("NumPy"), Column("PyTorch"), Column("", "left")]
    return table(columns, rows)


def verdict(answers: "Answers") -> str:
    """The answer in one line."""
    numpy, torch = (int(classes[0]) for classes in answers.classes.values())
    how = "[bold green]agree[/]" if answers.parity else "[bold red]do not agree[/]"
    return (
        f"NumPy says {numpy}, PyTorch says {torch}; the probabilities {how} "
        f"(largest difference {answers.max_difference:.1e})."
    )
