"""The tuned loop, with its model and loss compiled by `torch.compile`, forward and backward."""

import torch

from benchmarks.programs import tuned
from benchmarks.work import Work

__all__ = ["Program"]


class Program(tuned.Program):
    """`torch.compile` in its default mode; the optimizer is already a fused kernel."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.loss = torch.compile(self.loss)
