"""Training on several processes by hand: what `torch.distributed` and DistributedDataParallel do.

Each process has a copy of the model and takes its share of every batch. A ring all-reduce adds up
the gradients, and every process takes the same step. What they share is a mailbox for each.
"""

from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Semaphore
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from numpy_impl import nn
from numpy_impl.fast import gather, portion_of
from numpy_impl.optim import Optimizer

__all__ = ["Ring", "steps"]


class Ring(NamedTuple):
    """Process `rank`: it writes into the mailbox of the next one, and the last into the first's."""

    rank: int
    mailboxes: Sequence[SharedMemory]  # one message each
    empty: Sequence[Semaphore]  # of each mailbox: its message has been read
    full: Sequence[Semaphore]  # of each mailbox: there is a message
    timeout: float  # seconds; TimeoutError after so long a silence

    def send(self, message: Float[ndarray, " n"]) -> None:
        """Put the message into the mailbox of the next process."""
        next = (self.rank + 1) % len(self.mailboxes)
        if not self.empty[next].acquire(timeout=self.timeout):
            raise TimeoutError(f"rank {self.rank}: rank {next} reads nothing")
        np.ndarray(message.shape, message.dtype, self.mailboxes[next].buf)[...] = message
        self.full[next].release()

    def receive(self, into: Float[ndarray, " n"], add: bool) -> None:
        """Add the message in the own mailbox to `into`, or copy it."""
        if not self.full[self.rank].acquire(timeout=self.timeout):
            raise TimeoutError(f"rank {self.rank}: the one before it sends nothing")
        message = np.ndarray(into.shape, into.dtype, self.mailboxes[self.rank].buf)
        into[...] = into + message if add else message
        self.empty[self.rank].release()

    def all_reduce(self, array: Float[ndarray, " n"]) -> None:
        """The array becomes the sum over all K processes: 2 (K - 1) messages of a K-th from each.

        Chunk c starts at process c, and each adds its own; then the complete chunks go round.
        """
        size = len(self.mailboxes)
        chunks = np.array_split(array, size)  # views
        for add in (True, False):
            for turn in range(size - 1):
                here = self.rank - turn + (not add)
                self.send(chunks[here % size])
                self.receive(chunks[(here - 1) % size], add)


def steps(
    ring: Ring, model: nn.Module, optimizer: Optimizer, images: Float[ndarray, "M in"],
    labels: Int64[ndarray, " M"], batches: Iterable[Int64[ndarray, " _"]],
) -> Iterator[float]:  # fmt: skip
    """Train one step on each batch, and yield its loss; n_r of its n examples count n_r / n."""
    criterion, parameters = nn.CrossEntropyLoss(), optimizer.parameters
    ends = np.cumsum([parameter.data.size for parameter in parameters])
    for indices in batches:
        mine = np.array_split(indices, len(ring.mailboxes))[ring.rank]
        bucket = np.zeros(ends[-1] + 1, parameters[0].data.dtype)  # all gradients, and the loss
        if share := len(mine) / len(indices):
            optimizer.zero_grad()
            for input, target, part in next(gather(images, labels, [mine], portion_of(model))):
                bucket[-1] += share * part * criterion(model(input), target)
                model.backward(criterion.backward(share * part))
            bucket[:-1] = np.concatenate([np.asarray(it.grad).ravel() for it in parameters])
        ring.all_reduce(bucket)
        for parameter, grad in zip(parameters, np.split(bucket[:-1], ends[:-1]), strict=True):
            parameter.grad = grad.reshape(parameter.data.shape)
        optimizer.step()
        yield float(bucket[-1])
