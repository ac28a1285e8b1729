"""The table of known mistakes: is each caught, and called by its name?

`python -m parity_tests.homework.table` prints it.
"""

from rich.table import Table

import parity.checking.entry
from parity.checking.checker import Result
from parity.checking.report import Report
from parity.console import console
from parity_tests.homework.rows import ELSEWHERE, ROWS, Row
from parity_tests.homework.snippets import HELPERS

__all__ = ["check_code", "check_row", "table"]


def check_code(code: str, **options: object) -> Report:
    """The report on some code, run in this process."""
    namespace: dict[str, object] = {"__name__": "homework"}
    exec(HELPERS + code, namespace)
    return parity.checking.entry.check(namespace, **options)  # type: ignore[arg-type]


def check_row(row: Row) -> Result:
    """The verdict on the one name that a row has wrong."""
    (result,) = (result for result in check_code(row.code).results if result.name == row.name)
    return result


def table() -> Table:
    """A row for each known mistake."""
    found = Table()
    for title in ("known mistake", "written in", "caught", "named"):
        found.add_column(title)
    for row in ROWS:
        result = check_row(row)
        caught = "yes" if result.status == "fail" else "passes, as it should"
        found.add_row(row.mistake, row.name, caught, result.diagnosis or "-")
    for mistake, reason in ELSEWHERE.items():
        found.add_row(mistake, "-", "-", reason)
    return found


if __name__ == "__main__":
    console.print(table())
