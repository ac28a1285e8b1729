"""What somebody who knows PyTorch well writes by hand, without compiling."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.programs.torch import TorchProgram
from benchmarks.work import Work

__all__ = ["Program"]


class Program(TorchProgram):
    """Tensors in memory, batches by `index_select`, a fused optimizer; the loss is not read."""

    def __init__(self, work: Work) -> None:
        super().__init__(work, fused=True)
        self.loss: Callable[[Tensor, Tensor], Tensor] = self.forward
        self.steps = self.train()

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return cross_entropy(self.model(input), target)

    def train(self) -> Iterator[None]:
        """Train one step at each `next`."""
        images, labels = torch.from_numpy(self.work.images), torch.from_numpy(self.work.labels)
        for indices in self.work.batches():
            index = torch.from_numpy(indices)
            loss = self.loss(images.index_select(0, index), labels.index_select(0, index))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            yield
