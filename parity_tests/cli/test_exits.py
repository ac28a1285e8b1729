"""How a command ends when its options are wrong or its output cannot be written."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity.cli import main
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


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_output_can_encode_every_character(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, encoding=encoding))
    assert main(["template"]) == 0
    assert output.getvalue().decode() == TEMPLATE
