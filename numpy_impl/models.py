"""The classifiers by hand: each forward with its backward below it.

A backward adds the gradient of the loss to the `.grad` of every parameter. The initial weights are
drawn from `rng` and kept in `dtype`, as in the layers.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from numpy_impl import fast, nn
from numpy_impl.checks import checked

__all__ = ["ConvNet", "FeedForward", "SoftmaxRegression"]


class SoftmaxRegression(nn.Module):
    """Logits that are linear in the input: z = x Wᵀ + b; the softmax is part of the loss."""

    def __init__(
        self, in_features: int, num_classes: int, *, dtype: Any = np.float32, rng: nn.RNG = None
    ) -> None:
        self.fc = nn.Linear(in_features, num_classes, dtype=dtype, rng=rng)

    def forward(self, input: Float[ndarray, "N in"]) -> Float[ndarray, "N C"]:
        return self.fc(input)

    def backward(self, grad_logits: Float[ndarray, "N C"]) -> None:
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
        rng: nn.RNG = None,
    ) -> None:
        self.fc1 = nn.Linear(in_features, hidden_features, dtype=dtype, rng=rng)
        self.sigmoid = nn.Sigmoid()
        self.fc2 = nn.Linear(hidden_features, num_classes, dtype=dtype, rng=rng)

    def forward(self, input: Float[ndarray, "N in"]) -> Float[ndarray, "N C"]:
        hidden = self.sigmoid(self.fc1(input))  # (N, hidden)
        return self.fc2(hidden)

    def backward(self, grad_logits: Float[ndarray, "N C"]) -> None:
        grad_hidden = self.fc2.backward(grad_logits)  # (N, hidden)
        self.fc1.backward(self.sigmoid.backward(grad_hidden), needs_input_grad=False)


class ConvNet(nn.Module):
    """Three 3x3 convolutions with stride 2, ReLU after each, then the mean over what is left.

    The inputs are images of 28x28 pixels, one row each.
    """

    portion = fast.IMAGES_IN_CACHE

    def __init__(self, num_classes: int, *, dtype: Any = np.float32, rng: nn.RNG = None) -> None:
        rng = rng or np.random.default_rng()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1, dtype=dtype, rng=rng)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(16, 16, 3, stride=2, padding=1, dtype=dtype, rng=rng)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(16, num_classes, 3, stride=2, padding=1, dtype=dtype, rng=rng)
        self.relu3 = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(4)

    @checked()
    def forward(self, input: Float[ndarray, "N 784"]) -> Float[ndarray, "N C"]:
        images = input.reshape(len(input), 1, 28, 28)
        features = self.relu1(self.conv1(images))  # (N, 16, 14, 14)
        features = self.relu2(self.conv2(features))  # (N, 16, 7, 7)
        features = self.relu3(self.conv3(features))  # (N, C, 4, 4)
        return self.pool(features)[:, :, 0, 0]  # (N, C)

    def backward(self, grad_logits: Float[ndarray, "N C"]) -> None:
        grad = self.pool.backward(grad_logits[:, :, None, None])  # (N, C, 4, 4)
        grad = self.conv3.backward(self.relu3.backward(grad))  # (N, 16, 7, 7)
        grad = self.conv2.backward(self.relu2.backward(grad))  # (N, 16, 14, 14)
        self.conv1.backward(self.relu1.backward(grad), needs_input_grad=False)
