"""The classifiers in PyTorch: each forward; autograd finds the backward."""

import torch
from jaxtyping import Float
from torch import Tensor

from torch_impl import nn

__all__ = ["FeedForward", "SoftmaxRegression"]


class SoftmaxRegression(nn.Module):
    """Logits that are linear in the input: z = x Wᵀ + b; the softmax is part of the loss."""

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, num_classes, device=device, dtype=dtype)

    def forward(self, input: Float[Tensor, "N in"]) -> Float[Tensor, "N C"]:
        """Images (N, in) to logits (N, C)."""
        return self.fc(input)


class FeedForward(nn.Module):
    """One hidden layer of sigmoids: z = W₂ sigmoid(W₁ x + b₁) + b₂."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        num_classes: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden_features, device=device, dtype=dtype)
        self.sigmoid = nn.Sigmoid()
        self.fc2 = nn.Linear(hidden_features, num_classes, device=device, dtype=dtype)

    def forward(self, input: Float[Tensor, "N in"]) -> Float[Tensor, "N C"]:
        """Images (N, in) to logits (N, C)."""
        hidden = self.sigmoid(self.fc1(input))  # (N, hidden)
        return self.fc2(hidden)
