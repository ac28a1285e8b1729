"""Hand-written NumPy against PyTorch, number by number.

`compare` trains two programs side by side, `check` checks a file of functions, `gradcheck` a
backward, `assert_close` one array. `parity.datasets`, `parity.errors`, `parity.reproduce` and
`parity.strategies` are modules of it. Nothing here loads PyTorch before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parity.system.version import __version__

if TYPE_CHECKING:
    from parity.backends import NumpyProgram, TorchProgram
    from parity.checking.entry import check
    from parity.comparison.pair import compare_programs as compare
    from parity.gradients import gradcheck
    from parity.gradients.assertion import assert_gradients
    from parity.tolerance.assertion import assert_close

__all__ = [
    "NumpyProgram",
    "TorchProgram",
    "__version__",
    "assert_close",
    "assert_gradients",
    "check",
    "compare",
    "gradcheck",
]


WHERE = {
    "NumpyProgram": ("parity.backends", "NumpyProgram"),
    "TorchProgram": ("parity.backends", "TorchProgram"),
    "assert_close": ("parity.tolerance.assertion", "assert_close"),
    "assert_gradients": ("parity.gradients.assertion", "assert_gradients"),
    "check": ("parity.checking.entry", "check"),
    "compare": ("parity.comparison.pair", "compare_programs"),
    "gradcheck": ("parity.gradients.gradcheck", "gradcheck"),
}
MODULES = ("datasets", "errors", "reproduce", "strategies")


def __getattr__(name: str) -> Any:
    """Load a public name or module when it is first used."""
    if name in MODULES:
        try:
            return import_module(f"parity.{name}")
        except ModuleNotFoundError as error:  # strategies without Hypothesis
            raise AttributeError(f"parity.{name} needs {error.name}") from error
    if name not in WHERE:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    module, attribute = WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """The public names, too, for completion."""
    return sorted({*globals(), *__all__, *MODULES})
