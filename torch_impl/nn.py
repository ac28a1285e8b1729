"""Parameters, modules and layers: PyTorch has them all."""

from torch.nn import (
    AvgPool2d,
    Conv2d,
    CrossEntropyLoss,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sigmoid,
)

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sigmoid",
]
