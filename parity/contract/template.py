"""The stub of a file to check: the names of the contract, with shapes, dtypes and a sentence."""

__all__ = ["TEMPLATE"]

TEMPLATE = '''\
"""Write any of these by hand, with NumPy alone, and run `parity check` on this file.

What still raises NotImplementedError, and what you delete, counts as not written yet.

N is the batch, C the number of classes. Float arrays come in as float64 or float32, and any float
array, list or number of the right shape may be returned. Nothing that comes in may be changed. A
backward takes the gradient of the loss with respect to the forward's output, `grad_output`, of the
output's shape, and returns that with respect to each input, of the input's shape.
"""

import numpy as np


def linear(input, weight, bias=None):
    """input (N, in), weight (out, in), bias (out,) -> (N, out): x Wᵀ + b."""
    raise NotImplementedError


def linear_backward(grad_output, input, weight):
    """grad_output (N, out) -> (grad_input, grad_weight, grad_bias)."""
    raise NotImplementedError


def sigmoid(input):
    """Any shape -> the same: 1 / (1 + exp(-x))."""
    raise NotImplementedError


def sigmoid_backward(grad_output, output):
    """`output` is what sigmoid returned -> grad_input."""
    raise NotImplementedError


def relu(input):
    """Any shape -> the same: x where it is positive, else 0."""
    raise NotImplementedError


def relu_backward(grad_output, output):
    """`output` is what relu returned -> grad_input, 0 where the output is 0."""
    raise NotImplementedError


def softmax(input, dim=-1):
    """Any shape -> the same, summing to 1 along `dim`; logits may be as large as 1000."""
    raise NotImplementedError


def softmax_backward(grad_output, output, dim=-1):
    """`output` is what softmax returned -> grad_input."""
    raise NotImplementedError


def log_softmax(input, dim=-1):
    """Any shape -> the same: the logarithm of softmax, finite for any logits."""
    raise NotImplementedError


def log_softmax_backward(grad_output, output, dim=-1):
    """`output` is what log_softmax returned -> grad_input."""
    raise NotImplementedError


def cross_entropy(input, target, reduction="mean"):
    """Logits (N, C), class indices (N,) int64 from 0 -> a number, the mean over the batch."""
    raise NotImplementedError


def cross_entropy_backward(grad_output, input, target, reduction="mean"):
    """`grad_output` is a number -> grad_input (N, C), the gradient of the logits."""
    raise NotImplementedError


def conv2d(input, weight, bias=None, stride=1, padding=0):
    """input (N, in, H, W), weight (out, in, kh, kw), bias (out,) -> (N, out, H', W')."""
    raise NotImplementedError


def conv2d_backward(grad_output, input, weight, stride=1, padding=0):
    """grad_output (N, out, H', W') -> (grad_input, grad_weight, grad_bias)."""
    raise NotImplementedError


def avg_pool2d(input, kernel_size, stride=None):
    """input (N, C, H, W) -> (N, C, H', W'), the mean of each window; stride is kernel_size."""
    raise NotImplementedError


def avg_pool2d_backward(grad_output, input, kernel_size, stride=None):
    """grad_output (N, C, H', W') -> grad_input (N, C, H, W)."""
    raise NotImplementedError


def sgd_step(param, grad, lr, weight_decay=0.0):
    """-> the new param, of any shape, after a step of SGD along the gradient of loss + L2."""
    raise NotImplementedError


def adam_step(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
):
    """-> (param, exp_avg, exp_avg_sq), all new, after step number `step`, which counts from 1."""
    raise NotImplementedError


class Parameter:
    """A trainable array `.data`, and its gradient `.grad` of the same shape, or None."""

    def __init__(self, data):
        self.data = data
        self.grad = None


class SoftmaxRegression:
    """Logits that are linear in the input; names fc.weight (C, in) and fc.bias (C,)."""

    def __init__(self, in_features, num_classes):
        raise NotImplementedError

    def forward(self, input):
        """(N, in) -> logits (N, C); keeps what backward needs."""
        raise NotImplementedError

    def backward(self, grad_logits):
        """(N, C); adds to the `.grad` of every parameter."""
        raise NotImplementedError

    def parameters(self):
        """-> the Parameters, in the order of state_dict()."""
        raise NotImplementedError

    def zero_grad(self):
        """Forget all gradients."""
        raise NotImplementedError

    def state_dict(self):
        """-> a dict of arrays by name."""
        raise NotImplementedError

    def load_state_dict(self, state_dict):
        """Take over the arrays of such a dict."""
        raise NotImplementedError


class FeedForward:
    """One hidden layer of sigmoids; names fc1.weight, fc1.bias, fc2.weight, fc2.bias.

    Methods as in SoftmaxRegression.
    """

    def __init__(self, in_features, hidden_features, num_classes):
        raise NotImplementedError


class ConvNet:
    """Images (N, 784); three 3x3 convolutions, stride 2, padding 1, to 16, 16 and C channels.

    ReLU after each, then the mean over the image. Names conv1.weight (16, 1, 3, 3), conv1.bias, and
    so on to conv3.bias. Methods as in SoftmaxRegression.
    """

    def __init__(self, num_classes):
        raise NotImplementedError


class SGD:
    """PyTorch's: L2 is added to the gradient, of biases too; dampening is skipped at step 1."""

    def __init__(
        self, parameters, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
    ):
        raise NotImplementedError  # keep the learning rate in self.lr, where it may be changed

    def step(self):
        """Update the `.data` of each parameter from its `.grad`."""
        raise NotImplementedError

    def zero_grad(self):
        """Forget all gradients."""
        raise NotImplementedError


class Adam:
    """PyTorch's: L2 is added to the gradient; methods as in SGD."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        raise NotImplementedError


def fit(model, optimizer, images, labels, batches, on_step=None):
    """One training step on images[indices], labels[indices] for each index array of `batches`."""
    raise NotImplementedError


def evaluate(model, images, labels, batch_size=1000):
    """-> (loss, accuracy), means over all examples, of a model with `forward`."""
    raise NotImplementedError
'''
