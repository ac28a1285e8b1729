"""A class of two hundred, graded: `python -m maintenance.classroom --json FILE`.

Right files, every mistake of the catalogue, stubs, hostile files and cheats are graded with
`parity grade`, and once more on a Dask cluster of this machine. Printed is a table; exit code 0 if
everybody has the points that he should have, nothing is left running and no file was changed.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maintenance.submissions import MARK, Handed, handed_in
from parity.cli.parsing import script
from parity.grading.one import Job
from parity.grading.run import Kept
from parity.grading.settings import read_grading
from parity.grading.submissions import read_submissions
from parity.sandbox.guard import resident
from parity.sandbox.isolation import Isolation
from parity.system import jsonfile
from parity.system.console import Column, console, table
from parity_tests.sandbox.test_hostile import marked

__all__ = ["COSTS", "HEADER", "Classroom", "outcome", "row"]

GRADING = 'allow = ["jaxtyping"]\nmemory-mb = 2048\n'
RIGHT = ("pass", "partial")
ISOLATION: Isolation = "required"
COSTS = (
    "files",
    "seconds",
    "seconds for each file",
    "seconds through Dask, two workers",
    "memory of the graders (MiB)",
    "memory with the files that run (MiB)",
)
HEADER = ("kind of file", "files", "points as expected", "wrong names caught", "mistakes named")


@dataclass(kw_only=True)
class Classroom:
    """Grade a class that holds everything that the tests know, and hold the grades to account."""

    count: int = 200
    """How many files."""
    jobs: int = 1
    """How many are checked at a time."""
    dask: bool = True
    """Grade them on a Dask cluster, too."""
    folder: Path | None = None
    """Keep the class and its grades in this folder; by default they are thrown away."""
    json: Path | None = None
    """Write the figures to this file."""

    def run(self) -> int:
        """Exit code 0 if all is as it should be, else 1."""
        handed = handed_in(self.count)
        with tempfile.TemporaryDirectory(prefix="parity-class-") as folder:
            figures = grade_all(self.folder or Path(folder), handed, self.jobs, self.dask)
        columns = [Column(HEADER[0], "left"), *map(Column, HEADER[1:])]
        console.print(table(columns, [row(kind) for kind in figures["kinds"]]))
        for key in COSTS:
            if key in figures:
                console.print(f"{key}: {figures[key]}", markup=False)
        for line in figures["unexpected"]:
            console.print(line, markup=False)
        if self.json is not None:
            jsonfile.write(self.json, figures)
        return 1 if figures["unexpected"] else 0


def grade_all(folder: Path, handed: Sequence[Handed], jobs: int, dask: bool) -> dict[str, Any]:
    """The figures of a class that is written to the folder."""
    for number, one in enumerate(handed):
        for name, text in one.files.items():
            file = folder / "class" / f"s{number:03}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    (folder / "grading.toml").write_text(GRADING)
    before = fingerprint(folder / "class")
    run = graded(folder, "grades", ["--jobs", str(jobs)])
    outcomes = judged(folder, handed)
    unexpected = [line for found in outcomes for line in found["unexpected"]]
    if left := marked(MARK):
        unexpected.append(f"left running: {left}")
    if fingerprint(folder / "class") != before:
        unexpected.append("a file of the class was changed")
    if dask:
        with cluster() as address:
            second = graded(folder, "by-dask", ["--backend", "dask", "--scheduler", address])
        grades = [(folder / name / "grades.csv").read_bytes() for name in ("grades", "by-dask")]
        if grades[0] != grades[1]:
            unexpected.append("the grades through Dask are others")
        run |= {"seconds through Dask, two workers": second["seconds"]}
    return {
        "kinds": kinds(handed, outcomes),
        "files": len(handed),
        **run,
        "seconds for each file": round(run["seconds"] / len(handed), 2),
        "unexpected": unexpected,
    }


# --- a run of the command -------------------------------------------------------------------------


def graded(folder: Path, output: str, options: list[str]) -> dict[str, Any]:
    """Seconds, and the peak of the memory, of `parity grade` with these options."""
    command = [sys.executable, "-m", "parity", "grade", "class", "--output", output]
    command += ["--json", f"{output}.json", "--seed", "12", "--isolation", ISOLATION, *options]
    root = str(Path(__file__).parents[1])
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": root})
    memory = {"graders": 0, "with the files": 0}
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, memory, done))
    watcher.start()
    try:
        code = process.wait()
    finally:
        done.set()
        watcher.join()
    if code:
        raise SystemExit(f"parity grade ended with {code}")
    return {
        "seconds": round(time.monotonic() - start),
        "memory of the graders (MiB)": round(memory["graders"] / 2**20),
        "memory with the files that run (MiB)": round(memory["with the files"] / 2**20),
    }


def watch(pid: int, memory: dict[str, int], done: threading.Event) -> None:
    """Keep the largest memory of the command's processes, and with those of the files, at once."""
    while not done.wait(0.1):
        graders, files = resident(pid), 0
        for one, shut_in in below(pid):
            graders, files = (
                graders + resident(one) * (not shut_in),
                files + resident(one) * shut_in,
            )
        memory["graders"] = max(memory["graders"], graders)
        memory["with the files"] = max(memory["with the files"], graders + files)


def below(pid: int, shut_in: bool = False) -> Iterator[tuple[int, bool]]:
    """The descendants of a process, and whether they are in the hands of a guard."""
    with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                inside = shut_in or b"guard.py" in Path(f"/proc/{child}/cmdline").read_bytes()
                yield child, inside
                yield from below(child, inside)


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """The address of a Dask scheduler of this machine that has two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        yield local.scheduler_address


def kept_answers(folder: Path, output: Path) -> list[Mapping[str, Any]]:
    """What the checks gave, by student, as a run keeps it."""
    grading, kept = read_grading(folder / "grading.toml"), Kept(output, None)
    jobs = [
        Job(one.main, one.contents, grading, kept.seed, ISOLATION)
        for one in read_submissions(folder / "class")
    ]
    return [kept.answer(kept.key(job)) or {} for job in jobs]


def fingerprint(folder: Path) -> str:
    """Changes with any file of a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [str(path).encode() + path.read_bytes() for path in paths]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


# --- what came of it ------------------------------------------------------------------------------


def judged(folder: Path, handed: Sequence[Handed]) -> list[dict[str, Any]]:
    """How each grade in the folder compares with what it should be."""
    students = json.loads((folder / "grades.json").read_text())["students"]
    answers = kept_answers(folder, folder / "grades")
    return [outcome(*each) for each in zip(handed, students, answers, strict=True)]


def outcome(one: Handed, student: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """How a student's grade compares with what it should be."""
    results = {result["name"]: result for result in answer.get("results", ())}
    caught = {name for name, ways in one.wrong.items() if student["names"].get(name) in ways}
    named = {name for name, id in one.named.items() if results.get(name, {}).get("diagnosis") == id}
    lines = [
        f"{name} is {student['names'].get(name)}, expected {' or '.join(one.wrong[name])}"
        for name in one.wrong.keys() - caught
    ]
    got = {name for name, status in student["names"].items() if status in RIGHT}
    as_expected = got - one.either == one.right and student["points"] == len(got)
    if not as_expected:
        expected = sorted(one.right)
        lines.append(f"{student['points']:g} points for {sorted(got)}, expected {expected}")
    lines += [
        f"the verdict on {name} has several lines"
        for name, result in results.items()
        if len(result["explanation"].splitlines()) > 1
    ]
    return {
        "unexpected": [f"{student['student']}, {one.kind}: {line}" for line in lines],
        "points": as_expected,
        "caught": len(caught),
        "named": len(named),
    }


def kinds(handed: Sequence[Handed], outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The counts of each kind of file."""
    counts: dict[str, dict[str, Any]] = {}
    for one, found in zip(handed, outcomes, strict=True):
        empty = dict.fromkeys(("files", "points", "wrong", "caught", "mistakes", "named"), 0)
        count = counts.setdefault(one.kind, {"kind": one.kind, **empty})
        count["files"] += 1
        count["wrong"] += len(one.wrong)
        count["mistakes"] += len(one.named)
        for key in ("points", "caught", "named"):
            count[key] += found[key]
    return list(counts.values())


def row(kind: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands under HEADER."""
    caught = f"{kind['caught']} of {kind['wrong']}" if kind["wrong"] else "-"
    named = f"{kind['named']} of {kind['mistakes']}" if kind["mistakes"] else "-"
    return kind["kind"], str(kind["files"]), f"{kind['points']} of {kind['files']}", caught, named


if __name__ == "__main__":
    sys.exit(script(Classroom, "python -m maintenance.classroom"))
