"""Gradients for which ATen has no kernel of the contract's arguments."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["autograd"]


def autograd(
    function: Callable[..., Tensor], grad_output: Tensor, *inputs: Tensor
) -> tuple[Tensor, ...]:
    """The gradients of `inputs` that autograd finds for `function` at `grad_output`."""
    inputs = tuple(input.detach().requires_grad_() for input in inputs)
    return torch.autograd.grad((function(*inputs) * grad_output).sum(), inputs)
