"""PyTorch's optimizers without its compiler, which the first step of one would import."""

import functools
import inspect
import sys
from typing import Any

__all__ = ["spare_compiler"]

MARK = "__dynamo_disable"  # where PyTorch keeps a method as its compiler leaves it alone


@functools.cache
def spare_compiler() -> None:
    """Let optimizers run without `torch._dynamo`, whose import takes longer than a check.

    PyTorch imports it to keep their methods from `torch.compile`. Once somebody else has imported
    it, they are kept from it as ever.
    """
    import torch
    from torch.optim import SGD, Adam, Optimizer, RMSprop

    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        outer = getattr(Optimizer, name)
        setattr(inspect.unwrap(outer), MARK, eager(outer))
    for kind in (SGD, Adam, RMSprop):
        setattr(kind, "step", torch.no_grad()(eager(kind.step)))  # noqa: B010 - mypy


def eager(outer: Any) -> Any:
    """The method as it is written, as long as there is no compiler."""
    inner = inspect.unwrap(outer)

    @functools.wraps(outer)
    def method(*args: Any, **options: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return inner(*args, **options)
        vars(inner).pop(MARK, None)
        return outer(*args, **options)

    return method
