"""The functions under test: `numpy_impl.functional`, or the file that pytest's `--impl` names.

A test module that takes its functions from here, with
`from parity_tests.implementation import functional as F`, is run against such a file, too.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import numpy_impl.functional
from parity_tests import plugin

__all__ = ["functional"]


class Homework(ModuleType):
    """A file as a module; a name that it lacks skips the test that asks for it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"{name} is not written in {self.__name__}")


def load(path: Path) -> ModuleType:
    """The file as a module; ends the run of pytest if it cannot be imported."""
    module = Homework(path.name)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
    except Exception as error:
        pytest.exit(f"--impl: {path} cannot be imported: {type(error).__name__}: {error}", 4)
    return module


functional = numpy_impl.functional if plugin.impl is None else load(plugin.impl)
