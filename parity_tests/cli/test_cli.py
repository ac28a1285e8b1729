"""The command line, used as a user would."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numpy_impl import functional as F
from parity.cli import main
from parity.datasets.mnist import TEST_FILES, TRAIN_FILES

Run = Callable[..., tuple[int, str, str]]

QUICK = ("--train-size", "200", "--epochs", "2")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Run:
    """Run `parity` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARITY_DATA_ROOT", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_compare_prints_a_table_a_verdict_and_a_picture(run: Run) -> None:
    code, out, err = run("compare", "feedforward", *QUICK)
    assert (code, err) == (0, "")
    assert "parity holds" in out
    picture = Path(out.split("picture: ")[1].splitlines()[0])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_compare_writes_the_json_of_the_contract(run: Run) -> None:
    code, _, _ = run("compare", "logistic", *QUICK, "--json", "answer.json", "--seed", "3")
    answer = json.loads(Path("answer.json").read_text())
    assert code == 0
    assert answer["parity"] is True
    assert answer["first_divergence"] is None
    assert (answer["recipe"], answer["data"], answer["dtype"]) == ("logistic", "digits", "float32")
    assert (answer["seed"], answer["device"], answer["steps"]) == (3, "cpu", 26)
    assert set(answer["max_difference"]) == {"logits", "loss", "gradients", "weights"}
    for by_backend in ("accuracy", "loss", "seconds"):
        assert set(answer[by_backend]) == {"numpy", "torch"}
    assert answer["prediction_agreement"] == 1
    assert answer["published"] == []


def test_a_divergence_exits_with_1_and_says_where(run: Run, monkeypatch: Any) -> None:
    exact = F.sgd_step
    monkeypatch.setattr(
        F,
        "sgd_step",
        lambda param, grad, lr, decay=0.0, **out: exact(param, -grad, lr, decay, **out),
    )
    code, out, _ = run("compare", "logistic", *QUICK, "--json", "answer.json")
    assert code == 1
    assert "parity does not hold" in out
    assert "step 1, step, fc." in out
    divergence = json.loads(Path("answer.json").read_text())["first_divergence"]
    assert (divergence["step"], divergence["phase"]) == (1, "step")
    assert {"tensor", "index", "numpy", "torch", "tolerance"} <= set(divergence)


@pytest.mark.parametrize("impl", ["numpy", "torch"])
def test_train_runs_one_backend(run: Run, impl: str) -> None:
    code, out, _ = run("train", "logistic", *QUICK, "--impl", impl, "--json", "answer.json")
    answer = json.loads(Path("answer.json").read_text())
    assert code == 0
    assert (answer["impl"], answer["steps"], len(answer["checkpoints"])) == (impl, 26, 4)
    assert f"{answer['accuracy']:.2%}" in out


def test_data_lists_what_is_here(run: Run) -> None:
    code, out, _ = run("data", "--data", "digits", "--json", "answer.json")
    assert code == 0
    assert "1,415" in out
    (digits,) = json.loads(Path("answer.json").read_text())["data"]
    assert digits["test"]["examples"] == 382


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "nope"), "recipe is 'nope', expected one of"),
        (("compare",), "RECIPE is missing (which system: tutorial, logistic, "),
        (("compare",), "; see parity compare --help"),
        (("compare", "logistic", "--data", "cifar"), "data is 'cifar', expected one of 'digits', "),
        (
            ("compare", "logistic", "--seed", str(2**64)),
            f"seed is {2**64}, expected at least",
        ),
        (("compare", "logistic", "--lr"), "lr has no value, expected one; see parity compare"),
        (("compare", "logistic", "--seed", "a"), "seed is 'a', expected INT"),
        (("sweep", "logistic", "--lr", "a"), "lr is 'a', expected FLOAT; see parity sweep --help"),
        (("sweep", "logistic", "--lr", "1", "a"), "lr is '1', 'a', expected FLOAT"),
        (("check", "a.py", "--timeout", "long"), "timeout is 'long', expected FLOAT"),
        (("compare", "logistic", "--lr", "fast"), "lr is 'fast', expected FLOAT"),
        (("compare", "logistic", "--lr", "nan"), "lr is nan, expected a finite number above 0"),
        (("compare", "logistic", "--epochs", "1.5"), "epochs is '1.5', expected INT"),
        (("compare", "logistic", "--epochs", "0"), "epochs is 0, expected at least 1"),
        (
            ("sweep", "feedforward", "--epochs", str(10**12), "--batch-size", "1000"),
            f"epochs is {10**12}, expected at most 5000000 of 2 steps",
        ),
        (("compare", "logistic", "--batch-size", "-1"), "batch-size is -1, expected at least 1"),
        (("compare", "logistic", "--batch-size", "1416"), "batch-size is 1416, expected at most"),
        (("compare", "logistic", "--train-size", "9999"), "train-size is 9999, expected at most"),
        (
            ("compare", "logistic", "--dtype", "float16"),
            "dtype is 'float16', expected one of 'float32', 'float64'",
        ),
        (("compare", "logistic", "--learning", "1"), "Unrecognized options: --learning, 1"),
        (("compare", "logistic", "--data", "mnist"), "mnist is not there"),
        (("compare", "logistic", "--data-root", "nowhere"), "'nowhere', expected a folder"),
        (("compare", "logistic", "--report", "/proc/none"), "report: cannot write to /proc/none"),
        (("compare", "logistic", "--json", "no/a.json"), "json: cannot write no/a.json"),
        (("train", "logistic"), "impl is missing, expected one of numpy, torch; see parity train"),
        (("train",), "); impl is missing, expected one of numpy, torch; see parity train"),
        (("data", "--download"), "download: expected --data mnist or"),
        (("data", "--data", "mnist"), "mnist is not there"),
        (("fly",), "command is 'fly', expected one of compare, train, "),
        (("--fly",), "Unrecognized options: --fly; see parity --help"),
        ((), "command is missing, expected one of compare, train, "),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    if "mnist" in arguments:
        arguments = (*arguments, "--data-root", str(tmp_path))
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
    assert err.startswith("parity: error: ")
    assert len(err.splitlines()) == 1
    assert not any(tmp_path.iterdir()) or list(tmp_path.iterdir()) == [tmp_path / "reports"]


def test_a_damaged_file_is_not_reported_as_missing(run: Run) -> None:
    raw = Path("MNIST/raw")
    raw.mkdir(parents=True)
    for name in TRAIN_FILES + TEST_FILES:
        (raw / name).write_bytes(b"cut")
    code, out, err = run("data", "--data", "mnist", "--data-root", ".")
    assert code == 2
    assert "magic number 0x637574" in err
    assert "not here" not in out


def test_a_loss_that_is_not_finite_is_one_line(run: Run) -> None:
    code, _, err = run("compare", "logistic", *QUICK, "--lr", "3e38")
    assert code == 1
    assert err.startswith("parity: stopped: step ")
    assert len(err.splitlines()) == 1


def test_the_installed_command_starts_without_a_terminal() -> None:
    """No progress bar, no colour codes, and torch is not imported for a page of help."""
    script = "import sys; from parity.cli import main\ntry: main(['compare', '--help'])\n"
    script += "except SystemExit: pass\nassert 'torch' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    assert "--weight-decay" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_the_help_says_where_defaults_come_from(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    text = " ".join(out.replace("│", " ").split())
    assert code == 0
    for option in ("epochs", "batch-size", "lr", "weight-decay", "train-size", "init"):
        words = re.split(r" --[a-z]", text.split(f" --{option} ")[1])[0]
        assert words.endswith("(default: the recipe's own)"), option


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parity", "compare", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("parity: error: ")
