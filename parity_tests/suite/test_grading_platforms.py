"""The example files of docs/grading-platforms do what docs/grading-platforms.md says."""

import doctest
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parity.cli import main

FILES = Path(__file__).parents[2] / "docs" / "grading-platforms"

LINEAR = (
    "import numpy as np\ndef linear(x, w, b=None):\n    return x @ w.T + (0 if b is None else b)\n"
)
RIGHT = "def linear_backward(g, x, w):\n    return g @ w, g.T @ x, g.sum(axis=0)\n"
WRONG = RIGHT.replace("axis=0", "")
STUB = "def linear_backward(grad_output, input, weight):\n    raise NotImplementedError\n"
HANDED_IN = {"right": RIGHT, "wrong": WRONG, "a stub": STUB}
each = pytest.mark.parametrize("handed_in", HANDED_IN)


# --- Gradescope -----------------------------------------------------------------------------------


def autograder(tmp_path: Path, files: dict[str, str]) -> Any:
    """What run_autograder writes for a submission, in a folder like /autograder."""
    program = tmp_path / "venv" / "bin" / "parity"
    for folder in (program.parent, tmp_path / "source", tmp_path / "submission"):
        folder.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m parity "$@"\n')
    program.chmod(0o755)
    (tmp_path / "source" / "grading.toml").write_bytes(
        (FILES / "gradescope" / "grading.toml").read_bytes()
    )
    for name, text in files.items():
        (tmp_path / "submission" / name).write_text(text)
    command = [sys.executable, FILES / "gradescope" / "run_autograder", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((tmp_path / "results" / "results.json").read_text())


def test_gradescope_gets_points_and_words_for_each_name(tmp_path: Path) -> None:
    answer = autograder(tmp_path, {"homework.py": LINEAR + WRONG, "notes.txt": "?"})
    assert answer["score"] == 2
    tests = {one["name"]: one for one in answer["tests"]}
    assert {name: one["max_score"] for name, one in tests.items()} == {
        "linear": 2,
        "linear_backward": 3,
        "cross_entropy": 2,
        "cross_entropy_backward": 3,
    }
    assert tests["linear"]["score"] == 2
    assert tests["linear_backward"]["score"] == 0
    assert "summed over everything" in tests["linear_backward"]["output"]


def test_gradescope_gets_no_points_and_one_line_without_a_file(tmp_path: Path) -> None:
    answer = autograder(tmp_path, {"essay.txt": "?"})
    assert answer["score"] == 0
    assert "has no Python file and no notebook" in answer["output"]
    assert answer["output"].count("\n") == 1


# --- GitHub Classroom -----------------------------------------------------------------------------


@each
def test_the_commands_of_the_workflow_end_with_the_right_code(
    handed_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = (FILES / "github-classroom.yml").read_text()
    commands = re.findall(r"command: parity (.*)", workflow)
    monkeypatch.chdir(tmp_path)
    Path("homework.py").write_text(LINEAR + HANDED_IN[handed_in])
    codes = {command.split()[-1]: main(command.split()) for command in commands}
    assert codes == {"linear": 0, "linear_backward": 0 if handed_in == "right" else 1}


def test_each_step_of_the_workflow_is_reported() -> None:
    workflow = (FILES / "github-classroom.yml").read_text()
    steps = re.findall(r"- id: (\S+)", workflow)
    assert re.findall(r"runners: (\S+)", workflow) == [",".join(steps)]
    assert re.findall(r'(\S+)_RESULTS: "\$\{\{steps\.(\S+)\.outputs', workflow) == [
        (step.upper(), step) for step in steps
    ]


# --- notebooks ------------------------------------------------------------------------------------


@each
def test_the_test_of_otter_passes_what_is_right_alone(handed_in: str) -> None:
    test = runpy.run_path(str(FILES / "otter" / "linear_backward.py"))["test"]
    (case,) = test["suites"][0]["cases"]
    namespace: dict[str, Any] = {"__name__": "homework"}
    exec(LINEAR + HANDED_IN[handed_in], namespace)
    examples = doctest.DocTestParser().get_doctest(case["code"], namespace, "test", None, None)
    said: list[str] = []
    failed = doctest.DocTestRunner().run(examples, out=said.append).failed
    assert failed == (0 if handed_in == "right" else 1)
    assert ("hint: How many numbers does a bias have?" in "".join(said)) == (handed_in == "wrong")


@each
def test_the_cells_of_nbgrader_pass_what_is_right_alone(handed_in: str) -> None:
    cells = json.loads((FILES / "nbgrader" / "homework.ipynb").read_text())["cells"]
    namespace: dict[str, Any] = {"__name__": "homework"}
    exec(LINEAR, namespace)
    for cell in cells:
        marks = cell["metadata"].get("nbgrader", {})
        source = HANDED_IN[handed_in] if marks.get("solution") else "".join(cell["source"])
        if cell["cell_type"] == "code" and not marks.get("grade"):
            exec(source, namespace)
    (graded,) = (
        "".join(c["source"]) for c in cells if c["metadata"].get("nbgrader", {}).get("grade")
    )
    if handed_in == "right":
        exec(graded, namespace)
    else:
        with pytest.raises(AssertionError, match=r"^linear_backward: "):
            exec(graded, namespace)


def test_the_solution_of_the_nbgrader_notebook_is_right() -> None:
    cells = json.loads((FILES / "nbgrader" / "homework.ipynb").read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    exec("\n\n".join(sources), {"__name__": "homework"})
