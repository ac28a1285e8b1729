"""The entries of the models, the optimizers and the loops.

Probed are a few steps, a partial last batch, decay, another lr. Each step starts from weights of
its own, on either backend, so that a wrong step does not spoil the ones after it.
"""

from typing import Any

from numpy import ndarray
from numpy.random import Generator

from parity.contract.calls import Call, integers, numbers
from parity.contract.subject import Sizes, Subject

__all__ = ["SGD", "Adam", "ConvNet", "FeedForward", "SoftmaxRegression", "evaluate", "fit"]

State = dict[str, ndarray]


def softmax_regression_probes(rng: Generator, n: int, in_: int, c: int) -> list[Call]:
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


def feedforward_probes(rng: Generator, n: int, in_: int, hidden: int, c: int) -> list[Call]:
    """A batch (N, in) and a gradient of the logits (N, C)."""
    state = feedforward_state(rng, in_, hidden, c)
    return [Call(((in_, hidden, c), state, numbers(rng, n, in_), numbers(rng, n, c)))]


def convnet_probes(rng: Generator, n: int, c: int) -> list[Call]:
    """A batch (N, 784) and a gradient of the logits (N, C), no ReLU near its kink."""
    from parity.contract.reference import margin_of_convnet  # PyTorch takes seconds to load

    channels = {"conv1": (16, 1), "conv2": (16, 16), "conv3": (c, 16)}
    while True:
        state: State = {}
        for name, (out, in_) in channels.items():
            state[f"{name}.weight"] = numbers(rng, out, in_, 3, 3) / 4
            state[f"{name}.bias"] = numbers(rng, out) / 4
        input = rng.uniform(0, 1, (n, 784)).round(2)
        if margin_of_convnet(state, input) > 1e-5:
            return [Call(((c,), state, input, numbers(rng, n, c)))]


STEPS = 12
LRS = [0.25] * 6 + [0.125] * 6


def optimizer_args(rng: Generator, out: int, in_: int) -> tuple[list[list[ndarray]], ...]:
    """The parameters before, and the gradients of, each step: a weight, a bias, another weight."""

    def draw() -> list[list[ndarray]]:
        shapes = (out, in_), (out,), (out, in_)
        return [[numbers(rng, *shape) for shape in shapes] for _ in range(STEPS)]

    return draw(), draw()


def sgd_probes(rng: Generator, out: int, in_: int) -> list[Call]:
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


def adam_probes(rng: Generator, out: int, in_: int) -> list[Call]:
    """Plain, with weight decay, with other betas, and with gradients about epsilon."""
    states, grads = optimizer_args(rng, out, in_)
    small = [[grad * 1e-7 for grad in step] for step in grads]
    decay = {"weight_decay": 0.125}
    return [
        Call((states, grads, LRS)),
        Call((states, grads, LRS), decay, label="weight decay"),
        Call((states, grads, LRS), {"betas": (0.5, 0.75), **decay}, label="other betas"),
        Call((states, grads, LRS), {"eps": 0.5}, label="another eps"),
        Call((states, small, LRS), label="gradients near 0"),
    ]


def fit_probes(rng: Generator, m: int, in_: int, hidden: int, c: int) -> list[Call]:
    """Three passes over M images in batches of 4, the last of each pass smaller."""
    order = rng.permutation(m)
    epoch = [order[start : start + 4] for start in range(0, m, 4)]
    batches = [*epoch, *(batch[::-1].copy() for batch in epoch), *epoch]
    states = [feedforward_state(rng, in_, hidden, c) for _ in batches]
    lrs = [0.25] * len(epoch) + [0.125] * (2 * len(epoch))
    args = states, numbers(rng, m, in_), integers(rng, m, c), batches, lrs
    return [
        Call(args),
        Call(args, {"momentum": 0.75, "weight_decay": 0.125}, label="momentum and weight decay"),
        Call(args, file_options={"on_step": True}, label="on_step"),
    ]


def evaluate_probes(rng: Generator, m: int, in_: int, c: int) -> list[Call]:
    """M images, all at once and in batches of 4, the last one smaller."""
    args = numbers(rng, c, in_), numbers(rng, m, in_), integers(rng, m, c)
    if m > 1000:  # more than one batch of the usual size
        return [Call(args, label="more than a thousand images")]
    return [Call(args), Call(args, {"batch_size": 4}, label="batches of 4")]


def after_each_step(call: Call) -> tuple[str, ...]:
    """The names of the weights after each step of an optimizer or of `fit`."""
    states = call.args[0]
    names = list(states[0]) if isinstance(states[0], dict) else ["weight", "bias", "weight 2"]
    return tuple(f"{name} after step {k}" for k in range(1, len(states) + 1) for name in names)


def tensors_of_model(call: Call) -> tuple[str, ...]:
    """The names of what a model is asked for, in the order of computation."""
    names = list(call.args[1])
    loaded = [f"state_dict()[{name!r}]" for name in names]
    return (*loaded, "logits", *(f"{name}.grad" for name in reversed(names)))


def model(
    signature: str, summary: str, sizes: tuple[Sizes, ...], probes: Any, **more: Any
) -> Subject:
    """The entry of a model."""
    arguments = ("sizes", "state_dict", "input", "grad_logits")
    return Subject(signature, summary, "class", tensors_of_model, sizes, probes, arguments, **more)


OPTIMIZER = ("parameters before each step", "gradients of each step", "lr of each step")


def optimizer(signature: str, summary: str, probes: Any, **more: Any) -> Subject:
    """The entry of an optimizer."""
    return Subject(
        signature, summary, "class", after_each_step, ((3, 4), (2, 5)), probes, OPTIMIZER, **more
    )


SoftmaxRegression = model(
    "SoftmaxRegression(in_features, num_classes)",
    "Logits that are linear in the input; names fc.weight (C, in) and fc.bias (C,).",
    ((4, 2, 3), (3, 4, 2), (5, 3, 3), (1, 3, 2)),
    softmax_regression_probes,
    large=(130, 5, 12),
    stub='''
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
''',
)

FeedForward = model(
    "FeedForward(in_features, hidden_features, num_classes)",
    """One hidden layer of sigmoids; names fc1.weight, fc1.bias, fc2.weight, fc2.bias.

Methods as in SoftmaxRegression.
""",
    ((3, 5, 4, 2), (5, 2, 3, 4), (6, 3, 3, 3)),
    feedforward_probes,
    large=(130, 5, 4, 12),
)

ConvNet = model(
    "ConvNet(num_classes)",
    """Images (N, 784); three 3x3 convolutions, stride 2, padding 1, to 16, 16 and C channels.

ReLU after each, then the mean over the image. Names conv1.weight (16, 1, 3, 3), conv1.bias, and
so on to conv3.bias. Methods as in SoftmaxRegression.
""",
    ((2, 3),),
    convnet_probes,
    shrinks=False,
)

SGD = optimizer(
    "SGD(parameters, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)",
    """PyTorch's: L2 is added to the gradient, of biases too; dampening is skipped at step 1.

The learning rate is kept in self.lr, where it may be changed.
""",
    sgd_probes,
    stub='''
    def step(self):
        """Update the `.data` of each parameter from its `.grad`."""
        raise NotImplementedError

    def zero_grad(self):
        """Forget all gradients."""
        raise NotImplementedError
''',
)

Adam = optimizer(
    "Adam(parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)",
    "PyTorch's: L2 is added to the gradient; methods as in SGD.",
    adam_probes,
)

fit = Subject(
    "fit(model, optimizer, images, labels, batches, on_step=None)",
    "One training step on images[indices], labels[indices] for each index array of `batches`.",
    "loop",
    after_each_step,
    ((11, 5, 4, 3), (10, 3, 5, 4)),
    fit_probes,
    ("weights before each step", "images", "labels", "batches", "lr of each step"),
    shrinks=False,
)

evaluate = Subject(
    "evaluate(model, images, labels, batch_size=1000)",
    "-> (loss, accuracy), means over all examples, of a model with `forward`.",
    "loop",
    lambda _call: ("loss", "accuracy"),
    ((11, 4, 3), (10, 3, 5)),
    evaluate_probes,
    ("the model's weight", "images", "labels"),
    large=(1003, 2, 12),
    shrinks=False,
)
