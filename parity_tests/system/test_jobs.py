"""Calls in worker processes: every result, its place, and what becomes of a worker that ends."""

import os

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
        (0, "dask", "", "--backend dask --scheduler ADDRESS"),
        (0, "loky", "tcp://here:1", "--backend dask --scheduler ADDRESS"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    jobs: int, backend: Backend, scheduler: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Pool(jobs, backend, scheduler).check()
