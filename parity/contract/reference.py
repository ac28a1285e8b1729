"""The truth: what PyTorch computes for a call, as NumPy arrays.

An operation's answer is that of `torch_impl.functional`. What is not called there as it is called
here stands below, under its name in the contract.
"""

from collections.abc import Callable
from typing import Any

import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F

from torch_impl import functional, models, optim

__all__ = ["reference"]


def reference(subject: str, dtype: str = "float64") -> Callable[..., Any]:
    """PyTorch's `subject`, taking and returning NumPy arrays and computing in `dtype`."""
    function = globals().get(subject) or getattr(functional, subject)
    kind = getattr(torch, dtype)

    def call(*args: Any, **options: Any) -> Any:
        return to_numpy(function(*to_torch(args, kind), **to_torch(options, kind)))

    return call


def to_torch(value: Any, dtype: torch.dtype) -> Any:
    """`value` with its arrays as tensors of their own, floats in `dtype`."""
    if isinstance(value, ndarray):
        tensor = torch.tensor(value)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor
    if isinstance(value, tuple | list):
        return type(value)(to_torch(item, dtype) for item in value)
    if isinstance(value, dict):
        return {name: to_torch(item, dtype) for name, item in value.items()}
    return value


def to_numpy(value: Any) -> Any:
    """`value` with its tensors as arrays."""
    if isinstance(value, Tensor):
        return value.detach().numpy()
    if isinstance(value, tuple | list):
        return tuple(to_numpy(item) for item in value)
    return value


def cross_entropy_backward(
    grad_output: float, input: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """`grad_output` is a number here, as a file may expect it."""
    return functional.cross_entropy_backward(
        input.new_tensor(grad_output), input, target, reduction
    )


def cross_entropy(
    input: Tensor, target: Tensor, reduction: str = "mean", epsilon: float = 0.0
) -> Tensor:
    """As some courses have it, the logarithm is that of the probability and `epsilon`."""
    if not epsilon:
        return functional.cross_entropy(input, target, reduction)
    return F.nll_loss(torch.log(F.softmax(input, 1) + epsilon), target, reduction=reduction)


def run_optimizer(kind: Callable[..., torch.optim.Optimizer]) -> Callable[..., list[Tensor]]:
    """The parameters after each step, from the given `states` and `grads` of each step."""

    def run(
        states: list[list[Tensor]], grads: list[list[Tensor]], lrs: list[float], **options: Any
    ) -> list[Tensor]:
        parameters = [data.clone().requires_grad_() for data in states[0]]
        optimizer = kind(parameters, lr=lrs[0], **options)
        after = []
        for state, gradients, lr in zip(states, grads, lrs, strict=True):
            optimizer.param_groups[0]["lr"] = lr
            for parameter, data, grad in zip(parameters, state, gradients, strict=True):
                parameter.data.copy_(data)
                parameter.grad = grad
            optimizer.step()
            after += [parameter.detach().clone() for parameter in parameters]
        return after

    return run


def run_model(kind: type[torch.nn.Module]) -> Callable[..., list[Tensor]]:
    """The state, the logits, and the gradients from the last parameter to the first."""

    def run(
        sizes: tuple[int, ...], state: dict[str, Tensor], input: Tensor, grad_logits: Tensor
    ) -> list[Tensor]:
        model = kind(*sizes, dtype=input.dtype)
        model.load_state_dict(state)
        logits = model(input)
        parameters = dict(model.named_parameters())
        last_first = [parameters[name] for name in reversed(state)]
        grads = torch.autograd.grad((logits * grad_logits).sum(), last_first)
        return [*state.values(), logits, *grads]

    return run


def fit(
    states: list[dict[str, Tensor]],
    images: Tensor,
    labels: Tensor,
    batches: list[Tensor],
    lrs: list[float],
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    reduction: str = "mean",
) -> list[Tensor]:
    """The weights after each step on a batch, each step from the weights of its state."""
    hidden, in_features = states[0]["fc1.weight"].shape
    model = models.FeedForward(in_features, hidden, len(states[0]["fc2.weight"]))
    model.to(images.dtype)
    optimizer = optim.SGD(model.parameters(), lrs[0], momentum, weight_decay=weight_decay)
    after = []
    for state, batch, lr in zip(states, batches, lrs, strict=True):
        model.load_state_dict(state)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        F.cross_entropy(model(images[batch]), labels[batch], reduction=reduction).backward()
        optimizer.step()
        after += [parameter.detach().clone() for parameter in model.parameters()]
    return after


def loss_and_grads(
    params: dict[str, Tensor],
    X: Tensor,  # noqa: N803 - as the courses call it
    y: Tensor,
    reg: float = 0.0,
    activation: str = "relu",
    biases: bool = True,
    penalty: float = 0.5,
) -> list[Tensor]:
    """The loss, and the gradients from the last parameter to the first.

    The penalty is `penalty` times `reg` times the squares of the weights; 0.5 in the contract.
    """
    params = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
    shift1, shift2 = (params[name] if biases else torch.zeros(()) for name in ("b1", "b2"))
    hidden = getattr(torch, activation)(X @ params["W1"].T + shift1)
    loss = F.cross_entropy(hidden @ params["W2"].T + shift2, y)
    loss = loss + penalty * reg * (params["W1"].square().sum() + params["W2"].square().sum())
    last_first = [params[name] for name in reversed(params)]
    grads = torch.autograd.grad(loss, last_first, allow_unused=True, materialize_grads=True)
    return [loss.detach(), *grads]


def evaluate(
    weight: Tensor, images: Tensor, labels: Tensor, batch_size: int = 1000, reduction: str = "mean"
) -> tuple[Tensor, Tensor]:
    """(loss, accuracy) over all images, however they are batched."""
    logits = images @ weight.T
    right = (logits.argmax(dim=1) == labels).to(images.dtype)
    return F.cross_entropy(logits, labels, reduction=reduction), right.mean()


SGD = run_optimizer(optim.SGD)
Adam = run_optimizer(optim.Adam)
SoftmaxRegression = run_model(models.SoftmaxRegression)
FeedForward = run_model(models.FeedForward)
ConvNet = run_model(models.ConvNet)


def margin_of_convnet(state: dict[str, ndarray], input: ndarray) -> float:
    """How near the input of a ReLU comes to 0, relative to the largest of that layer."""
    nearest = []

    def look(_module: torch.nn.Module, inputs: tuple[Tensor]) -> None:
        sizes = inputs[0].abs()
        nearest.append(float(sizes.min() / sizes.max()))

    with torch.random.fork_rng():  # its initial weights are not used
        model = models.ConvNet(len(state["conv3.bias"]), dtype=torch.float64)
    model.load_state_dict(to_torch(state, torch.float64))
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(look)
    with torch.no_grad():
        model(torch.tensor(input))
    return min(nearest)
