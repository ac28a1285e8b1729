"""The import hook: what breaks an annotation is refused, in functions, methods and dataclasses."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_impl
import parity
import torch_impl
from parity_tests import type_checks

CODE = """
from dataclasses import dataclass
from typing import TYPE_CHECKING
from jaxtyping import Float
from numpy import ndarray
if TYPE_CHECKING:
    from nowhere import Unknown
def half(x: float) -> float:
    return x / 2 if x else None
def same(x: Float[ndarray, "N"], y: Float[ndarray, "N"]) -> Float[ndarray, "N"]:
    return x if y.all() else x[1:]
@dataclass
class Point:
    x: int
    def moved(self, by: int) -> "Point":
        return Point(self.x + by)
    @staticmethod
    def of(x: int) -> int:
        return x
def known_to_mypy(x: "Unknown", y: int) -> int:
    return y
def outer(x: int) -> int:
    def inner(y: int) -> int:
        return y
    return inner("text") and x
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "hooked.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [type_checks.Finder(["hooked"]), *sys.meta_path])
    import hooked  # type: ignore[import-not-found]

    yield hooked
    del sys.modules["hooked"]


ONE, TWO = np.ones(1), np.ones(2)
WRONG: dict[str, Callable[[Any], Any]] = {
    "an argument": lambda it: it.half("text"),
    "a result": lambda it: it.half(0.0),
    "two shapes": lambda it: it.same(ONE, TWO),
    "the shape of a result": lambda it: it.same(TWO, 0 * TWO),
    "a method": lambda it: it.Point(1).moved("text"),
    "a static method": lambda it: it.Point.of("text"),
    "a field": lambda it: it.Point("text"),
    "beside a name that only mypy knows": lambda it: it.known_to_mypy(3, "text"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_breaks_an_annotation_is_refused(module: ModuleType, wrong: str) -> None:
    with pytest.raises(Exception, match=r"(?i)violates type hint|type-check error"):
        WRONG[wrong](module)


def test_what_is_right_goes_through(module: ModuleType) -> None:
    assert module.half(3.0) == 1.5
    assert module.same(TWO, TWO) is TWO
    assert module.Point(1).moved(2) == module.Point(3)
    assert module.known_to_mypy("anything", 2) == 2


def test_nothing_is_checked_inside_of_a_function(module: ModuleType) -> None:
    """It would be decorated again at each call; mypy looks at it."""
    assert module.outer(1) == 1


def test_where_checks_are_off_all_goes_through(module: ModuleType) -> None:
    with type_checks.off():
        assert module.half(0.0) is None


@pytest.mark.parametrize("package", [numpy_impl, parity, torch_impl])
def test_the_code_under_test_is_hooked(package: ModuleType) -> None:
    assert isinstance(package.__loader__, type_checks.Loader)
