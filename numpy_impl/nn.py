"""Parameters, modules and layers by hand, under the names of `torch.nn`.

What PyTorch's autograd does out of sight is done here in the open: a forward keeps what its
backward needs, and `backward` takes the gradient of the output, adds to the `.grad` of the
parameters and returns the gradient of the input. What is kept is that of the last forward, so a
backward belongs right after its forward.

A layer draws its initial weights from `rng`, a new generator if it is None, and keeps them in
`dtype`, float32 or another float dtype.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from numpy_impl import convolution, fast
from numpy_impl import functional as F
from numpy_impl.checks import Pair, check_pair, check_state_dict, check_target, checked
from numpy_impl.plan import Plans

__all__ = [
    "AvgPool2d", "Conv2d", "CrossEntropyLoss", "Linear", "Module", "Parameter", "ReLU", "Sigmoid",
]  # fmt: skip

RNG = np.random.Generator | None


class Parameter:
    """A trainable array `.data` with its gradient `.grad`, which is None until a backward."""

    def __init__(self, data: Float[ndarray, "*shape"]) -> None:
        self.data = data
        self.grad: ndarray | None = None

    def accumulate(self, grad: Float[ndarray, "*shape"]) -> None:
        """Add `grad` to `.grad`, as PyTorch's backward does until `zero_grad()`."""
        self.grad = grad if self.grad is None else np.asarray(self.grad + grad)

    def __repr__(self) -> str:
        return f"Parameter(shape={self.data.shape}, dtype={self.data.dtype})"


class Module:
    """What layers and models share: the walk over their parameters, and their state as a dict."""

    def forward(self, input: Float[ndarray, "N ..."]) -> Float[ndarray, "N ..."]:
        """The output for a batch; keeps what `backward` needs."""
        raise NotImplementedError

    def backward(self, grad_output: Float[ndarray, "N ..."]) -> Float[ndarray, "N ..."] | None:
        """The gradient of the input from that of the output; adds to the parameters' `.grad`."""
        raise NotImplementedError

    def __call__(self, input: Float[ndarray, "N ..."]) -> Float[ndarray, "N ..."]:
        """The output of `forward`."""
        return self.forward(input)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Each parameter with its name, such as "fc1.weight", in the order of definition."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> Iterator[Parameter]:
        """The parameters, in the order of definition."""
        return (parameter for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, Float[ndarray, "..."]]:
        """The parameters by name, as copies (PyTorch's are views)."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, Float[ndarray, "..."]]) -> None:
        """Copy the arrays of `state_dict` into the parameters, cast to the parameters' dtype.

        Raises ValueError if names are missing or unexpected, or one is no float array of its
        parameter's shape; nothing is loaded then.
        """
        parameters = dict(self.named_parameters())
        shapes = {name: parameter.data for name, parameter in parameters.items()}
        check_state_dict(type(self).__name__, shapes, state_dict)
        for name, parameter in parameters.items():
            parameter.data[...] = state_dict[name]


class Linear(Module):
    """y = x Wᵀ + b, with `weight` (out, in) and `bias` (out,).

    Initially both are uniform in ±1/√in, PyTorch's default:
    https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    def __init__(
        self, in_features: int, out_features: int, *, dtype: Any = np.float32, rng: RNG = None
    ) -> None:
        bound = 1 / np.sqrt(in_features)
        rng = rng or np.random.default_rng()
        weight = rng.uniform(-bound, bound, (out_features, in_features)).astype(dtype)
        self.weight = Parameter(fast.in_fast_order(weight))
        self.bias = Parameter(rng.uniform(-bound, bound, out_features).astype(dtype))

    def forward(self, input: Float[ndarray, "N in"]) -> Float[ndarray, "N out"]:
        self.input = input
        return F.linear(input, self.weight.data, self.bias.data)

    def backward(
        self, grad_output: Float[ndarray, "N out"], needs_input_grad: bool = True
    ) -> Float[ndarray, "N in"] | Any:
        """(N, out) to (N, in), None if not needed; adds to the gradients of the parameters."""
        grads: tuple[Any, Any, Any] = F.linear_backward(
            grad_output, self.input, self.weight.data, (needs_input_grad, True, True)
        )
        grad_input, grad_weight, grad_bias = grads
        self.weight.accumulate(grad_weight)
        self.bias.accumulate(grad_bias)
        return grad_input


class Conv2d(Module):
    """The cross-correlation of images (N, in, H, W) with `weight` (out, in, kH, kW), plus `bias`.

    Initially both are uniform in ±1/√(in kH kW), PyTorch's default:
    https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html

    Raises TypeError or ValueError for a size, stride or padding that is no integer or too small.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        *,
        dtype: Any = np.float32,
        rng: RNG = None,
    ) -> None:
        self.kernel_size = check_pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = check_pair("Conv2d", "stride", stride, 1)
        self.padding = check_pair("Conv2d", "padding", padding, 0)
        bound = 1 / np.sqrt(in_channels * math.prod(self.kernel_size))
        rng = rng or np.random.default_rng()
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(rng.uniform(-bound, bound, shape).astype(dtype))
        self.bias = Parameter(rng.uniform(-bound, bound, out_channels).astype(dtype))
        self.plans = Plans(convolution.make_plan)

    def forward(self, input: Float[ndarray, "N in H W"]) -> Float[ndarray, "N out Ho Wo"]:
        """(N, in, H, W) to (N, out, Ho, Wo); the unfolded input serves the backward, too."""
        weight, bias = self.weight.data, self.bias.data
        plan = self.plan = self.plans(input, weight, self.stride, self.padding)
        return convolution.convolve(input, weight, bias, plan)

    def backward(
        self, grad_output: Float[ndarray, "N out Ho Wo"], needs_input_grad: bool = True
    ) -> Float[ndarray, "N in H W"] | Any:
        """(N, out, Ho, Wo) to (N, in, H, W), or None; adds to the gradients of the parameters."""
        grad_input, grad_weight, grad_bias = convolution.convolve_backward(
            grad_output, self.weight.data, self.plan, needs_input_grad
        )
        self.weight.accumulate(grad_weight)
        self.bias.accumulate(grad_bias)
        return grad_input


class AvgPool2d(Module):
    """The mean of each window; `stride` is `kernel_size` if not given."""

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, input: Float[ndarray, "N C H W"]) -> Float[ndarray, "N C Ho Wo"]:
        self.input = input
        return F.avg_pool2d(input, self.kernel_size, self.stride)

    def backward(self, grad_output: Float[ndarray, "N C Ho Wo"]) -> Float[ndarray, "N C H W"]:
        return F.avg_pool2d_backward(grad_output, self.input, self.kernel_size, self.stride)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, input: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        self.output = F.sigmoid(input)
        return self.output

    def backward(self, grad_output: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        return F.sigmoid_backward(grad_output, self.output)


class ReLU(Module):
    """y = max(x, 0); `inplace` writes it over x, and on the way back dx over dy.

    So 64 images take 0.9 of the time in the convolutional net, in which nobody needs x and dy.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        self.output = F.relu(input, out=input if self.inplace else None)
        return self.output

    def backward(self, grad_output: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        return F.relu_backward(grad_output, self.output, out=grad_output if self.inplace else None)


class CrossEntropyLoss:
    """The mean of -log softmax(logits)[target] over the batch."""

    @checked(check_target, name="cross_entropy")
    def __call__(
        self, input: Float[ndarray, "N C"], target: Integer[ndarray, " N"]
    ) -> Float[ndarray, ""]:
        """Logits (N, C) and class indices (N,) to the loss, a 0-d array."""
        losses, self.grad = F.entropy(input, target)
        return F.reduced(losses)

    def backward(self, share: float = 1.0) -> Float[ndarray, "N C"]:
        """The gradient with respect to the logits of the loss, or of its share in a larger mean."""
        return self.grad * (share / len(self.grad))
