"""Checkpoints from the command line, signals that end a run, and files that cannot be written."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parity.cli import main
from parity.errors import InputError
from parity.experiment import tensorfile
from parity.experiment.checkpoints import Checkpoints
from parity.system import files

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("in_a_terminal", "blank_pictures")

SMALL = ("--train-size", "200", "--epochs", "2", "--batch-size", "40")
RUNS = {
    "train": ("train", "feedforward", "--impl", "torch", *SMALL),
    "compare": ("compare", "linear-adam", *SMALL, "--resync"),
    "sweep": ("sweep", "tutorial", *SMALL[:4], "--batch-size", "40", "50", "--dtype", "float64"),
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Run:
    """Run `parity` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def answer(path: str) -> Any:
    """The JSON without the seconds, which no two runs share."""

    def without(value: dict[str, Any]) -> dict[str, Any]:
        return {key: item for key, item in value.items() if key != "seconds"}

    return json.loads(Path(path).read_text(), object_hook=without)


def signal_after(step: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a signal come while the run is at that step; it is heard at the next."""
    exact = Checkpoints.after

    def after(self: Checkpoints, at: int, ends: bool, state: Callable[[], Any]) -> None:
        exact(self, at, ends, state)
        if at == step:
            signal.raise_signal(number)  # in this thread: sent to the process, it may come late

    monkeypatch.setattr(Checkpoints, "after", after)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("train", "SIGINT"),
        ("train", "SIGTERM"),
        ("train", "SIGHUP"),
        ("compare", "SIGTERM"),
    ],
)
def test_a_signal_ends_with_a_checkpoint_from_which_the_run_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    number = getattr(signal, name)
    arguments = (*RUNS[command], "--checkpoint", "kept", "--every", "100", "--json")
    with monkeypatch.context() as patch:
        signal_after(3, number, patch)
        assert run(*arguments, "cut.json")[0] == 128 + number
    assert answer("cut.json")["interrupted"] is True
    assert [path.name for path in Path("kept").iterdir()] == ["step-000000000004.safetensors"]
    assert run(*arguments[:-5], "--resume", "kept", "--json", "resumed.json")[0] == 0
    assert run(*arguments[:-5], "--json", "whole.json")[0] == 0
    assert answer("resumed.json") == answer("whole.json")


def test_a_signal_during_anything_else_ends_it_there(run: Run, monkeypatch: Any) -> None:
    def prepare(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("parity.experiment.prepare.prepare", prepare)
    before = signal.getsignal(signal.SIGTERM)
    assert run(*RUNS["train"])[::2] == (143, "parity: interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SIGHUP is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signal_after(3, signal.SIGHUP, monkeypatch)
        assert run(*RUNS["train"], "--checkpoint", "kept")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_sweep_goes_on_in_its_second_cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (*RUNS["sweep"], "--checkpoint", "kept", "--json")
    cells: list[Any] = []
    exact = Checkpoints.write

    def write(self: Checkpoints, step: int, state: Any) -> None:
        exact(self, step, state)
        if type(self) is Checkpoints:
            cells.append(len(state["done"]))
            if cells == [0, 0, 1]:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write", write)
        assert run(*arguments, "cut.json")[0] == 130
    assert run(*RUNS["sweep"], "--resume", "kept", "--json", "resumed.json")[0] == 0
    assert run(*RUNS["sweep"], "--json", "whole.json")[0] == 0
    assert answer("resumed.json") == answer("whole.json")


def test_what_the_options_of_checkpoints_refuse(run: Run) -> None:
    train = RUNS["train"]
    assert run(*train, "--checkpoint", "kept")[0] == 0
    newest = "kept/step-000000000010.safetensors"
    for more, message in (
        (("--every", "3"), "every is 3, expected --checkpoint DIR with it"),
        (("--every", "0", "--checkpoint", "new"), "every is 0, expected at least 1"),
        (("--checkpoint", "kept"), f"checkpoint: {newest} is there already; --resume kept goes on"),
        (("--resume", "none"), "resume: got none, expected a file that is there"),
        (("--resume", "kept", "--seed", "1"), f"resume: {newest} was made with seed 0, initial"),
        (
            ("--resume", "kept", "--dtype", "float64"),
            f"resume: {newest} was made with dtype float32",
        ),
    ):
        code, _, error = run(*train, *more)
        assert (code, len(error.splitlines())) == (2, 1)
        assert error.startswith(f"parity: error: {message}")


def test_weights_survive_a_disk_that_is_too_full_for_the_rest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = files.write

    def write(path: Path, content: bytes, option: str) -> None:
        if option in ("json", "report"):
            raise InputError(f"{option}: cannot write {path}: No space left on device")
        exact(path, content, option)

    monkeypatch.setattr(files, "write", write)
    code, out, error = run(*RUNS["compare"], "--save", "w.safetensors", "--json", "a.json")
    assert code == 2
    assert "weights: w.safetensors" in out
    assert tensorfile.unpack(Path("w.safetensors").read_bytes())[0]
    stem = "reports/linear-adam-digits-float32"
    assert error == (
        "parity: error: "
        "json: cannot write a.json: No space left on device; "
        f"report: cannot write {stem}.png: No space left on device; "
        f"report: cannot write {stem}.html: No space left on device\n"
    )


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_checkpoint_that_cannot_be_written_costs_no_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    exact = files.write

    def write(path: Path, content: bytes, option: str) -> None:
        if option == "checkpoint":
            raise InputError(f"checkpoint: cannot write {path}: No space left on device")
        exact(path, content, option)

    monkeypatch.setattr(files, "write", write)
    code, _, error = run(*RUNS[command], "--checkpoint", "kept", "--json", "a.json")
    assert code == 2
    assert error.startswith("parity: error: checkpoint: cannot write kept/step-")
    assert answer("a.json")["interrupted"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*RUNS["train"], "--json", "a" * 256), "File name too long"),
        ((*RUNS["train"], "--save", "x.safetensors", "--json", "x.safetensors"), "than save has"),
        ((*RUNS["train"], "--load", "w.safetensors", "--json", "w.safetensors"), "than load has"),
        (("check", "a.py", "--json", "a.py"), "expected another file than file has"),
        (("gradcheck", "a.py", "--json", "a.py"), "expected another file than target has"),
        (("predict", "a.png", "--picture", "a.png"), "expected another file than image has"),
        (("predict", "3", "--picture", "a.png", "--json", "a.png"), "than json has"),
        (("compare", "tutorial", "--report", "circle"), "cannot write to circle"),
    ],
)
def test_an_output_that_would_overwrite_or_cannot_be_is_refused_before_the_work(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    for name in ("a.py", "a.png", "w.safetensors"):
        Path(name).write_text("mine")
    Path("circle").symlink_to("circle")
    code, out, error = run(*arguments)
    assert (code, out, len(error.splitlines())) == (2, "", 1)
    assert message in error
    assert {Path(name).read_text() for name in ("a.py", "a.png", "w.safetensors")} == {"mine"}
