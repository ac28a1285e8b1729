"""How a command ends when its output, not its work, is what fails."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity.checking.template import TEMPLATE
from parity.cli import main

COMMANDS = [("parity", "template"), ("parity", "data", "--data", "digits"), ("parity", "--help")]


def run(command: tuple[str, ...], output: int) -> tuple[int, str]:
    """`python -m command` in a process of its own: exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", *command], stdout=output, stderr=subprocess.PIPE, timeout=60
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_not_read_is_no_verdict(command: tuple[str, ...]) -> None:
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


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_output_takes_every_letter(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, encoding=encoding))
    assert main(["template"]) == 0
    assert output.getvalue().decode() == TEMPLATE
