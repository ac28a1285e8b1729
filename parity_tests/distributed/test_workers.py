"""NumPy training on several processes: the same as on one, and none is left when one is lost."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from numpy_impl.distributed import Ring
from parity.backends import NumpyBackend
from parity.distributed import workers
from parity.distributed.workers import Trained, on_ring, train
from parity.errors import InputError, WorkerError
from parity.experiment.prepare import Experiment
from parity.recipes import RECIPES
from parity_tests.experiments import small


@pytest.fixture(autouse=True)
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has NumPy loaded already; one test starts processes as users do."""
    if "fork" in multiprocessing.get_all_start_methods():
        monkeypatch.setattr(workers, "SPAWN", multiprocessing.get_context("fork"))


def fresh(experiment: Experiment) -> NumpyBackend:
    backend = NumpyBackend(experiment.recipe, experiment.settings.dtype, seed=0)
    backend.load(experiment.initial)
    return backend


def shared(experiment: Experiment, processes: int, backend: Any, steps: slice) -> Trained:
    data = experiment.arrays("training", experiment.settings.dtype)
    batches = experiment.batches()[steps]
    return train(backend.model, backend.optimizer, *data, batches, processes, timeout=30.0)


def assert_same(trained: Trained, one: NumpyBackend) -> None:
    for name, array in trained.model.state_dict().items():
        exact = one.weights()[name]
        np.testing.assert_allclose(array, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
@pytest.mark.parametrize("recipe", RECIPES)
def test_training_on_several_is_training_on_one(recipe: str, processes: int) -> None:
    """The last batch has one example, so that all processes but one have none."""
    experiment = small(recipe, dtype="float64", train_size=129)
    one, data = fresh(experiment), experiment.arrays("training", "float64")
    losses = [step.loss for step in one.steps(*data, experiment.batches())]
    trained = shared(experiment, processes, fresh(experiment), slice(None))
    np.testing.assert_allclose(trained.losses, losses, rtol=1e-12)
    assert_same(trained, one)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_share_may_come_in_portions(processes: int) -> None:
    """The convolutional net takes 64 images at a time, and here are 130 in one batch."""
    experiment = small("cnn-adam", dtype="float64", train_size=130, batch_size=130)
    one, data = fresh(experiment), experiment.arrays("training", "float64")
    losses = [step.loss for step in one.steps(*data, experiment.batches())]
    trained = shared(experiment, processes, fresh(experiment), slice(None))
    np.testing.assert_allclose(trained.losses, losses, rtol=1e-12)
    assert_same(trained, one)


def test_what_is_given_stays_as_it_is() -> None:
    experiment = small("linear-adam")
    backend = fresh(experiment)
    shared(experiment, 2, backend, slice(None))
    for name, array in backend.weights().items():
        np.testing.assert_array_equal(array, experiment.initial[name])


def test_it_goes_on_with_another_number_of_processes() -> None:
    experiment = small("linear-adam", dtype="float64")
    one, data = fresh(experiment), experiment.arrays("training", "float64")
    list(one.steps(*data, experiment.batches()))
    half = shared(experiment, 3, fresh(experiment), slice(0, 4))
    assert_same(shared(experiment, 2, half, slice(4, None)), one)


def test_processes_start_without_what_this_one_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, and everywhere for users: nothing is inherited."""
    monkeypatch.setattr(workers, "SPAWN", multiprocessing.get_context("spawn"))
    experiment = small("logistic")
    assert len(shared(experiment, 2, fresh(experiment), slice(None)).losses) == 6


def test_a_loss_that_is_not_finite_ends_it() -> None:
    experiment = small("logistic", lr=1e30)
    with pytest.raises(FloatingPointError, match=r"step \d: the loss is not finite"):
        shared(experiment, 2, fresh(experiment), slice(None))


def test_there_is_one_process_at_least() -> None:
    experiment = small("logistic")
    with pytest.raises(InputError, match="processes is 0, expected at least 1"):
        shared(experiment, 0, fresh(experiment), slice(None))


# --- a process that is lost -----------------------------------------------------------------------


def part(ring: Ring, lost: int, how: str) -> Iterator[int]:
    """Two all-reduces; before the second one process is lost."""
    for step in range(2):
        if step == 1 and ring.rank == lost:
            end = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}.get(how)
            if end is not None:
                os.kill(os.getpid(), end)
            time.sleep(60)
        ring.all_reduce(np.zeros(8))
        yield step


SILENT = "stalled: nothing from it in 0.5 s"


@pytest.mark.parametrize(
    ("how", "lost", "words"),
    [("killed", 0, "died"), ("killed", 2, "died"), ("stopped", 1, SILENT), ("asleep", 0, SILENT)],
)
def test_a_lost_process_is_named_and_none_is_left(
    monkeypatch: pytest.MonkeyPatch, how: str, lost: int, words: str
) -> None:
    monkeypatch.setattr(workers, "GRACE", 1.0)
    others = set(multiprocessing.active_children())  # those of other tests
    run, start = on_ring(3, 64, 0.5, part, lost, how), time.monotonic()
    with pytest.raises(WorkerError) as caught:
        list(run)
    assert str(caught.value) == f"rank {lost} {words}"
    assert time.monotonic() - start < 30  # and not the 60 of its sleep
    assert not set(multiprocessing.active_children()) - others


def test_one_process_alone_is_watched_as_well() -> None:
    with pytest.raises(WorkerError, match="rank 0 died"):
        list(on_ring(1, 64, 0.5, part, 0, "killed"))
