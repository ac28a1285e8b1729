"""How a command ends when its options are wrong or its output cannot be written."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maintenance.spread import Spread
from maintenance.tutorial_mistakes import TutorialMistakes as Mistakes
from parity.cli import main, parsing
from parity.contract.template import TEMPLATE

COMMANDS = [("parity", "template"), ("parity", "data", "--data", "digits"), ("parity", "--help")]


def run(command: tuple[str, ...], output: int) -> tuple[int, str]:
    """`python -m command` in a process of its own: exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", *command], stdout=output, stderr=subprocess.PIPE, timeout=600
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_nobody_reads_has_its_own_exit_code(command: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(command, writing) == (141, "")
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_full_is_one_line(command: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        code, error = run(command, full.fileno())
    assert code == 2
    assert error == ("parity: error: cannot read or write the output: No space left on device\n")


def test_a_file_that_is_closed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(path: Path) -> bool:  # to everybody but root, as whom the tests may run
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    assert main(["check", str(tmp_path / "a.py")]) == 2
    error = capsys.readouterr().err
    assert error == f"parity: error: cannot read or write {tmp_path}/a.py: Permission denied\n"


def no_work(*_: Any, **options: Any) -> Any:
    raise AssertionError("bad input is refused before the work")


NO_ROOT = "data-root: got 'nowhere', expected a folder that is there"


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (Spread, ("--data-root", "nowhere"), NO_ROOT),
        (Spread, ("--seeds", "2"), "seeds is 2, expected at least 5"),
        (Spread, ("--fly",), "Unrecognized options: --fly; see python -m it --help"),
        (Mistakes, ("--data-root", "nowhere"), NO_ROOT),
        (Mistakes, ("--fly",), "Unrecognized options: --fly; see python -m it --help"),
        (Mistakes, ("--write", "x.png"), "write: got x.png, expected a page that can be read"),
        (Mistakes, ("--write", "no/x"), "write: got no/x, expected a page that can be read"),
        (Mistakes, ("--write", "x.md"), "x.md has the markers of tutorial mistakes 0 times, "),
    ],
)
def test_a_script_refuses_bad_input_as_the_command_does(
    script: Any,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("maintenance.spread.train", no_work)
    monkeypatch.setattr("maintenance.tutorial_mistakes.train", no_work)
    Path("x.md").write_text("no markers")
    Path("x.png").write_bytes(b"\x89PNG")
    try:
        code = parsing.script(script, "python -m it", arguments)
    except SystemExit as stop:
        code = int(str(stop.code))
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith(f"parity: error: {message}")
    assert len(error.splitlines()) == 1


def test_error_lines_begin_with_the_name_of_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsing.script(Mistakes, "python -m it", ["--help"])
    assert capsys.readouterr().out.startswith("usage: python -m it [-h]")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_output_can_encode_every_character(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, encoding=encoding))
    assert main(["template"]) == 0
    assert output.getvalue().decode() == TEMPLATE
