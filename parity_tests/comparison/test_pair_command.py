"""`parity compare FILE.py` and the template of such a file."""

import json
from pathlib import Path

import pytest

from parity.cli import main


@pytest.fixture
def pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """The template in a file."""
    monkeypatch.chdir(tmp_path)
    assert main(["template", "--pair"]) == 0
    path = tmp_path / "pair.py"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def test_the_template_holds_parity(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(pair), "--json", "answer.json"]) == 0
    out = capsys.readouterr().out
    assert "parity holds: every tensor agrees to rounding at all 50 steps, float64." in out
    assert json.loads(Path("answer.json").read_text(encoding="utf-8"))["parity"] is True


def test_a_mistake_in_it_is_found(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair.write_text(pair.read_text(encoding="utf-8").replace("dy.sum(0)", "dy.mean(0)"))
    assert main(["compare", str(pair)]) == 1
    assert "first divergence: step 1, backward, bias" in capsys.readouterr().out
    assert all(Path(f"reports/pair{end}").is_file() for end in (".npz", ".png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no function pair()"),
        ("def pair(): return 1", "returned no dict with numpy, torch and batches"),
    ],
)
def test_a_file_without_a_pair_is_refused(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pair.py"
    path.write_text(content, encoding="utf-8")
    assert main(["compare", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "numpy-torch-parity 0.2.0\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--checkpoint=kept", "checkpoint is kept, but pair.py may keep more from step to step"),
        ("--resume=kept", "resume is kept, but pair.py may keep more from step to step"),
        ("--epochs=3", "epochs is 3, but pair.py makes its programs and batches itself"),
    ],
)
def test_an_option_that_a_pair_does_not_take_is_refused(
    pair: Path, capsys: pytest.CaptureFixture[str], option: str, message: str
) -> None:
    assert main(["compare", pair.name, option]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def pair(:", "raises SyntaxError: "),
        ("def pair():\n    return 1 / 0\n", "raises ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_file_of_a_pair_raises_is_no_verdict(
    code: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(code)
    assert main(["compare", str(tmp_path / "own.py"), "--report", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert words in err.splitlines()[-1]
