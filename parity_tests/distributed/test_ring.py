"""The ring all-reduce by hand; here each process is a thread, which starts faster."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray
from torch._C._distributed_c10d import HashStore, ProcessGroupGloo

from numpy_impl import distributed, models, optim, training
from numpy_impl.distributed import Ring
from parity.distributed.workers import shared_memory


@contextmanager
def rings(size: int, nbytes: int, timeout: float = 30.0) -> Iterator[list[Ring]]:
    with shared_memory(size * nbytes) as memory:  # a slice is a mailbox of its own
        assert memory.buf is not None
        parts = [memory.buf[rank * nbytes : (rank + 1) * nbytes] for rank in range(size)]
        mailboxes: Any = [Slice(part) for part in parts]
        empty = [multiprocessing.Semaphore(1) for _ in parts]
        full = [multiprocessing.Semaphore(0) for _ in parts]
        yield [Ring(rank, mailboxes, empty, full, timeout) for rank in range(size)]
        for part in parts:
            part.release()


class Slice:
    def __init__(self, buf: memoryview) -> None:
        self.buf = buf


def at_once(function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


def by_ring(arrays: list[ndarray]) -> list[ndarray]:
    sums = [array.copy() for array in arrays]
    with rings(len(arrays), max(8, arrays[0].nbytes)) as all_rings:
        at_once(lambda ring: ring.all_reduce(sums[ring.rank]), all_rings)
    return sums


def by_gloo(arrays: list[ndarray]) -> list[ndarray]:
    sums, store = [torch.tensor(array) for array in arrays], HashStore()

    def reduce(rank: int) -> None:
        group: Any = ProcessGroupGloo(store, rank, len(arrays), timedelta(seconds=30))
        group.allreduce([sums[rank]]).wait()

    at_once(reduce, list(range(len(arrays))))
    return [it.numpy() for it in sums]


def by_steps(size: int, batches: list[ndarray], dtype: str) -> list[tuple[list[float], Any]]:
    """The losses and the weights of each of `size` processes that train on the batches."""
    images, labels = data(dtype)

    def train(ring: Ring) -> tuple[list[float], Any]:
        model, optimizer = fresh(dtype)
        losses = list(distributed.steps(ring, model, optimizer, images, labels, batches))
        return losses, model.state_dict()

    with rings(size, 8 * 4000, timeout=5.0) as all_rings:
        return at_once(train, all_rings)


def data(dtype: str) -> tuple[ndarray, ndarray]:
    rng = np.random.default_rng(3)
    return rng.random((40, 784)).astype(dtype), rng.integers(0, 10, 40)


class InPortions(models.ConvNet):
    portion = 3

    def forward(self, input: ndarray) -> ndarray:
        assert len(input) <= self.portion
        return super().forward(input)


def fresh(dtype: str) -> tuple[Any, Any]:
    """A net that takes its images in portions, which are small here, and an optimizer for it."""
    model = InPortions(10, dtype=dtype, rng=np.random.default_rng(4))
    return model, optim.SGD(model.parameters(), lr=0.5)


TINY = np.finfo("float32").tiny  # a sum of zeros is exact


def drawn(size: int, length: int, dtype: str, seed: int = 0) -> list[ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(length).astype(dtype) for _ in range(size)]


@given(
    size=st.integers(1, 4),
    length=st.integers(0, 40),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_process_gets_the_same_sum(size: int, length: int, dtype: str, seed: int) -> None:
    arrays = drawn(size, length, dtype, seed)
    sums = by_ring(arrays)
    exact = np.sum(arrays, axis=0, dtype="float64")
    bound = 4 * np.finfo(dtype).eps * np.abs(arrays).sum(axis=0)
    for rank, total in enumerate(sums):
        assert total.dtype == dtype
        np.testing.assert_array_equal(total, sums[0], f"rank {rank} and rank 0")
        np.testing.assert_array_less(np.abs(total - exact), bound + TINY, f"rank {rank}")


@pytest.mark.parametrize("length", [1, 7, 1000])
def test_of_two_processes_it_is_gloo_s_sum_to_the_bit(length: int) -> None:
    arrays = drawn(2, length, "float32")
    np.testing.assert_array_equal(by_ring(arrays)[0], by_gloo(arrays)[0])


@pytest.mark.parametrize("size", [3, 4])
def test_of_more_it_is_gloo_s_sum_to_rounding(size: int) -> None:
    """Which process comes first in a sum is each library's own affair."""
    arrays = drawn(size, 1000, "float32")
    bound = 4 * np.finfo("float32").eps * np.abs(arrays).sum(axis=0)
    np.testing.assert_array_less(np.abs(by_ring(arrays)[0] - by_gloo(arrays)[0]), bound + TINY)


def test_each_sends_two_chunks_for_each_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = Ring.send

    def counted(ring: Ring, message: ndarray) -> None:
        sent.append(message.nbytes)
        send(ring, message)

    monkeypatch.setattr(Ring, "send", counted)
    by_ring(drawn(4, 100, "float64"))
    assert sent == [25 * 8] * (4 * 2 * 3)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_processes_train_as_one_does(size: int, dtype: str) -> None:
    """Batches that the processes do not divide, and one with less images than processes."""
    batches = np.split(np.random.default_rng(5).permutation(40), [16, 27, 29])
    model, optimizer = fresh(dtype)
    whole = training.steps(model, optimizer, *data(dtype), batches)
    exact = [step.loss for step in whole]
    eps = 100 * float(np.finfo(dtype).eps)
    for rank, (losses, weights) in enumerate(by_steps(size, batches, dtype)):
        assert losses == pytest.approx(exact, rel=eps), f"rank {rank}"
        for name, parameter in model.named_parameters():
            assert weights[name].dtype == dtype
            assert weights[name] == pytest.approx(parameter.data, rel=eps, abs=eps), name


@pytest.mark.parametrize("lost", ["reads", "sends"])
def test_a_silent_neighbour_is_an_error_within_the_time(lost: str) -> None:
    with rings(2, 8, timeout=0.05) as (ring, _):
        if lost == "reads":
            ring.send(np.zeros(1))
        with pytest.raises(TimeoutError, match=r"rank 0: .* nothing"):
            ring.send(np.zeros(1)) if lost == "reads" else ring.receive(np.zeros(1), add=True)
