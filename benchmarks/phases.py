"""Where a step of `numpy_impl` spends its time: clocks on the real loop, not a copy of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from numpy_impl import nn

__all__ = ["PHASES", "time_phases"]

PHASES = ("gather", "forward", "loss", "backward", "update")


def time_phases(program: Any, count: int) -> dict[str, float]:
    """The mean seconds a step of each phase, and below it ("forward fc1") of each layer.

    `program` is the NumPy program. What no clock covers is called "gather": beside taking the
    images by their indices that is the loop itself.
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
    """While the context lasts, each (owner, method, name) adds its seconds to `clock[name]`."""
    before = [(owner, method, vars(owner).get(method)) for owner, method, _ in clocked]
    for owner, method, name in clocked:
        setattr(owner, method, timed(getattr(owner, method), clock, name))
    try:
        yield
    finally:
        for owner, method, own in before:
            delattr(owner, method) if own is None else setattr(owner, method, own)


def timed(function: Callable[..., Any], clock: dict[str, float], name: str) -> Callable[..., Any]:
    """The function, with its seconds added to `clock[name]`."""

    def call(*arguments: Any, **options: Any) -> Any:
        start = perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            clock[name] += perf_counter() - start

    return call
