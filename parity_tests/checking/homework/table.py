"""The table of known mistakes: is each caught, and called by its name?

`python -m parity_tests.checking.homework.table` prints it.
"""

from collections.abc import Iterator

from rich.table import Table

import parity.checking.entry
from parity.checking.checker import Result
from parity.checking.report import Report
from parity.system.console import console
from parity_tests.checking.homework.rows import ELSEWHERE, ROWS, Row
from parity_tests.checking.homework.snippets import HELPERS

__all__ = ["HEADER", "check_code", "check_row", "verdicts"]


def check_code(code: str, **options: object) -> Report:
    """The report on some code, run in this process."""
    namespace: dict[str, object] = {"__name__": "homework"}
    exec(HELPERS + code, namespace)
    return parity.checking.entry.check(namespace, **options)  # type: ignore[arg-type]


def check_row(row: Row) -> Result:
    """The verdict on the one name that a row has wrong."""
    (result,) = check_code(row.code, only=[row.name]).results
    return result


CAUGHT = {"fail": "yes", "unstable": "yes: unstable"}
HEADER = ("known mistake", "written in", "caught", "named")


def verdicts() -> Iterator[tuple[str, str, str, str]]:
    """For each known mistake what stands under HEADER."""
    for row in ROWS:
        result = check_row(row)
        yield (
            row.mistake,
            row.name,
            CAUGHT.get(result.status, "passes, as it should"),
            result.diagnosis or "-",
        )
    for mistake, reason in ELSEWHERE.items():
        yield mistake, "-", "-", reason


if __name__ == "__main__":
    table = Table(*HEADER)
    for verdict in verdicts():
        table.add_row(*verdict)
    console.print(table)
