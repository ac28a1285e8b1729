"""`torch_impl` on a CUDA device."""

import torch

from benchmarks.programs.torch import Program as TorchProgram
from benchmarks.work import Work

__all__ = ["Program"]


class Program(TorchProgram):
    """The training loop of `torch_impl`, timed on the device, in float32 without TF32."""

    def __init__(self, work: Work) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        super().__init__(work, "cuda")

    def seconds(self, count: int) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        self.run(count)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000
