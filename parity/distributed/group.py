"""The processes that torchrun started: rank 0 says what to do, the others do it.

A process that fails or stalls is found by a roll call: the others leave a word in torchrun's store,
and it does not.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from parity.errors import InputError, WorkerError
from parity.system.ranks import let_rank_0_speak, say, started_by_torchrun
from parity.system.signals import NAMES

__all__ = ["Group", "backend_of", "join"]

ROLL_CALL = 3.0  # seconds in which a process that is there answers; torchrun leaves it 30


class Group:
    """One process among all of them.

    Gradients go by the default process group, NCCL's on GPUs. All else goes by `control`, which is
    always gloo's: orders, and the outputs that rank 0 collects.
    """

    def __init__(
        self, store: dist.Store, rank: int, size: int, device: str, seconds: float
    ) -> None:
        limit = timedelta(seconds=seconds)
        dist.init_process_group(
            backend_of(device), store=store, rank=rank, world_size=size, timeout=limit
        )
        self.control = dist.new_group(backend="gloo", timeout=limit)
        self.store, self.rank, self.size, self.seconds = store, rank, size, seconds
        self.device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device

    def tell(self, *order: Any) -> None:
        """On rank 0: let the others call a method, with arguments; nothing on the others."""
        if self.rank == 0:
            with self.communicating():
                dist.broadcast_object_list([order], group=self.control)

    def hear(self) -> tuple[Any, ...]:
        """What rank 0 tells; nothing at all if this is the end."""
        order: list[Any] = [None]
        with self.communicating():
            dist.broadcast_object_list(order, group=self.control)
        return order[0]

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, on the CPU."""
        whole = tensor.cpu()
        with self.communicating():
            dist.all_reduce(whole, group=self.control)
        return whole

    @contextlib.contextmanager
    def communicating(self) -> Iterator[None]:
        """What waits for the others stands in here.

        Raises
        ------
        WorkerError
            If one of them is gone or does not answer; on rank 0 it names the rank.
        """
        start = time.monotonic()
        try:
            yield
        except RuntimeError as error:
            stalled = time.monotonic() - start > 0.9 * self.seconds
            raise WorkerError(self.explain(stalled)) from error

    def explain(self, stalled: bool) -> str:
        """One line on who is missing."""
        how = f"stalled: nothing from it in {self.seconds:g} s" if stalled else "died"
        if self.rank:
            self.answer()
            return "" if self.is_there("over", 2 * ROLL_CALL) else f"rank 0 {how}"
        missing = [rank for rank in range(1, self.size) if not self.is_there(f"here {rank}")]
        if missing:
            time.sleep(ROLL_CALL)
            missing = [rank for rank in missing if not self.is_there(f"here {rank}")]
        self.store.set("over", "")
        return "; ".join(f"rank {rank} {how}" for rank in missing) or "the processes were ended"

    def answer(self) -> None:
        """Say that this process is there."""
        with contextlib.suppress(RuntimeError):  # the store has gone with torchrun
            self.store.set(f"here {self.rank}", "")

    def is_there(self, word: str, seconds: float = 0.0) -> bool:
        """Whether the store has the word, within so many seconds."""
        end = time.monotonic() + seconds
        with contextlib.suppress(RuntimeError):
            while not self.store.check([word]):
                if time.monotonic() >= end:
                    return False
                time.sleep(0.05)
            return True
        return False

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """What rank 0 does while the others hear it; at the end they hear that it is the end."""
        yield
        self.tell()

    def leave(self) -> None:
        """The last call."""
        if self.rank == 0:
            with contextlib.suppress(RuntimeError):  # the others need not wait for a word
                self.store.set("over", "")
        dist.destroy_process_group()


def backend_of(device: str) -> str:
    """The library that adds up gradients on this device."""
    return "nccl" if device == "cuda" else "gloo"


@contextlib.contextmanager
def join(device: str, seconds: float, command: str) -> Iterator[Group]:
    """The group that this process belongs to; only rank 0 prints.

    Raises
    ------
    InputError
        If torchrun did not start this process, or there are fewer GPUs than processes.
    """
    if seconds <= 0:
        raise InputError(f"timeout is {seconds:g}, expected more than 0 seconds")
    if not started_by_torchrun():
        raise InputError(f"distributed: start it as torchrun --nproc-per-node=K -m {command}")
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda" and torch.cuda.device_count() < local:
        raise InputError(
            f"device is 'cuda' with {local} processes, expected a CUDA device for each; PyTorch "
            f"finds {torch.cuda.device_count()} here"
        )
    store, rank, size = next(dist.rendezvous("env://", timeout=timedelta(seconds=seconds)))
    group = Group(store, rank, size, device, seconds)
    if rank:
        stay(group)
    try:
        yield group
    except WorkerError as error:
        if rank == 1 and str(error):  # rank 0 cannot say it
            say(f"parity: stopped: {error}")
        let_rank_0_speak()
        raise
    finally:
        group.leave()


def stay(group: Group) -> None:
    """Leave it to rank 0 when to end: a signal is answered, and ends this process only later.

    torchrun sends one when another process has failed. While the main thread waits for the others
    it hears no signal; so a thread answers.
    """
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    for name in NAMES:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: None)
    signal.set_wakeup_fd(woken.fileno())

    def wait(_keep: socket.socket) -> None:
        heard.recv(1)
        group.answer()
        group.is_there("over", group.seconds)
        time.sleep(ROLL_CALL)
        os._exit(1)

    Thread(target=wait, args=(woken,), daemon=True).start()
