"""The probes of the classes and loops: a few steps, a partial last batch, decay, another lr.

Each step starts from weights of its own, on either side, so that a wrong step does not spoil the
ones after it.
"""

import torch
from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, integers, numbers
from torch_impl import models

__all__: list[str] = []

State = dict[str, ndarray]


def SoftmaxRegression(rng: Generator, n: int, in_: int, c: int) -> list[Call]:  # noqa: N802
    """A batch (N, in) and a gradient of the logits (N, C)."""
    state = {"fc.weight": numbers(rng, c, in_), "fc.bias": numbers(rng, c)}
    return [Call(((in_, c), state, numbers(rng, n, in_), numbers(rng, n, c)))]


def feedforward_state(rng: Generator, in_: int, hidden: int, c: int) -> State:
    """Weights of a FeedForward."""
    shapes = {
        "fc1.weight": (hidden, in_),
        "fc1.bias": (hidden,),
        "fc2.weight": (c, hidden),
        "fc2.bias": (c,),
    }
    return {name: numbers(rng, *shape) for name, shape in shapes.items()}


def FeedForward(rng: Generator, n: int, in_: int, hidden: int, c: int) -> list[Call]:  # noqa: N802
    """A batch (N, in) and a gradient of the logits (N, C)."""
    state = feedforward_state(rng, in_, hidden, c)
    return [Call(((in_, hidden, c), state, numbers(rng, n, in_), numbers(rng, n, c)))]


def ConvNet(rng: Generator, n: int, c: int) -> list[Call]:  # noqa: N802
    """A batch (N, 784) and a gradient of the logits (N, C), no ReLU near its kink."""
    with torch.random.fork_rng():  # its initial weights are not used
        model = models.ConvNet(c, dtype=torch.float64)
    while True:
        shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
        state = {name: numbers(rng, *shape) / 4 for name, shape in shapes.items()}
        input = rng.uniform(0, 1, (n, 784)).round(2)
        model.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
        if margin(model, input) > 1e-5:
            return [Call(((c,), state, input, numbers(rng, n, c)))]


def margin(model: models.ConvNet, input: ndarray) -> float:
    """How near the input of a ReLU comes to 0, relative to the largest."""
    nearest = []

    def look(_module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        sizes = inputs[0].abs()
        nearest.append(float(sizes.min() / sizes.max()))

    relus = [module for module in model.modules() if isinstance(module, torch.nn.ReLU)]
    hooks = [relu.register_forward_pre_hook(look) for relu in relus]
    with torch.no_grad():
        model(torch.tensor(input))
    for hook in hooks:
        hook.remove()
    return min(nearest)


STEPS = 4
LRS = [0.25, 0.25, 0.125, 0.125]


def optimizer_args(rng: Generator, out: int, in_: int) -> tuple[list[list[ndarray]], ...]:
    """The parameters before, and the gradients of, each of four steps: a weight and a bias."""

    def draw() -> list[list[ndarray]]:
        return [[numbers(rng, out, in_), numbers(rng, out)] for _ in range(STEPS)]

    return draw(), draw()


def SGD(rng: Generator, out: int, in_: int) -> list[Call]:  # noqa: N802
    """Plain, with each option, and with several."""
    args = (*optimizer_args(rng, out, in_), LRS)
    momentum = {"momentum": 0.75}
    decay = {"weight_decay": 0.125}
    return [
        Call(args),
        Call(args, decay, label="weight decay"),
        Call(args, momentum, label="momentum"),
        Call(args, {**momentum, **decay}, label="momentum and weight decay"),
        Call(args, {**momentum, "dampening": 0.25, **decay}, label="dampening"),
        Call(args, {**momentum, "nesterov": True, **decay}, label="nesterov"),
    ]


def Adam(rng: Generator, out: int, in_: int) -> list[Call]:  # noqa: N802
    """Plain, with weight decay, with other betas, and with gradients about epsilon."""
    states, grads = optimizer_args(rng, out, in_)
    small = [[grad * 1e-7 for grad in step] for step in grads]
    decay = {"weight_decay": 0.125}
    return [
        Call((states, grads, LRS)),
        Call((states, grads, LRS), decay, label="weight decay"),
        Call((states, grads, LRS), {"betas": (0.5, 0.75), **decay}, label="other betas"),
        Call((states, small, LRS), label="gradients near 0"),
    ]


def fit(rng: Generator, m: int, in_: int, hidden: int, c: int) -> list[Call]:
    """Two passes over M images in batches of 4, the last of each pass smaller."""
    order = rng.permutation(m)
    epoch = [order[start : start + 4] for start in range(0, m, 4)]
    batches = [*epoch, *(batch[::-1].copy() for batch in epoch)]
    states = [feedforward_state(rng, in_, hidden, c) for _ in batches]
    lrs = [0.25] * len(epoch) + [0.125] * len(epoch)
    args = states, numbers(rng, m, in_), integers(rng, m, c), batches, lrs
    return [
        Call(args),
        Call(args, {"momentum": 0.75, "weight_decay": 0.125}, label="momentum and weight decay"),
    ]


def evaluate(rng: Generator, m: int, in_: int, c: int) -> list[Call]:
    """M images, all at once and in batches of 4, the last one smaller."""
    args = numbers(rng, c, in_), numbers(rng, m, in_), integers(rng, m, c)
    return [Call(args), Call(args, {"batch_size": 4}, label="batches of 4")]
