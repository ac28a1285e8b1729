"""Where a step of `numpy_impl` spends its time, measured in the real training loop."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from numpy_impl import nn

__all__ = ["PHASES", "time_phases"]

PHASES = ("gather", "forward", "loss", "backward", "update")


def time_phases(program: Any, count: int) -> dict[str, float]:
    """The mean seconds per step of each phase, and of each layer in it ("forward fc1").

    `program` is the NumPy program. "gather" is the rest of the step: gathering the images by their
    indices, and the loop itself.
    """
    clock: dict[str, float] = defaultdict(float)
    model, optimizer, loss = program.model, program.optimizer, nn.CrossEntropyLoss
    clocked = [
        (model, "forward", "forward"),
        (model, "backward", "backward"),
        (loss, "__call__", "loss"),
        (loss, "backward", "loss"),
        (optimizer, "zero_grad", "update"),
        (optimizer, "step", "update"),
    ]
    for name, layer in vars(model).items():
        if isinstance(layer, nn.Module):
            clocked += [(layer, phase, f"{phase} {name}") for phase in ("forward", "backward")]
    with clocks(clock, clocked):
        total = program.seconds(count)
    phases = {"gather": total - sum(clock[phase] for phase in PHASES[1:]), **clock}
    return {name: seconds / count for name, seconds in phases.items()}


@contextmanager
def clocks(clock: dict[str, float], clocked: list[tuple[Any, str, str]]) -> Iterator[None]:
    """Inside the context, each (owner, method, name) adds its seconds to `clock[name]`."""
    before = [(owner, method, vars(owner).get(method)) for owner, method, _ in clocked]
    for owner, method, name in clocked:
        setattr(owner, method, timed(getattr(owner, method), clock, name))
    try:
        yield
    finally:
        for owner, method, own in before:
            delattr(owner, method) if own is None else setattr(owner, method, own)


def timed(function: Callable[..., Any], clock: dict[str, float], name: str) -> Callable[..., Any]:
    """The function, which also adds its seconds to `clock[name]`."""

    def call(*arguments: Any, **options: Any) -> Any:
        start = perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            clock[name] += perf_counter() - start

    return call
