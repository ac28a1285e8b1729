"""`torch_impl` as it is, on the CPU, and the base class of the other PyTorch loops."""

from typing import Any

import torch
from numpy import ndarray

import torch_impl.models
import torch_impl.optim
import torch_impl.training
from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program", "TorchProgram"]


class TorchProgram(base.Program):
    """A PyTorch model and its optimizer, with the work's initial weights."""

    def __init__(self, work: Work, device: str = "cpu", **options: Any) -> None:
        super().__init__(work)
        recipe = work.recipe
        model_class = getattr(torch_impl.models, recipe.model)
        self.model = model_class(*work.model_arguments, device=device, dtype=torch.float32)
        self.model.load_state_dict(
            {name: torch.from_numpy(array) for name, array in work.initial.items()}
        )
        self.optimizer = getattr(torch_impl.optim, recipe.optimizer)(
            self.model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, **options
        )

    def weights(self) -> dict[str, ndarray]:
        state = self.model.state_dict()
        return {name: tensor.cpu().numpy().copy() for name, tensor in state.items()}


class Program(TorchProgram):
    """The training loop of `torch_impl`."""

    def __init__(self, work: Work, device: str = "cpu") -> None:
        super().__init__(work, device, fused=True)
        self.steps = torch_impl.training.steps(
            self.model, self.optimizer, work.images, work.labels, work.batches()
        )
