"""Calls in worker processes: every result, its place, and what becomes of a worker that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity.errors import InputError
from parity.system.jobs import Backend, Lost, Pool


def square(number: int) -> int:
    if number in (3, 4):
        os._exit(1)
    if number == 13:
        raise ValueError("thirteen")
    return number * number


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_ends_costs_its_own_call(jobs: int) -> None:
    results = dict(Pool(jobs).run(square, range(7)))
    assert results == {0: 0, 1: 1, 2: 4, 3: Lost, 4: Lost, 5: 25, 6: 36}


KILLED = """
import os, signal, time
from parity.system.jobs import Pool

def own_number(call):
    time.sleep(0.5 if call else 0)  # the others are at work when the first is done
    return os.getpid()

if __name__ == "__main__":
    results = Pool(2).run(own_number, range(6))  # kept, or the workers would be stopped
    index, worker = next(results)
    print(worker, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="a killed process has no orphans there")
def test_the_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    script, number = tmp_path / "killed.py", tmp_path / "number"
    script.write_text(KILLED)
    with number.open("w") as output:  # a pipe would be open until the workers end
        done = subprocess.run([sys.executable, script], stdout=output, stderr=output, check=False)
    assert done.returncode == -signal.SIGKILL
    worker = int(number.read_text().split()[0])
    end = time.monotonic() + 20
    while is_there(worker):
        assert time.monotonic() < end, "the worker waits for work that nobody has"
        time.sleep(0.1)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_error_is_raised_here() -> None:
    with pytest.raises(ValueError, match="thirteen"):
        dict(Pool(2).run(square, [1, 13]))


def test_who_has_seen_enough_leaves() -> None:
    index, _ = next(Pool(2).run(square, range(20, 40)))
    assert index in range(20)


def test_no_calls_are_no_results() -> None:
    assert list(Pool(2).run(square, [])) == []


@pytest.mark.parametrize(
    ("jobs", "backend", "scheduler", "words"),
    [
        (-1, "loky", "", "jobs is -1"),
        (100_000, "loky", "", "jobs is 100000, expected 1 to"),
        (0, "dask", "nope", "scheduler is 'nope', expected such as tcp://host:8786"),
        (0, "dask", "", "--backend dask --scheduler ADDRESS"),
        (0, "loky", "tcp://here:1", "--backend dask --scheduler ADDRESS"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    jobs: int, backend: Backend, scheduler: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Pool(jobs, backend, scheduler).check()
