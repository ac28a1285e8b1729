"""The processes of `numpy_impl.distributed`: started, watched, and ended."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy import ndarray
from threadpoolctl import threadpool_limits

from numpy_impl import distributed, nn
from numpy_impl.distributed import Ring
from numpy_impl.optim import Optimizer
from parity.errors import InputError, WorkerError

__all__ = ["Trained", "on_ring", "train"]

SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
BEREFT = 3  # the exit code of a process that heard nothing from another
STARTED = "started"  # the first message
GRACE = 2.0  # seconds in which the others notice as well
START = 60.0  # seconds in which the processes have started


@dataclass
class Trained:
    """What rank 0 sends back; model and optimizer are the same on all ranks."""

    model: nn.Module
    optimizer: Optimizer
    losses: list[float]


def train(
    model: nn.Module,
    optimizer: Optimizer,
    images: ndarray,
    labels: ndarray,
    batches: Sequence[ndarray],
    processes: int,
    timeout: float = 60.0,
) -> Trained:
    """Train a copy of the model, with its optimizer, on the batches of indices.

    Parameters
    ----------
    model, optimizer
        As they are to begin with; they stay so. What a run returns can be given to the next, with
        another number of processes.
    images, labels
        (M, in) and (M,).
    batches
        The indices of each step's examples.
    processes
        How many share each batch.
    timeout
        Seconds that a process may be silent.

    Raises
    ------
    FloatingPointError
        If a loss is not finite.
    InputError
        If there are fewer than one process.
    WorkerError
        If a process dies or stalls; it names the rank.
    """
    size = sum(parameter.data.nbytes for parameter in optimizer.parameters)
    shared = np.ascontiguousarray(images)
    with shared_memory(shared.nbytes) as memory:
        np.frombuffer(memory.buf, shared.dtype, shared.size)[...] = shared.ravel()
        arguments = memory, shared.shape, shared.dtype, model, optimizer, labels, batches
        losses: list[float] = []
        for message in on_ring(processes, size + 8, timeout, training, *arguments):
            if not isinstance(message, float):
                return Trained(*message, losses)
            losses.append(message)
            if not np.isfinite(message):
                raise FloatingPointError(f"step {len(losses)}: the loss is not finite")
    raise AssertionError("rank 0 has sent no model")


def training(
    ring: Ring,
    memory: SharedMemory,
    shape: tuple[int, ...],
    dtype: Any,
    model: nn.Module,
    optimizer: Optimizer,
    labels: ndarray,
    batches: Sequence[ndarray],
) -> Iterator[Any]:
    """One process's part of `train`: the loss of each step, then model and optimizer."""
    images = np.frombuffer(memory.buf, dtype).reshape(-1)[: np.prod(shape)].reshape(shape)
    yield from distributed.steps(ring, model, optimizer, images, labels, batches)
    yield model, optimizer


def on_ring(
    processes: int,
    size: int,
    timeout: float,
    part: Callable[..., Iterator[Any]],
    *arguments: Any,
) -> Iterator[Any]:
    """Run `part(ring, *arguments)` on so many processes; yields what rank 0 yields.

    A mailbox takes `size` bytes. Raises what `train` raises.
    """
    if processes < 1:
        raise InputError(f"processes is {processes}, expected at least 1")
    with ExitStack() as stack:
        mailboxes = [stack.enter_context(shared_memory(size)) for _ in range(processes)]
        empty = [SPAWN.Semaphore(1) for _ in mailboxes]
        full = [SPAWN.Semaphore(0) for _ in mailboxes]
        receiver, sender = SPAWN.Pipe(duplex=False)
        workers: list[BaseProcess] = []
        stack.callback(end, workers)
        for rank in range(processes):
            ring = Ring(rank, mailboxes, empty, full, timeout)
            worker = SPAWN.Process(
                target=work,
                args=(ring, sender if rank == 0 else None, part, arguments),
                daemon=True,
            )
            worker.start()
            workers.append(worker)
        sender.close()
        yield from answers(workers, receiver, timeout)


def work(
    ring: Ring,
    sender: Connection | None,
    part: Callable[..., Iterator[Any]],
    arguments: Sequence[Any],
) -> None:
    """What a process does; the parent decides when Ctrl-C ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with threadpool_limits(limits=1), np.errstate(all="ignore"):
            ring._replace(timeout=START).all_reduce(np.zeros(len(ring.mailboxes)))
            for message in chain([STARTED], part(ring, *arguments)):
                if sender is not None:
                    sender.send(message)
    except TimeoutError:
        sys.exit(BEREFT)


def answers(workers: list[BaseProcess], receiver: Connection, timeout: float) -> Iterator[Any]:
    """What rank 0 sends, while none dies and none is silent for too long."""
    limit, left = START, {worker.sentinel: worker for worker in workers}
    while True:
        ready = wait([receiver, *left], limit)
        if receiver in ready and (message := received(receiver)) is not None:
            limit = timeout
            if message != STARTED:
                yield message
            continue
        ended = [left.pop(it) for it in ready if isinstance(it, int)]
        for worker in ended:
            worker.join()
        if not ready or any(worker.exitcode for worker in ended):
            raise WorkerError(missing(workers, limit))
        if not left:
            return


def received(receiver: Connection) -> Any:
    """The next message; None if rank 0 has ended."""
    try:
        return receiver.recv()
    except EOFError:
        return None


def missing(workers: list[BaseProcess], seconds: float) -> str:
    """Which ranks died; if none did, which are not even bereft of another."""
    end = time.monotonic() + GRACE
    while any(worker.is_alive() for worker in workers) and time.monotonic() < end:
        time.sleep(0.02)
        if died := [f"rank {rank} died" for rank, it in enumerate(workers) if failed(it)]:
            return "; ".join(died)
    stalled = [rank for rank, worker in enumerate(workers) if worker.is_alive()]
    return "; ".join(f"rank {rank} stalled: nothing from it in {seconds:g} s" for rank in stalled)


def failed(worker: BaseProcess) -> bool:
    """Whether it ended by itself, and not for want of another."""
    return worker.exitcode not in (None, 0, BEREFT)


def end(workers: list[BaseProcess]) -> None:
    """Leave none of them running."""
    for worker in workers:
        worker.kill()
        worker.join()


@contextmanager
def shared_memory(size: int) -> Iterator[SharedMemory]:
    """Memory of so many bytes for several processes, removed at the end."""
    memory = SharedMemory(create=True, size=max(size, 1))
    try:
        yield memory
    finally:
        memory.close()
        memory.unlink()
