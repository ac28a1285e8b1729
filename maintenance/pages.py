"""Rebuild the tables of the pages in docs: `python -m maintenance.pages`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; what is between them is replaced.
The table of the recipes is made from docs/results/*.json, which `make results` writes.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from parity.comparison.steps import KINDS
from parity.contract.operations import SUBJECTS
from parity.contract.subject import Subject
from parity.errors import InputError
from parity.recipes import RECIPES
from parity.system import files
from parity.tolerance.table import BASE, FACTOR

__all__ = ["RESULTS", "ROOT", "markdown_table", "read_page", "replace_block"]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"


def replace_block(path: Path, name: str, text: str) -> None:
    """Put `text` between the markers of `name` in the file.

    Raises
    ------
    InputError
        If the file cannot be read or written, or does not have the markers exactly once.
    """
    before = read_page(path, name)
    after = block(name).sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", before)
    files.write(path, after.encode(), "write")


def read_page(path: Path, name: str) -> str:
    """The text of a page; raises InputError unless it has the markers of `name` exactly once."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"write: got {path}, expected a page that can be read") from error
    if (count := len(block(name).findall(text))) != 1:
        raise InputError(f"{path.name} has the markers of {name} {count} times, expected once")
    return text


def block(name: str) -> re.Pattern[str]:
    """A pattern that matches the markers of `name` (its two groups) and what is between them."""
    return re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    header = list(header)
    lines = [header, ["---"] * len(header), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tolerances_table() -> str:
    """What is compared at each step, and how far NumPy may be from the reference."""
    compared = {
        "logits": "all N x C of the batch",
        "loss": "the mean cross-entropy of the batch",
        "gradients": "every element of every weight and bias",
        "weights": "every element of every weight and bias, after the update",
    }
    rows = [
        (
            kind,
            compared[kind],
            f"{BASE['float64']:.0e}",
            f"{BASE['float32']:.1e} + {FACTOR:g} x PyTorch's own error",
        )
        for kind in KINDS
    ]
    return markdown_table(("tensor", "elements", "float64", "float32"), rows)


def recipes_table() -> str:
    """A row for each run of a recipe on MNIST in docs/results."""
    rows = []
    for name, recipe in RECIPES.items():
        for path in sorted(RESULTS.glob(f"{name}-*.json")):
            run = json.loads(path.read_text())
            published = run["published"]
            horizon = run["noise_horizon"]
            within = sum(row["within"] for row in published)
            rows.append(
                (
                    f"`{name}`",
                    recipe.title,
                    run["dtype"] + (" `--resync`" if run["resync"] else ""),
                    str(run["seed"]),
                    f"{run['steps']:,}",
                    "holds" if run["parity"] else "does not hold",
                    f"{horizon:,}" if horizon else "none",
                    f"{run['accuracy']['numpy']:.2%}",
                    f"{run['accuracy']['torch']:.2%}",
                    f"{within} of {len(published)}" if published else "none were published",
                )
            )
    header = (
        "recipe",
        "system",
        "dtype",
        "seed",
        "steps",
        "parity",
        "noise horizon",
        "accuracy NumPy",
        "PyTorch",
        "published figures within tolerance",
    )
    return markdown_table(header, rows)


def published_table(name: str) -> str:
    """The published figures of one recipe beside those of NumPy and PyTorch, in float32."""
    run = json.loads((RESULTS / f"{name}-float32.json").read_text())
    rows = [
        (
            row["where"],
            row["metric"],
            *(f"{row[key]:.4f}" for key in ("published", "numpy", "torch", "tolerance")),
            "yes" if row["within"] else "no",
        )
        for row in run["published"]
    ]
    header = ("where", "metric", "published", "NumPy", "PyTorch", "tolerance", "within")
    return markdown_table(header, rows)


def contract_table() -> str:
    """Each name of the contract, with what it takes and returns."""
    rows = [(f"`{subject.signature}`", first_line(subject)) for subject in SUBJECTS.values()]
    return markdown_table(("name", "what it takes and returns"), rows)


def first_line(subject: Subject) -> str:
    """The first line of what the template says about a name."""
    return subject.summary.splitlines()[0]


def main() -> None:
    """Rebuild every table."""
    docs = ROOT / "docs"
    replace_block(docs / "check.md", "contract", contract_table())
    replace_block(docs / "compare.md", "tolerances", tolerances_table())
    replace_block(docs / "recipes.md", "recipes", recipes_table())
    for name in ("logistic", "feedforward"):
        replace_block(docs / "recipes.md", name, published_table(name))


if __name__ == "__main__":
    main()
