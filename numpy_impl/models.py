"""The classifiers by hand: each forward with its backward below it."""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from numpy_impl import nn

__all__ = ["FeedForward", "SoftmaxRegression"]


class SoftmaxRegression(nn.Module):
    """Logits that are linear in the input: z = x Wᵀ + b; the softmax is part of the loss."""

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.fc = nn.Linear(in_features, num_classes, dtype=dtype, rng=rng)

    def forward(self, input: Float[ndarray, "N in"]) -> Float[ndarray, "N C"]:
        """Images (N, in) to logits (N, C)."""
        return self.fc(input)

    def backward(self, grad_logits: Float[ndarray, "N C"]) -> None:
        """Add the gradient of the loss to every parameter's `.grad`."""
        self.fc.backward(grad_logits, needs_input_grad=False)


class FeedForward(nn.Module):
    """One hidden layer of sigmoids: z = W₂ sigmoid(W₁ x + b₁) + b₂."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        num_classes: int,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.fc1 = nn.Linear(in_features, hidden_features, dtype=dtype, rng=rng)
        self.sigmoid = nn.Sigmoid()
        self.fc2 = nn.Linear(hidden_features, num_classes, dtype=dtype, rng=rng)

    def forward(self, input: Float[ndarray, "N in"]) -> Float[ndarray, "N C"]:
        """Images (N, in) to logits (N, C)."""
        hidden = self.sigmoid(self.fc1(input))  # (N, hidden)
        return self.fc2(hidden)

    def backward(self, grad_logits: Float[ndarray, "N C"]) -> None:
        """Add the gradient of the loss to every parameter's `.grad`."""
        grad_hidden = self.fc2.backward(grad_logits)  # (N, hidden)
        self.fc1.backward(self.sigmoid.backward(grad_hidden), needs_input_grad=False)
