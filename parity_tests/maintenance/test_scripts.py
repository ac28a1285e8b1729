"""How the scripts end when their options are wrong: as the commands do."""

from pathlib import Path
from typing import Any

import pytest

from maintenance.spread import Spread
from maintenance.tutorial_mistakes import TutorialMistakes as Mistakes
from parity.cli import parsing


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
