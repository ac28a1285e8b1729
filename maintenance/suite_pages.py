"""Rebuild the tables of docs/suite.md and docs/stability.md: `python -m maintenance.suite_pages`.

The table of the mutants is made from docs/results/mutants.json, which `make mutants` writes,
that of the Pythons from docs/results/matrix.json, which `make test-matrix` writes.
"""

import json

from maintenance import matrix
from maintenance.pages import RESULTS, ROOT, markdown_table, replace_block
from parity_tests.checking.homework.table import HEADER, verdicts
from parity_tests.numpy_impl.test_pytorch_samples import OPERATORS, tally

__all__: list[str] = []


def mutants_table() -> str:
    """How many mutants of each file the tests killed (see `maintenance.mutants`)."""
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
    """How many samples of the installed PyTorch run, and why the others do not, by operator."""
    rows = []
    counts = {operator: tally(operator) for operator in OPERATORS}
    for operator, count in counts.items():
        reasons = [f"{reason}: {n}" for reason, n in count.items() if reason != "runs"]
        rows.append((f"`{operator}`", str(count["runs"]), "; ".join(reasons) or "none"))
    runs = sum(count["runs"] for count in counts.values())
    total = sum(count.total() for count in counts.values())
    rows.append(("all", f"{runs} of {total}", str(total - runs)))
    return markdown_table(("operator in `op_db`", "samples that run", "left out"), rows)


def main() -> None:
    """Rebuild every table."""
    page = ROOT / "docs" / "suite.md"
    replace_block(page, "mutants", mutants_table())
    replace_block(page, "samples", samples_table())
    replace_block(page, "known mistakes", markdown_table(HEADER, verdicts()))
    replace_block(ROOT / "docs" / "stability.md", "matrix", matrix.table())


if __name__ == "__main__":
    main()
