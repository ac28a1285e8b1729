"""Each Python on this machine, pinned and newest versions: `python -m maintenance.matrix`.

The wheel is installed in a new environment for each, a part of the suite runs there, and the
environment is deleted. The figures go to docs/results/matrix.json, and from there into the table of
docs/stability.md.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maintenance.pages import RESULTS, ROOT, markdown_table, replace_block
from maintenance.wheel import PART, build, install, pytest, run
from parity.cli.parsing import script
from parity.errors import InputError
from parity.system import jsonfile

__all__ = ["Matrix", "interpreters", "table"]

FIGURES = RESULTS / "matrix.json"
OLDEST, NEWEST = 11, 20  # the minor versions of Python 3 that are looked for

VERSIONS = """
import json, platform, numpy, torch
print(json.dumps({"python": platform.python_version(), "numpy": numpy.__version__,
                  "torch": torch.__version__}))
"""


@dataclass(kw_only=True)
class Matrix:
    """Test the wheel with each Python from 3.11 that is on this machine."""

    python: tuple[str, ...] = ()
    """Only these, such as 3.12."""
    versions: Literal["both", "pinned", "newest"] = "both"
    """The packages of constraints.txt, or the newest that pip finds."""

    def run(self) -> int:
        """Exit code 0 if nothing failed, 1 if something did."""
        found = interpreters()
        if missing := sorted(set(self.python) - set(found)):
            raise InputError(f"python is {', '.join(missing)}, expected one of {', '.join(found)}")
        kinds = ("pinned", "newest") if self.versions == "both" else (self.versions,)
        rows = {(row["name"], row["versions"]): row for row in figures()}
        with tempfile.TemporaryDirectory() as folder:
            wheel = build(Path(folder))
            for name in self.python or found:
                for kind in kinds:
                    row = {"name": name, "versions": kind, **tested(found[name], wheel, kind)}
                    print(*row.values(), flush=True)
                    rows[name, kind] = row
        ordered = [rows[key] for key in sorted(rows, key=lambda key: (key[0], key[1][::-1]))]
        jsonfile.write(FIGURES, {"rows": ordered})
        replace_block(ROOT / "docs" / "stability.md", "matrix", table())
        print(table())
        return 1 if any(row["failed"] for row in ordered) else 0


def interpreters() -> dict[str, str]:
    """The Pythons on the PATH and those of pyenv, by version such as "3.12"."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for minor in range(OLDEST, NEWEST):
        name = f"3.{minor}"
        places = [shutil.which(f"python{name}"), *pyenv.glob(f"versions/{name}.*/bin/python")]
        for place in filter(None, places):
            works = subprocess.run([place, "-c", "import venv"], capture_output=True)
            if works.returncode == 0:
                found[name] = str(place)
                break
    return found


def tested(interpreter: str, wheel: Path, versions: str) -> dict[str, Any]:
    """The versions that were installed, and how many tests passed and failed with them."""
    pins = ["-c", str(ROOT / "constraints.txt")] if versions == "pinned" else []
    with tempfile.TemporaryDirectory() as folder:
        python = install(interpreter, Path(folder) / "venv", *pins, f"{wheel}[test]") / "python"
        installed = json.loads(run(Path(folder), python, "-c", VERSIONS).stdout)
        start = time.perf_counter()
        ended = run(Path(folder), *pytest(python, "-W", "error", "--pyargs", *PART))
        seconds = round(time.perf_counter() - start)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", tail(ended.stdout))}
    failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
    if ended.returncode != 0:
        print(ended.stdout)
        failed = max(failed, 1)
    return {**installed, "passed": counts.get("passed", 0), "failed": failed, "seconds": seconds}


def tail(text: str) -> str:
    """The last line: pytest's counts."""
    return text.strip().rpartition("\n")[2]


def figures() -> list[dict[str, Any]]:
    """What was measured before."""
    return json.loads(FIGURES.read_text())["rows"] if FIGURES.is_file() else []


def table() -> str:
    """A row for each Python and its packages."""
    header = ("Python", "packages", "NumPy", "PyTorch", "tests passed", "failed")
    names = ("python", "versions", "numpy", "torch", "passed", "failed")
    return markdown_table(header, ([str(row[name]) for name in names] for row in figures()))


if __name__ == "__main__":
    raise SystemExit(script(Matrix, "python -m maintenance.matrix"))
