"""The classifiers in PyTorch: each forward; autograd finds the backward."""

import torch
from jaxtyping import Float
from torch import Tensor

from torch_impl import nn

__all__ = ["ConvNet", "FeedForward", "SoftmaxRegression"]


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


class ConvNet(nn.Module):
    """Three 3x3 convolutions with stride 2, ReLU after each, then the mean over what is left.

    The inputs are images of 28x28 pixels, one row each.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1, device=device, dtype=dtype)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 16, 3, stride=2, padding=1, device=device, dtype=dtype)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(16, num_classes, 3, stride=2, padding=1, device=device, dtype=dtype)
        self.relu3 = nn.ReLU()
        self.pool = nn.AvgPool2d(4)

    def forward(self, input: Float[Tensor, "N 784"]) -> Float[Tensor, "N C"]:
        """Images (N, 784) to logits (N, C)."""
        images = input.reshape(len(input), 1, 28, 28)
        features = self.relu1(self.conv1(images))  # (N, 16, 14, 14)
        features = self.relu2(self.conv2(features))  # (N, 16, 7, 7)
        features = self.relu3(self.conv3(features))  # (N, C, 4, 4)
        return self.pool(features)[:, :, 0, 0]  # (N, C)
