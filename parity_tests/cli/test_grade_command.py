"""`parity grade SUBMISSIONS`: the files of a class, from the folder to the grades."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from parity.cli.grade import Grade

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
