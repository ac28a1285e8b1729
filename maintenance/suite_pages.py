"""Rebuild the tables that say how strong the suite is: `python -m maintenance.suite_pages`.

They stand in docs/suite.md and, the score of the mutants, in the README. That one is made from
docs/results/mutants.json, which `make mutants` writes.
"""

import json

from maintenance.pages import RESULTS, ROOT, markdown_table, replace_block
from parity_tests.checking.homework.table import HEADER, verdicts
from parity_tests.numpy_impl.test_pytorch_samples import OPERATORS

__all__: list[str] = []


def mutants_table() -> str:
    """What the suite saw of the mistakes that `make mutants` planted, file by file."""
    files = json.loads((RESULTS / "mutants.json").read_text())["files"]
    counts = ("mutants", "killed", "timeout", "equivalent", "survived")
    total = {name: sum(row[name] for row in files.values()) for name in counts}
    rows = []
    for file, row in {**{f"`{file}`": row for file, row in files.items()}, "all": total}.items():
        seen, judged = row["killed"] + row["timeout"], row["mutants"] - row["equivalent"]
        score = f"{seen / judged:.1%}" if judged else "nothing to mutate"
        rows.append((file, *(f"{row[name]:,}" for name in counts), score))
    header = ("file", "mutants", "killed", "out of time", "equivalent", "survived", "score")
    return markdown_table(header, rows)


def samples_table() -> str:
    """How many of PyTorch's own samples run, and why the others do not."""
    rows = []
    for operator, (_, counts) in OPERATORS.items():
        reasons = [f"{reason}: {n}" for reason, n in counts.items() if reason != "runs"]
        rows.append((f"`{operator}`", str(counts["runs"]), "; ".join(reasons) or "none"))
    runs = sum(counts["runs"] for _, counts in OPERATORS.values())
    total = sum(sum(counts.values()) for _, counts in OPERATORS.values())
    rows.append(("all", f"{runs} of {total}", str(total - runs)))
    return markdown_table(("operator in `op_db`", "samples that run", "left out"), rows)


def main() -> None:
    """Rebuild every table."""
    page = ROOT / "docs" / "suite.md"
    replace_block(ROOT / "README.md", "mutants", mutants_table())
    replace_block(page, "samples", samples_table())
    replace_block(page, "known mistakes", markdown_table(HEADER, verdicts()))


if __name__ == "__main__":
    main()
