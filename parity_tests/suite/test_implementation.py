"""pytest's `--parity-impl`: missing functions skip their tests; a broken file gives one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from parity_tests import plugin

CODE = """
def softmax(x):
    raise NotImplementedError
def relu(x):
    return x * (x > 0)
def cross_entropy(x):
    return softmax(x)
"""


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "cross_entropy"])
def test_stubs_and_missing_functions_skip_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "homework.py"
    file.write_text(CODE)
    module = plugin.load(file)
    assert module.relu(2.0) == 2.0
    lacking = "softmax" if name == "cross_entropy" else name
    with pytest.raises(pytest.skip.Exception, match=f"{lacking} is not written in homework.py"):
        getattr(module, name)(1.0)


def handed_in(folder: Path, code: str | None) -> Path:
    file = folder / "homework.py"
    if code is not None:
        file.write_text(code)
    return file


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(x y): pass", "SyntaxError: invalid syntax"),
        (None, "FileNotFoundError"),
    ],
    ids=["sys.exit", "a syntax error", "no file"],
)
def test_a_file_that_does_not_run_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str | None, words: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = handed_in(tmp_path, code)
    with pytest.raises(pytest.UsageError) as error:
        plugin.load(file)
    assert str(error.value).startswith(f"--parity-impl: {file} cannot be imported: {words}")


def test_pytest_prints_it_as_one_line(tmp_path: Path) -> None:
    file = handed_in(tmp_path, "raise SystemExit(3)")
    command = [sys.executable, "-m", "pytest", "--collect-only", "--parity-impl", str(file)]
    done = subprocess.run([*command, __file__], capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = (done.stdout + done.stderr).split("\n")[:-2]
    assert line.startswith(f"ERROR: --parity-impl: {file} cannot be imported: SystemExit: 3")
