"""The entries of batch normalization and dropout."""

from numpy.random import Generator

from parity.contract.calls import Call, numbers
from parity.contract.subject import Given, operation

__all__ = ["batch_norm", "dropout"]


def batch_norm_probes(rng: Generator, n: int, c: int, height: int, width: int) -> list[Call]:
    """Rows (N, C) and images (N, C, H, W): with the running moments, and in training."""
    if n < 3:  # of two numbers, the normalized ones are always 1 and -1
        return []
    rows, images = numbers(rng, n, c), numbers(rng, n, c, height, width)
    running = numbers(rng, c), abs(numbers(rng, c))
    more = *running, numbers(rng, c), numbers(rng, c)
    train = {"training": True}
    return [
        Call((rows, *more)),
        Call((rows, *more), train, label="in training"),
        Call((rows, *more), {**train, "eps": 0.5}, label="another eps"),
        Call((rows, *more), {**train, "momentum": 0.75}, label="another momentum", goes_back=False),
        Call((images, *more), train, label="images, in training", may_raise=True),
    ]


def dropout_probes(rng: Generator, n: int, m: int) -> list[Call]:
    """(N, M), and a mask with ones and zeros."""
    args = numbers(rng, n, m), Given("...", "mask").draw(rng, (n, m), 0)
    return [Call(args), Call(args, {"p": 0.25}, label="p = 0.25")]


batch_norm = operation(
    "batch_norm(input, running_mean, running_var, weight, bias, training=False, momentum=0.1, "
    "eps=1e-5)",
    "input (N, C) or (N, C, H, W), the rest (C,) -> (output, running_mean, running_var), all new.",
    "batch_norm_backward(grad_output, input, weight, running_mean, running_var, training=False, "
    "eps=1e-5)",
    "grad_output of the input's shape -> (grad_input, grad_weight, grad_bias).",
    {"input": "N C", "weight": "C", "bias": "C"},
    ((3, 2, 2, 1), (4, 3, 2, 3), (5, 3, 1, 2)),
    batch_norm_probes,
    at={"N": 5, "C": 4},
    large=(130, 12, 1, 2),
    output="output running_mean running_var",
    options={
        "running_mean": Given("C", "any"),
        "running_var": Given("C", "positive"),
        "training": (True, False),
        "eps": (1e-5, 0.5),
    },
    examples=({}, {"training": True}),
    least=4,
)

dropout = operation(
    "dropout(input, mask, p=0.5)",
    "`mask` has the input's shape and is 0 where a number is dropped, else 1 -> x m / (1 - p).",
    "dropout_backward(grad_output, mask, p=0.5)",
    "The same mask -> grad_input.",
    {"input": "..."},
    ((2, 3), (3, 3), (4, 3), (3, 5)),
    dropout_probes,
    at={"N": 5, "M": 4},
    large=(130, 12),
    options={"mask": Given("...", "mask"), "p": (0.5, 0.25)},
    examples=({}, {"p": 0.25}),
)
