"""Right code in several styles, by name: each a namespace to check."""

from typing import Any

import numpy_impl.functional
import numpy_impl.models
import numpy_impl.optim
import numpy_impl.training
from parity_tests.checking.homework import loops, single
from parity_tests.checking.homework.network import FUNCTIONS, network

__all__ = ["STYLES"]

OURS: dict[str, Any] = {
    **vars(numpy_impl.functional),
    **vars(numpy_impl.models),
    **vars(numpy_impl.optim),
    **vars(numpy_impl.training),
}


def named(name: str, code: str) -> dict[str, Any]:
    """The namespace of some code."""
    namespace: dict[str, Any] = {"__name__": name}
    exec(code, namespace)
    return namespace


STYLES: dict[str, dict[str, Any]] = {
    "ours": OURS,
    "loops": vars(loops),
    "single": vars(single),
    **{f"network of {name}": named(name, network(name)) for name in FUNCTIONS},
}
