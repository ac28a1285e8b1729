"""Grading on a Dask cluster: a real scheduler and two workers, which are processes of their own."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parity.cli.grade import Grade
from parity.errors import InputError
from parity.system.jobs import Lost, Pool

pytestmark = pytest.mark.cluster

CLASS = {
    "ann": "import numpy as np\ndef relu(input):\n    return np.maximum(input, 0)\n",
    "bob": "import numpy as np\ndef relu(input):\n    return np.abs(input)\n",
    "cy": "import torch\ndef relu(input):\n    return torch.relu(input)\n",
    "dan": "x = )",
    "eve": "import os\ndef relu(input):\n    os._exit(1)\n",
}


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    common = ["--scheduler-file", str(file)]
    commands = [
        ["distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0"],
        *[["distributed.cli.dask_worker", *common, "--nthreads", "1"]] * 2,
    ]
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with open(folder / "log", "wb") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command, *quiet],
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,  # with the processes that a worker starts
            )
            for command in commands
            for quiet in [["--dashboard-address", "127.0.0.1:0"]]
        ]
        try:
            yield ready(file, workers=2)
        finally:
            for process in processes:  # asked to end, a worker waits for its scheduler
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def ready(file: Path, workers: int) -> str:
    """The address, once so many workers are there."""
    from distributed import Client

    end = time.monotonic() + 60
    while not file.is_file() and time.monotonic() < end:
        time.sleep(0.05)
    address: str = json.loads(file.read_text())["address"]
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=60)
    return address


def rows(folder: Path) -> list[list[str]]:
    return list(csv.reader((folder / "grades.csv").read_text().splitlines()))


def test_the_grades_are_those_of_this_machine(scheduler: str, tmp_path: Path) -> None:
    (tmp_path / "subs").mkdir()
    (tmp_path / "grading.toml").write_text("[points]\nrelu = 1\n")
    for student, code in CLASS.items():
        (tmp_path / "subs" / f"{student}.py").write_text(code)
    for name, where in (("here", {}), ("there", {"backend": "dask", "scheduler": scheduler})):
        command = Grade(submissions=tmp_path / "subs", output=tmp_path / name, seed=3, jobs=2)
        assert Grade(**{**vars(command), "isolation": "auto", **where}).run() == 0
    assert rows(tmp_path / "here") == rows(tmp_path / "there")
    assert [row[2] for row in rows(tmp_path / "there")[1:]] == ["1", "0", "0", "0", "0"]


def process_of(number: int) -> int:
    time.sleep(0.3)
    return os.getpid()


def test_both_workers_are_at_work(scheduler: str) -> None:
    results = dict(Pool(0, "dask", scheduler).run(process_of, range(8)))
    assert len(set(results.values()) - {os.getpid()}) == 2


def dies(number: int) -> int:
    if number == 1:
        os._exit(1)
    return number


def test_a_call_that_ends_its_worker_is_lost_alone(scheduler: str) -> None:
    assert dict(Pool(0, "dask", scheduler).run(dies, range(3))) == {0: 0, 1: Lost, 2: 2}


def test_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.system.jobs.WAIT", 1)
    with pytest.raises(InputError, match="does not answer"):
        list(Pool(0, "dask", "tcp://127.0.0.1:1").run(dies, [0]))
