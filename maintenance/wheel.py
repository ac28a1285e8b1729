"""The wheel in a new environment, away from the checkout: `python -m maintenance.wheel`.

The wheel is built from the sdist and installed with the pinned versions. There the commands, the
library and a part of the suite have to work. With --whole the whole suite runs: a quarter of an
hour.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PART", "build", "install", "pytest", "run"]

ROOT = Path(__file__).resolve().parents[1]

# What another Python, NumPy or PyTorch could break: formulas, tolerance, gradients, files.
FOLDERS = ("numpy_impl", "tolerance", "gradients", "suite", "datasets", "system")
PART = [f"parity_tests.{folder}" for folder in FOLDERS]

OURS = """
import importlib.metadata as metadata, sysconfig
from pathlib import Path
import numpy_impl, parity, parity_tests, torch_impl
site = Path(sysconfig.get_path("purelib"))
for package in (numpy_impl, parity, parity_tests, torch_impl):
    assert Path(package.__file__).is_relative_to(site), package.__file__
    assert (Path(package.__file__).parent / "py.typed").is_file(), package.__name__
files = metadata.files("numpy-torch-parity")
names = {file.parts[0] for file in files if file.suffix == ".py"}
assert names == {"numpy_impl", "parity", "parity_tests", "torch_impl"}, names
for name in ("data", "benchmarks", "tests", "maintenance"):
    assert not (site / name).exists(), name
assert metadata.version("numpy-torch-parity") == parity.__version__
"""

EXAMPLES = """
import doctest, parity
for name in parity.__all__[:2] + parity.__all__[3:]:
    doctest.run_docstring_examples(getattr(parity, name), {}, name=name)
"""


def build(folder: Path) -> Path:
    """Build the sdist, and the wheel from it; returns the wheel."""
    command = [sys.executable, "-m", "build", "--quiet", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(interpreter: str, folder: Path, *what: str) -> Path:
    """Make a virtual environment and install `what` with pip; returns the folder of its programs.

    Raises
    ------
    subprocess.CalledProcessError
        If pip fails.
    """
    subprocess.run([interpreter, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *what], check=True)
    return programs


def run(home: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder `home`, where nothing of the checkout can be imported."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command], cwd=home, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def pytest(python: Path, *arguments: str) -> list[str | Path]:
    """The command that runs tests of an installed package, with few examples and the same ones."""
    few = "--hypothesis-profile=mutants"
    return [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", few, *arguments]


def commands(programs: Path, home: Path, whole: bool) -> Iterator[tuple[str, list[str | Path]]]:
    """What has to end with exit code 0, and what it is called."""
    python, parity = programs / "python", programs / "parity"
    yield "the names in site-packages", [python, "-c", OURS]
    yield "parity compare feedforward", [parity, "compare", "feedforward"]
    right = next(programs.parent.rglob("parity_tests/checking/homework/loops.py"))
    homework = shutil.copy(right, home / "homework.py")
    yield "parity check homework.py", [parity, "check", homework]
    pair = home / "pair.py"
    pair.write_text(run(home, parity, "template", "--pair").stdout, encoding="utf-8")
    yield "parity compare pair.py", [parity, "compare", pair]
    yield "the examples of the library", [python, "-W", "error", "-c", EXAMPLES]
    yield "pytest --pyargs", pytest(python, "--pyargs", *(["parity_tests"] if whole else PART))
    ours = home / "ours.py"
    ours.write_text("from numpy_impl.functional import *\n", encoding="utf-8")
    graded = pytest(python, "--parity-impl", str(ours), "--pyargs", "parity_tests")
    yield "pytest --parity-impl ours.py", graded


def main() -> int:
    """Build, install, run everything; returns 1 if something fails, else 0."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        wheel, home = build(Path(folder)), Path(folder) / "home"
        home.mkdir()
        constraints = str(ROOT / "constraints.txt")
        programs = install(
            sys.executable, Path(folder) / "venv", "-c", constraints, f"{wheel}[test,web]"
        )
        for title, command in commands(programs, home, "--whole" in sys.argv):
            start = time.perf_counter()
            ended = run(home, *command)
            last = ended.stdout.strip().splitlines()[-1:] if "pytest" in title else []
            word = "ok" if ended.returncode == 0 else f"exit code {ended.returncode}"
            print(f"{title}: {word}, {time.perf_counter() - start:.0f} s", *last, flush=True)
            if ended.returncode != 0:
                print(ended.stdout)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
