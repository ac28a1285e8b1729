"""Rebuild docs/grading.md from the class in docs/class: `python -m maintenance.grading_page`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from maintenance.pages import ROOT, replace_block

__all__ = ["main"]

PAGE = ROOT / "docs" / "grading.md"
CLASS = ROOT / "docs" / "class"


def main() -> None:
    """Grade the class, and put what is printed and written between the page's markers."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "parity", "grade", "submissions", "--seed", "7"]
        done = subprocess.run(
            [*command, "--output", f"{folder}/grades"],
            cwd=CLASS,
            env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        )
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        printed = printed.replace(f"{folder}/", "")
        table = (Path(folder) / "grades" / "grades.csv").read_text(encoding="utf-8")
    config = (CLASS / "grading.toml").read_text(encoding="utf-8")
    for name, kind, text in (
        ("config", "toml", config),
        ("printed", "text", printed),
        ("table", "text", table),
    ):
        replace_block(PAGE, name, f"```{kind}\n{text.strip()}\n```")


if __name__ == "__main__":
    main()
