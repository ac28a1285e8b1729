"""`parity grade SUBMISSIONS`: the files of a class, from the folder to the grades."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from parity.cli import main
from parity.cli.grade import Grade
from parity.errors import InputError

pytestmark = pytest.mark.usefixtures("in_a_terminal")

RELU = "import numpy as np\ndef relu(input):\n    return np.maximum(input, 0)\n"
WRONG = "import numpy as np\ndef relu(input):\n    return np.abs(input)\n"
CONFIG = "[points]\nrelu = 2\nrelu_backward = 1\n[show]\nhint = false\n"

CLASS = {"Ann Lee": RELU, "Bob": WRONG, "Cy": "x = )", "Dan": f"{RELU}# by Dan\n"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a class that was graded, once for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "subs").mkdir()
    for student, code in CLASS.items():
        (folder / "subs" / f"{student}.py").write_text(code)
    (folder / "grading.toml").write_text(CONFIG)
    assert grade(folder, seed=7, json=folder / "answer.json") == 0
    return folder


def grade(folder: Path, **options: Any) -> int:
    given = {"isolation": "auto", "jobs": 2, "output": folder / "out", **options}
    return Grade(submissions=folder / "subs", **given).run()


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "out" / "grades.csv").read_text().splitlines()))


def test_the_grades_are_a_row_for_each_student(graded: Path) -> None:
    assert [tuple(row.values()) for row in rows(graded)] == [
        ("Ann Lee", "Ann Lee.py", "2", "3", "pass", "missing"),
        ("Bob", "Bob.py", "0", "3", "fail", "missing"),
        ("Cy", "Cy.py", "0", "3", "error", "error"),
        ("Dan", "Dan.py", "2", "3", "pass", "missing"),
    ]
    assert list(rows(graded)[0])[:4] == ["student", "file", "points", "max"]


def test_gradescope_reads_a_file_for_each_student(graded: Path) -> None:
    results = json.loads((graded / "out" / "students" / "Ann_Lee" / "results.json").read_text())
    assert results["score"] == 2
    assert [(one["name"], one["score"], one["max_score"]) for one in results["tests"]] == [
        ("relu", 2, 2),
        ("relu_backward", 0, 1),
    ]


def test_the_json_holds_the_seed_and_the_summary(graded: Path) -> None:
    answer = json.loads((graded / "answer.json").read_text())
    assert answer["seed"] == 7
    assert answer["summary"]["students"] == 4
    assert [one["points"] for one in answer["students"]] == [2, 0, 0, 2]


def test_each_student_has_a_page_with_the_words_of_the_check(graded: Path) -> None:
    page = (graded / "out" / "students" / "Bob" / "report.html").read_text()
    assert "Bob: 0 of 3 points" in page
    assert "output" in page
    assert "hint:" not in page  # as grading.toml wants it
    index = (graded / "out" / "index.html").read_text()
    assert 'href="students/Ann_Lee/report.html"' in index


def test_new_points_take_no_new_check(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.system.jobs.Pool.run", lambda *_: iter(()))
    (graded / "grading.toml").write_text(CONFIG.replace("relu = 2", "relu = 4"))
    assert grade(graded, output=graded / "out") == 0
    assert [row["points"] for row in rows(graded)] == ["4", "0", "0", "4"]


@pytest.mark.skipif(sys.platform != "linux", reason="the file looks for its worker in /proc")
def test_a_file_that_ends_its_worker_is_one_error(tmp_path: Path) -> None:
    killer = (
        "import os, signal\n"
        "def relu(input):\n"
        "    status = open(f'/proc/{os.getppid()}/status').read()\n"
        "    os.kill(int(status.split('PPid:')[1].split()[0]), signal.SIGKILL)\n"
    )
    (tmp_path / "subs").mkdir()
    for student, code in {"ann": RELU, "bob": killer, "cy": f"{RELU}\n"}.items():
        (tmp_path / "subs" / f"{student}.py").write_text(code)
    (tmp_path / "grading.toml").write_text("[points]\nrelu = 1\n")
    assert grade(tmp_path, isolation="none", jobs=1) == 0
    assert [row["relu"] for row in rows(tmp_path)] == ["pass", "error", "pass"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere"], "submissions: got nowhere, expected a folder"),
        (["subs", "--seed", "-1"], "seed is -1, expected at least 0"),
        (["subs", "--jobs", "-1"], "jobs is -1"),
        (["subs", "--backend", "dask"], "scheduler is ''"),
        (["subs", "--config", "none.toml"], "config: got none.toml, expected a file"),
        (["subs", "--output", "subs/ann.py"], "output: cannot make subs/ann.py"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "ann.py").write_text(RELU)
    assert main(["grade", *options, "--isolation", "auto"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_run_keeps_what_is_graded(tmp_path: Path) -> None:
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "ann.py").write_text(RELU)
    slow = "import time\ndef relu(input):\n    time.sleep(600)\n"
    (tmp_path / "subs" / "bob.py").write_text(slow)
    (tmp_path / "grading.toml").write_text("timeout = 600\n[points]\nrelu = 1\n")
    command = [sys.executable, "-m", "parity", "grade", "subs", "--isolation", "auto"]
    with subprocess.Popen(
        [*command, "--jobs", "1"], cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None and len(list(tmp_path.glob("grades/kept/*.json"))) < 2:
            time.sleep(0.05)
        for _ in range(2):  # the first waits for the check that is at work
            run.send_signal(signal.SIGINT)
            time.sleep(0.2)
    assert run.returncode == 130
    assert len(list(tmp_path.glob("grades/kept/*.json"))) == 2  # the seed and ann
    assert not (tmp_path / "grades" / "grades.csv").exists()


def test_a_configuration_among_the_submissions_is_told(tmp_path: Path) -> None:
    """It would be left out without a word, and every name count a point."""
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "Ann.py").write_text(RELU)
    (tmp_path / "subs" / "grading.toml").write_text(CONFIG)
    with pytest.raises(InputError, match=r"grading\.toml lies in .*subs, expected it beside"):
        grade(tmp_path)
    assert not (tmp_path / "out").exists()
