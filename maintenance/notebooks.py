"""Run the notebooks and save their outputs: `python -m maintenance.notebooks` (or `--check`)."""

import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from maintenance.pages import ROOT
from parity.cli.parsing import script
from parity.system import files
from parity.system.console import console

FOLDER = ROOT / "docs" / "notebooks"
LONGEST = 60.0  # seconds for a notebook


@dataclass(kw_only=True)
class Notebooks:
    """Run every notebook from its first cell to its last, each in its own kernel."""

    check: bool = False
    """Do not write the outputs to the files."""

    def run(self) -> int:
        """Exit code 0 if all of them run within a minute each, 1 if not."""
        paths = sorted(FOLDER.glob("*.ipynb"))
        fine = True
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            start = perf_counter()
            error = execute(notebook)
            seconds = perf_counter() - start
            fine &= not error and seconds < LONGEST
            console.print(f"{path.name}: {error or 'runs'}, {seconds:.1f} s", markup=False)
            if not error and not self.check:
                files.write(path, nbformat.writes(notebook).encode() + b"\n", "notebooks")
        return 0 if fine and paths else 1


def execute(notebook: Any) -> str:
    """Run the cells, which stores their outputs; return the error, or "" if there is none."""
    where = {"metadata": {"path": str(FOLDER)}}
    client = NotebookClient(notebook, timeout=LONGEST, resources=where, record_timing=False)
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(script(Notebooks, "python -m maintenance.notebooks"))
