"""The comparison: the only code that imports both implementations."""

from typing import Any

__all__ = ["check"]


def check(module: Any, **options: Any) -> Any:
    """Check a module (or `globals()`) of somebody's own functions against PyTorch.

    The options and the answer, which shows itself as a table in a notebook, are those of
    `parity.checking.entry.check`.
    """
    from parity.checking.entry import check  # PyTorch takes seconds to load

    return check(module, **options)
