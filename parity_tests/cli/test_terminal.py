"""The output in the terminal: numbers are not cut, rows appear one by one, Ctrl-C ends a run."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parity.cli import main
from parity.comparison.report import epoch_rows, published_table
from parity.experiment.published import PublishedRow
from parity.system.console import console, track
from parity_tests.experiments import small

Shown = Callable[[int, tuple[str, ...]], str]

pytestmark = pytest.mark.usefixtures("in_a_terminal", "unchecked")

HOMEWORK = """
import numpy as np
def relu(input): return np.maximum(input, 0)
def sigmoid(input): return 1 / (1 + np.exp(input))
"""

COMMANDS = [
    ("compare", "feedforward", "--epochs", "1"),
    ("train", "logistic", "--epochs", "1", "--impl", "numpy"),
    (
        *("sweep", "tutorial", "--epochs", "1", "--batch-size", "16", "64", "--lr", "0.01", "1e9"),
        *("--weight-decay", "0.001", "--train-size", "500"),
    ),
    ("predict", "3", "--recipe", "tutorial", "--epochs", "1"),
    ("mistakes", "tutorial", "--epochs", "1"),
    ("gradcheck", "feedforward"),
    ("check", "homework.py"),
    ("data", "--data", "digits"),
]
NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?%?")
SECONDS = re.compile(r"\d+\.\d\d")


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Shown:
    """What a command prints on a terminal of so many columns."""
    monkeypatch.chdir(tmp_path)
    Path("homework.py").write_text(HOMEWORK)

    def shown(columns: int, arguments: tuple[str, ...]) -> str:
        monkeypatch.setattr(console, "_width", columns)
        assert main(arguments) in (0, 1)
        return capsys.readouterr().out

    return shown


def numbers(text: str) -> set[str]:
    """The numbers in a command's output but for times, which no two runs have alike."""
    return {number for number in NUMBER.findall(text) if not SECONDS.fullmatch(number)}


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_number_is_cut_at_80_columns_and_none_is_missing_at_200(
    shown: Shown, command: tuple[str, ...]
) -> None:
    narrow, wide = shown(80, command), shown(200, command)
    for text, columns in ((narrow, 80), (wide, 200)):
        assert "…" not in text
        lines = [line for line in text.splitlines() if not line.startswith(("picture", "report"))]
        assert max(map(len, lines)) <= columns
    assert numbers(narrow), "bad case: no number to break"
    assert numbers(narrow) <= numbers(wide), "a number was broken in two"


def test_a_wide_terminal_shows_every_column(monkeypatch: Any) -> None:
    experiment = small()
    for columns, shows in ((80, False), (200, True)):
        monkeypatch.setattr(console, "_width", columns)
        with console.capture() as capture:
            epoch_rows(experiment)
        assert ("gradients  weights" in capture.get()) == shows


@pytest.mark.parametrize("columns", [80, 200])
def test_the_published_figures_fit(monkeypatch: Any, columns: int) -> None:
    monkeypatch.setattr(console, "_width", columns)
    metric = "validation accuracy"
    row = PublishedRow("before training", metric, 0.1075, 0.1220, 0.1220, 0.1358, True)
    with console.capture() as capture:
        console.print(published_table([row]))
    assert numbers(capture.get()) >= {"0.1075", "0.1220", "0.1358"}
    assert max(map(len, capture.get().splitlines())) <= columns


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("command", ["compare", "train"])
def test_rows_appear_as_epochs_end(
    monkeypatch: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    """The row of the first epoch is there before the first step of the second."""
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []

    def advance(_bar: Any, _task: Any) -> None:
        seen.append(capsys.readouterr().out)

    monkeypatch.setattr("rich.progress.Progress.advance", advance)
    impl = ("--impl", "numpy") if command == "train" else ()
    assert main((command, "tutorial", "--epochs", "2", "--batch-size", "500", *impl)) == 0
    assert len(seen) == 4, "two steps an epoch"
    assert re.search(r"^ +1 +\d\.\d{4} ", seen[2], re.MULTILINE)


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """The tests themselves may run in the background, where Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize(
    "command",
    [
        ("compare", "feedforward"),
        ("train", "feedforward", "--impl", "numpy"),
        ("sweep", "feedforward", "--lr", "0.1", "0.5"),
    ],
    ids=lambda command: command[0],
)
def test_an_interrupted_run_keeps_what_it_has(
    command: tuple[str, ...],
    monkeypatch: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C in the middle of an epoch: table, picture, weights and JSON of the steps so far."""
    monkeypatch.chdir(tmp_path)
    steps = 0

    def advance(_bar: Any, _task: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 120:  # an epoch has 89
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("rich.progress.Progress.advance", advance)
    saved = () if command[0] == "sweep" else ("--save", "w.safetensors")
    assert main((*command, *saved, "--json", "a.json")) == 130
    out = capsys.readouterr().out
    answer = json.loads(Path("a.json").read_text())
    assert "interrupted" in out
    assert answer["interrupted"] is True
    if command[0] == "sweep":
        assert answer["cells"][0]["curve"][-1]["step"] == 120
    else:
        assert answer["steps"] == 120
        assert Path("w.safetensors").exists()
        assert re.search(r"^ +2 +\d\.\d{4} ", out, re.MULTILINE), "the second epoch's row"
    if command[0] != "train":
        assert len(list(Path("reports").glob("*.png"))) == 1
        assert len(list(Path("reports").glob("*.html"))) == 1


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_second_ctrl_c_ends_the_run_at_once() -> None:
    with track("", 10) as advance:
        signal.raise_signal(signal.SIGINT)
        assert advance(None)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "nope"),
        ("train", "nope", "--impl", "numpy"),
        ("sweep", "nope"),
        ("mistakes", "nope"),
        ("predict", "3", "--recipe", "nope"),
        ("gradcheck", "nope"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_wrong_recipe_is_refused_before_pytorch_loads(arguments: tuple[str, ...]) -> None:
    script = (
        "import sys; from parity.cli import main; "
        f"code = main({arguments}); sys.exit(9 if 'torch' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert "is 'nope', expected" in done.stderr


def width_of(**environment: str) -> int:
    """The console's width where the output is a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", "from parity.system.console import console; print(console.width)"],
        env={k: v for k, v in os.environ.items() if k != "COLUMNS"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_notebook_counts_as_80_columns() -> None:
    assert width_of(JPY_PARENT_PID="1") == 80
    assert width_of(COLUMNS="200") == 200
    assert width_of() == 120
