"""A recipe's PyTorch program whose every step is shared by several processes."""

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from parity.backends import Moments, TorchBackend, TrainingStep
from parity.distributed.group import Group
from parity.experiment.prepare import Experiment
from torch_impl.training import non_finite

__all__ = ["DataParallel", "follow"]


class DataParallel(TorchBackend):
    """`torch_impl` on all processes of `group`: each takes its share of every batch.

    What rank 0 is told to do, it tells the others. With `weighted`, a process counts as much as it
    has examples; without, `DistributedDataParallel` takes the mean of the processes' means.
    """

    def __init__(self, experiment: Experiment, group: Group, weighted: bool = True) -> None:
        recipe, settings = experiment.recipe, experiment.settings
        super().__init__(recipe, settings.dtype, settings.seed, group.device)
        self.take = experiment.take
        self.group, self.weighted = group, weighted
        self.parallel = DistributedDataParallel(self.model)

    def copy(self, dtype: str) -> TorchBackend:
        """A program of this process alone, which takes whole batches."""
        alone = object.__new__(TorchBackend)
        own = ("group", "weighted", "parallel")
        alone.__dict__.update({k: v for k, v in vars(self).items() if k not in own})
        return alone.copy(dtype)

    def load(self, weights: Mapping[str, ndarray]) -> None:
        self.group.tell("load", dict(weights))
        super().load(weights)

    def load_moments(self, moments: Moments, steps: int) -> None:
        self.group.tell("load_moments", moments, steps)
        super().load_moments(moments, steps)

    def run(self, batches: Iterable[tuple[ndarray]], first: int = 1) -> Iterator[TrainingStep]:
        """Train on batches of indices into the training images."""
        for number, (indices,) in enumerate(batches, start=first):
            yield self.train(number, indices)

    def train(self, number: int, indices: ndarray) -> TrainingStep:
        """Train one step on the batch of `indices`, of which this process takes its share.

        Raises
        ------
        FloatingPointError
            On every process, when the loss of the batch is not finite.
        WorkerError
            If another process is gone or does not answer.
        """
        self.group.tell("train", number, indices)
        mine = np.array_split(indices, self.group.size)[self.group.rank]
        images, labels = self.take(self.dtype, mine)
        input = torch.from_numpy(images).to(self.device)
        target = torch.from_numpy(labels).to(self.device)
        with self.group.communicating():  # once, after the first step, the forward does
            logits = self.parallel(input)
        loss = self.share(logits, target, len(indices))
        whole, total = self.collect(logits, loss, len(indices))
        if not math.isfinite(total):
            raise non_finite(number, self.model, input, whole)
        self.optimizer.zero_grad()
        with self.group.communicating():
            loss.backward()  # the gradients are averaged over the processes
        self.optimizer.step()
        return TrainingStep(number, {"logits": whole.numpy()}, total)

    def share(self, logits: Tensor, target: Tensor, size: int) -> Tensor:
        """What this process adds to the loss of a batch of `size`, times the number of processes.

        That is K n_r / n times the mean over its n_r examples, of which there may be none.
        """
        if not self.weighted:
            return F.cross_entropy(logits, target)
        return F.cross_entropy(logits, target, reduction="sum") * (self.group.size / size)

    def collect(self, logits: Tensor, loss: Tensor, size: int) -> tuple[Tensor, float]:
        """The logits (N, C) of the whole batch, and its loss: rows of others are zeros."""
        rows = np.array_split(np.arange(size), self.group.size)[self.group.rank]
        parts = torch.zeros(size + 1, logits.shape[1], dtype=logits.dtype)
        parts[rows] = logits.detach().cpu()
        parts[size, 0] = loss.detach().cpu() / self.group.size
        whole = self.group.total(parts)
        return whole[:size], whole[size, 0].item()


def follow(program: DataParallel) -> None:
    """Do what rank 0 tells, until it says no more."""
    while order := program.group.hear():
        name, *arguments = order
        getattr(program, name)(*arguments)
