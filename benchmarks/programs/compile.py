"""The tuned loop with its model and loss, forward and backward, through `torch.compile`."""

import torch

from benchmarks.programs import tuned
from benchmarks.work import Work

__all__ = ["Program"]


class Program(tuned.Program):
    """`torch.compile` with its default mode; the optimizer is a fused kernel already."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.loss = torch.compile(self.loss)
