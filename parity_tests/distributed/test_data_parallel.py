"""PyTorch on several processes against NumPy's whole batch."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F

from maintenance.tutorial_mistakes import mean_of_process_means
from parity.backends import TorchBackend
from parity.cli import main
from parity.comparison.compare import compare, lockstep_of
from parity.comparison.resuming import KINDS
from parity.distributed.group import backend_of, join
from parity.distributed.program import DataParallel
from parity.errors import InputError
from parity.experiment.checkpoints import Checkpoints, resume
from parity_tests.distributed.launch import free_port, launch, variables
from parity_tests.distributed.runs import CHOICES, LAST, SAME, experiment
from parity_tests.experiments import small

RUNS = "parity_tests.distributed.runs"
FAILING = "parity_tests.distributed.failing"
QUICK = ("--train-size", "65", "--epochs", "1", "--report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found."""
    made = tmp_path_factory.mktemp("two")
    ended = launch(2, RUNS, str(made))
    assert [(it.code, it.err) for it in ended] == [(0, "")] * 2
    return made


def answers(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "answers.json").read_text())


@pytest.mark.parametrize(("recipe", "dtype"), CHOICES)
def test_two_processes_train_as_one(folder: Path, recipe: str, dtype: str) -> None:
    answer = answers(folder)[f"{recipe} {dtype}"]
    assert (answer["parity"], answer["steps"]) == (True, LAST)
    assert answer["noise_horizon"] == compare(experiment(recipe, dtype)).noise_horizon


def test_without_weights_it_is_the_mean_of_unequal_means(folder: Path) -> None:
    """A batch of three is shared as 2 + 1."""
    answer = answers(folder)["unweighted"]
    assert (answer["parity"], answer["first_divergence"]["phase"]) == (False, "loss")
    made = small("linear-adam", dtype="float64", batch_size=3)
    images, labels = made.arrays("training", "float64")
    batch, weight = made.batches()[0], made.initial["fc.weight"]
    logits = images[batch] @ weight.T + made.initial["fc.bias"]
    expected = mean_of_process_means(logits, labels[batch], 2).T @ images[batch]
    with np.load(folder / "unweighted.npz") as arrays:
        assert_close(arrays, {"fc.weight": expected})


def exact_run() -> TorchBackend:
    """The whole experiment in this process alone."""
    result = compare(experiment("linear-adam", "float64"))
    torch_backend = result.backends["torch"]
    assert isinstance(torch_backend, TorchBackend)
    return torch_backend


def assert_close(arrays: Any, exact: dict[str, ndarray]) -> None:
    for name, array in exact.items():
        atol = 1e-11 * np.abs(array).max()
        np.testing.assert_allclose(arrays[name], array, rtol=0, atol=atol)


def test_two_processes_go_on_from_a_checkpoint(folder: Path) -> None:
    with np.load(folder / "resumed.npz") as arrays:
        assert_close(arrays, exact_run().weights())


def test_one_process_goes_on_from_the_checkpoint_of_two(folder: Path, tmp_path: Path) -> None:
    state = resume(folder / "half", SAME, KINDS)
    assert len(state["steps"]) == 4
    kept = Checkpoints(tmp_path / "kept", SAME, LAST, state)
    result = compare(experiment("linear-adam", "float64"), checkpoints=kept)
    assert result.parity
    assert_close(result.backends["torch"].weights(), exact_run().weights())


# --- one process, in this one ---------------------------------------------------------------------


def too_large(self: DataParallel, logits: Tensor, target: Tensor, size: int) -> Tensor:
    return 1.01 * F.cross_entropy(logits, target)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(0, 1, free_port()).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("blank_pictures")
def test_the_command_compares_and_prints_how_many(
    alone: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "logistic", "--distributed", *QUICK, str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert ("PyTorch: DistributedDataParallel, 1 process\n" in out, err) == (True, "")
    assert (tmp_path / "logistic-digits-float32-1-process.png").exists()


@pytest.mark.usefixtures("blank_pictures")
def test_a_divergence_is_exit_code_1(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataParallel, "share", too_large)
    assert main(["compare", "logistic", "--distributed", *QUICK, str(tmp_path)]) == 1


def test_the_other_runs_of_pytorch_are_of_one_process(alone: None) -> None:
    with join("cpu", 30.0, "...") as group:
        made = experiment("logistic", "float32")
        backends = lockstep_of(made, program=lambda it: DataParallel(it, group))[1].backends
    assert [type(it) for it in list(backends.values())[1:]] == [
        DataParallel,
        TorchBackend,
        TorchBackend,
        TorchBackend,
    ]


def test_the_case_of_a_divergence_has_the_tensors_of_all_processes(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process alone could not compute them again."""
    monkeypatch.setattr(DataParallel, "share", too_large)
    with join("cpu", 30.0, "...") as group:
        result = compare(
            experiment("logistic", "float64"), program=lambda it: DataParallel(it, group)
        )
    assert result.reproduction is not None
    assert (result.reproduction.recipe, list(result.reproduction.tensors or ())) == (
        None,
        ["numpy", "torch"],
    )


# --- bad input, and a process that is lost --------------------------------------------------------


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["compare", *arguments]) == 2
    return capsys.readouterr().err


def test_without_torchrun_it_says_how_to_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert error_of(capsys, "logistic", "--distributed") == (
        "parity: error: distributed: start it as torchrun --nproc-per-node=K -m parity compare "
        "logistic --distributed\n"
    )


def test_a_time_limit_is_above_zero(alone: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = error_of(capsys, "logistic", "--distributed", "--timeout", "0")
    assert "timeout is 0, expected more than 0 seconds" in found


def test_a_file_is_not_distributed(capsys: pytest.CaptureFixture[str]) -> None:
    found = error_of(capsys, "pair.py", "--distributed")
    assert "distributed is True, but pair.py makes its programs and batches itself" in found


@pytest.mark.usefixtures("free_flags")
@pytest.mark.parametrize("gpus", [0, 3])
def test_each_process_needs_a_gpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gpus: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    for name, value in variables(0, 4, 1).items():
        monkeypatch.setenv(name, value)
    found = error_of(capsys, "logistic", "--distributed", "--device", "cuda")
    assert found == (
        "parity: error: device is 'cuda' with 4 processes, expected a CUDA device for each; "
        f"PyTorch finds {gpus} here\n"
    )


def test_gradients_on_gpus_go_by_nccl() -> None:
    assert (backend_of("cuda"), backend_of("cpu")) == ("nccl", "gloo")


def test_tf32_is_of_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = error_of(capsys, "cnn-adam", "--tf32")
    assert "tf32: got device 'cpu', expected --device cuda with it" in found


@pytest.mark.parametrize("options", [(), ("--tf32",)])
@pytest.mark.usefixtures("free_flags")
def test_tf32_is_off_unless_asked_for(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    backends: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
    before = [it.allow_tf32 for it in backends]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    try:
        found = error_of(capsys, "cnn-adam", "--device", "cuda", *options)
        assert "device is 'cuda', but PyTorch finds no CUDA device here" in found
        assert [it.allow_tf32 for it in backends] == [bool(options)] * 2
    finally:
        for it, flag in zip(backends, before, strict=True):
            it.allow_tf32 = flag


def test_what_is_started_by_hand_is_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(InputError, match="torchrun"), join("cpu", 1.0, "..."):
        pass


@pytest.mark.parametrize(
    ("how", "lost", "words"),
    [
        ("died", 1, "rank 1 died"),
        ("stalled", 1, "rank 1 stalled: nothing from it in 2 s"),
        ("died", 0, "rank 0 died"),
    ],
)
def test_a_lost_process_is_named_in_one_line(
    tmp_path: Path, how: str, lost: int, words: str
) -> None:
    # A death shows at once; a slow machine shall not be taken for one that stalls.
    timeout = "2" if how == "stalled" else "30"
    options = ("--timeout", timeout, "--epochs", "1", "--report", str(tmp_path))
    patience = 0.1 if how == "stalled" else 20.0  # that one would sleep for a minute
    ended = launch(2, FAILING, how, str(lost), *options, patience=patience)
    speaker = ended[1 - lost]
    assert (speaker.code, speaker.err) == (1, f"parity: stopped: {words}\n")
    assert ended[1].out == ""


def test_torchrun_starts_it_and_rank_0_alone_prints(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "parity"]
    done = subprocess.run(
        [*command, "compare", "logistic", "--distributed", *QUICK, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("parity holds") == 1
