"""Optimizers: PyTorch has them all."""

from torch.optim import SGD, Adam, Optimizer

__all__ = ["SGD", "Adam", "Optimizer"]
