"""pytest's `--parity-impl`: `pytest --parity-impl homework.py --pyargs parity_tests` grades it.

A plugin, not a part of conftest.py, which pytest reads too late for an option when the tests are
installed. It imports nothing of ours, for that has to wait for the import hook of conftest.py.
"""

import re
import sys
from functools import wraps
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

__all__: list[str] = []

MNIST = "mnist: needs the real MNIST files under PARITY_DATA_ROOT"
CLUSTER = "cluster: starts a Dask scheduler and workers; `make cluster`"
BROWSER = "browser: drives the page in Chromium, or takes as long; `make browser`"

USES = r"^from parity_tests\.implementation import"  # how a test takes the functions under test

homework: ModuleType | None = None  # the file that `--parity-impl` names


class Homework(ModuleType):
    """A file as a module; a name that it lacks skips the test that asks for it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"{name} is not written in {self.__name__}")


def load(path: Path) -> ModuleType:
    """The file as a module, whose stubs skip the test; raises UsageError if it does not run."""
    module = Homework(path.name)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise pytest.UsageError(
            f"--parity-impl: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from None
    for name, value in vars(module).items():
        if isinstance(value, FunctionType):
            vars(module)[name] = written(value, module)
    return module


def written(function: FunctionType, module: ModuleType) -> Any:
    """The function; where it is a stub, it lacks in the module."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except NotImplementedError:
            pytest.skip(f"{function.__name__} is not written in {module.__name__}")

    return call


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity-impl",
        metavar="FILE",
        type=Path,
        help="test the functions of this file in the place of numpy_impl.functional",
    )


def pytest_configure(config: pytest.Config) -> None:
    global homework
    path = config.getoption("--parity-impl")
    homework = None if path is None else load(path)
    for marker in (MNIST, CLUSTER, BROWSER):
        config.addinivalue_line("markers", marker)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """With --parity-impl, leave out the files that are not about the functions of the file.

    Unread: some need what is not installed with the tests.
    """
    if homework is None or collection_path.suffix != ".py":
        return None
    source = collection_path.read_text(encoding="utf-8")
    return None if re.search(USES, source, re.MULTILINE) else True
