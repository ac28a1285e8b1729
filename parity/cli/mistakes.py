"""`parity mistakes`: the held-out images that a model gets wrong, and its confusion matrix."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.table import Table

from parity import recipes
from parity.cli.outputs import Outputs
from parity.experiment.settings import Settings
from parity.system.console import Column, table

if TYPE_CHECKING:
    from parity.predict.misclassified import Findings

__all__ = ["Mistakes"]


@dataclass(kw_only=True)
class Mistakes(Settings):
    """Show the misclassified images with the answers of both backends, and the confusion matrix."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system; trained first unless --load gives its weights."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""
    report: Path = Path("reports")
    """The folder of the pictures; made if it is not there."""

    def run(self) -> int:
        """Exit code 0 if both backends agree, 1 if not."""
        recipes.find(self.recipe)  # before the seconds that PyTorch takes to load
        from parity.cli.predict import ready
        from parity.experiment.prepare import prepare
        from parity.pictures import galleries
        from parity.pictures.saving import make_folder, save
        from parity.predict.answers import ask, check_settings
        from parity.predict.misclassified import find
        from parity.system import files, jsonfile
        from parity.system.console import console
        from parity.system.threads import limit_threads

        check_settings(self)
        stem = make_folder(self.report) / f"{self.recipe}-{self.data}-{self.dtype}"
        files.check_outputs({"json": self.json, "report": Path(f"{stem}.png")}, {"load": self.load})
        experiment = prepare(self.recipe, self)
        images, labels = experiment.arrays(experiment.held_out, self.dtype)
        with limit_threads():
            answers = ask(experiment, ready(experiment), images)
        found = find(answers, labels)
        console.print(confusion_table(found))
        console.print(summary(found, experiment.held_out))

        title = f"{self.recipe} on {self.data}, {experiment.held_out} images"
        heading = f"{title}: the surest of {len(found.wrong):,} mistakes"
        pictures = {
            "mistakes": galleries.mistakes_picture(heading, images, labels, answers, found.wrong),
            "confusion": galleries.confusion_picture(f"Confusion matrix: {title}", found.confusion),
        }
        outputs = Outputs()
        answer = self.as_json(found, experiment.held_out)
        outputs.write("json", self.json, lambda path: jsonfile.write(path, answer))
        for name in pictures:
            outputs.write(
                "picture",
                Path(f"{stem}-{name}.png"),
                lambda path, name=name: save(pictures[name], path, "report"),  # type: ignore[misc]
            )
        outputs.finish()
        return 0 if answers.parity else 1

    def as_json(self, found: "Findings", split: str) -> dict[str, Any]:
        """The answer for machines; `confusion[backend][true][answer]` are counts."""
        answers = found.answers
        return {
            "recipe": self.recipe,
            "data": self.data,
            "dtype": self.dtype,
            "seed": self.seed,
            "load": self.load and str(self.load),
            "split": split,
            "images": len(found.labels),
            "parity": answers.parity,
            "max_difference": answers.max_difference,
            "accuracy": found.accuracy,
            "prediction_agreement": found.prediction_agreement,
            "confusion": {backend: counts.tolist() for backend, counts in found.confusion.items()},
            "mistakes": [
                {
                    "index": int(i),
                    "label": int(found.labels[i]),
                    "prediction": {backend: int(c[i]) for backend, c in answers.classes.items()},
                    "confidence": {
                        backend: float(c[i]) for backend, c in answers.confidence.items()
                    },
                }
                for i in found.wrong
            ],
        }


def confusion_table(found: "Findings") -> Table:
    """NumPy's counts; a cell where PyTorch's differ shows both."""
    numpy, torch = (counts.tolist() for counts in found.confusion.values())
    columns = [Column(""), *(Column(str(answer)) for answer in range(len(numpy))), Column("right")]
    rows = []
    for digit, (mine, theirs) in enumerate(zip(numpy, torch, strict=True)):
        cells = [cell(digit == j, *pair) for j, pair in enumerate(zip(mine, theirs, strict=True))]
        share = f"{mine[digit] / sum(mine):.1%}" if sum(mine) else ""
        rows.append([str(digit), *cells, share])
    return table(columns, rows, title="true class (row) and answer (column)")


def cell(right: bool, numpy: int, torch: int) -> str:
    """A count, or the counts of both backends if they differ; empty if it is zero."""
    text = f"{numpy}/{torch}" if numpy != torch else str(numpy) if numpy else "·"
    return f"[bold green]{text}[/]" if right else text


def summary(found: "Findings", split: str) -> str:
    """The answer in two lines."""
    answers, count = found.answers, len(found.labels)
    wrong = {
        backend: int((classes != found.labels).sum())
        for backend, classes in answers.classes.items()
    }
    how = "[bold green]agree[/]" if answers.parity else "[bold red]do not agree[/]"
    return (
        f"Wrong on {wrong['numpy']:,} (NumPy) and {wrong['torch']:,} (PyTorch) of {count:,} "
        f"{split} images; accuracy {found.accuracy['numpy']:.2%} and "
        f"{found.accuracy['torch']:.2%}.\n"
        f"Same answer on {found.prediction_agreement:.2%}; the probabilities {how} "
        f"(largest difference {answers.max_difference:.1e})."
    )
