"""A homework file that was dropped on the page: checked in the sandbox, and forgotten."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from parity.checking.entry import check_file
from parity.checking.report import Report
from parity.contract.layouts import LAYOUTS
from parity.errors import InputError
from parity.sandbox.student import MEMORY_MB, TIMEOUT
from parity.web.fields import Fields
from parity.web.guard import LARGEST

__all__ = ["check", "layout_names"]

PRINTED = 20_000  # characters of what the file printed

one_at_a_time = threading.Lock()  # a check takes all of a core, and memory


def check(fields: Fields) -> dict[str, Any]:
    """The verdicts on a source text; the file exists for as long as the check takes."""
    name = "notebook.ipynb" if fields.text("name", 300, "").endswith(".ipynb") else "homework.py"
    source = fields.text("source", LARGEST)
    if not source.strip():
        raise InputError("the file is empty, expected Python or a notebook")
    layout = fields.choice("layout", ("auto", *layout_names()), "auto")
    with one_at_a_time, TemporaryDirectory(prefix="parity-") as folder:
        path = Path(folder) / name
        path.write_text(source, encoding="utf-8", errors="surrogatepass")
        try:
            report = check_file(
                path,
                timeout=TIMEOUT,
                memory_mb=MEMORY_MB,
                layout=None if layout == "auto" else layout,
            )
        except InputError as error:
            raise InputError(without(folder, str(error))) from None
    return answer(report, folder)


def layout_names() -> tuple[str, ...]:
    """The layouts that can be chosen."""
    return ("contract", *LAYOUTS)


def answer(report: Report, folder: str) -> dict[str, Any]:
    """The report for the page, without the path of a file that is gone."""
    return {
        "layout": report.layout,
        "isolation": report.isolation,
        "notes": [without(folder, note) for note in report.notes],
        "passed": report.passed,
        "failed": report.failed,
        "printed": without(folder, report.printed[:PRINTED]),
        "results": [
            {
                "name": result.name,
                "status": result.status,
                "diagnosis": result.diagnosis,
                "explanation": without(folder, result.explanation),
                "hint": result.hint,
                "where": result.where,
                "example": result.example,
                "notes": list(result.notes),
                "traceback": without(folder, result.traceback),
            }
            for result in report.results
        ],
    }


def without(folder: str, text: str) -> str:
    """`text` with the bare name of the file."""
    return text.replace(f"{folder}/", "").replace(folder, "")
