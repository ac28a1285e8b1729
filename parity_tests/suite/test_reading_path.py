"""What a student reads in `numpy_impl` stays short; what is there for speed is elsewhere."""

import ast
import inspect
import textwrap
from pathlib import Path

import pytest

import numpy_impl
from numpy_impl import functional

FOLDER = Path(numpy_impl.__file__).parent
READ = ("functional", "nn", "models", "optim", "training")


def lines(name: str) -> int:
    return len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines())


def test_the_reading_path_is_short() -> None:
    assert sum(map(lines, READ)) <= 750
    assert lines("functional") <= 220


@pytest.mark.parametrize("name", functional.__all__)
def test_an_operation_is_a_few_lines(name: str) -> None:
    """The lines after the docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(getattr(functional, name))))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function)
    assert len(source.splitlines()) - (function.body[0].end_lineno or 0) <= 12
