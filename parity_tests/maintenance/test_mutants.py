"""How `make mutants` evaluates mutmut's results."""

import functools
import inspect
import tomllib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from maintenance.mutants import (
    EQUIVALENT,
    ROOT,
    Change,
    Mutant,
    by_file,
    change,
    is_of_strict_alone,
    judge,
    undecorated,
)

DIFF = """\
--- numpy_impl/nn.py
+++ numpy_impl/nn.py
@@ -1,3 +1,3 @@
 def forward(self, input):
-    return self.fc(input)
+    return self.fc(None)"""
SEEN = Change("numpy_impl/nn.py", "Net.forward", "return self.fc(input)", "return self.fc(None)")


def survivor(number: int) -> Mutant:
    name = f"numpy_impl.nn.xǁNetǁforward__mutmut_{number}"
    return Mutant(name, SEEN.file, "survived", SEEN, DIFF)


def test_a_decorated_function_is_decorated_when_it_is_called() -> None:
    """Or mutmut would pass it over; the lines before its end keep their numbers."""
    source = "@twice\ndef f(x):\n    @add(1)\n    def g():\n        return x\n    return g()\n"
    done: list[str] = []

    def twice(function: Callable[[int], int]) -> Callable[[int], int]:
        done.append("decorated")
        return lambda x: 2 * function(x)

    def add(number: int) -> Callable[[Callable[[], int]], Callable[[], int]]:
        return lambda function: lambda: number + function()

    names: dict[str, Any] = {"twice": twice, "add": add}
    plain = undecorated(source)
    assert [line.strip() for line in plain.splitlines()[:5]] == [
        "",
        "def f(x):",
        "",
        "def g():",
        "return x",
    ]
    exec(plain, names)
    assert not done
    assert list(inspect.signature(names["f"]).parameters) == ["x"]
    assert names["f"](4) == 10
    assert done


def test_the_defaults_of_a_decorated_function_are_not_mutated() -> None:
    """The decorator has read them before."""
    lines = undecorated("@twice\ndef f(\n    x=1,\n    *,\n    y=2,\n    z,\n):\n    return x\n")
    marked = [line for line in lines.splitlines() if line.endswith("# pragma: no mutate")]
    assert [line.split(",")[0].strip() for line in marked[:2]] == ["x=1", "y=2"]
    assert len(marked) == 3  # and the line that decorates


@pytest.mark.parametrize("decorator", ["property", "cached_property", "functools.cached_property"])
def test_a_property_stays_one(decorator: str) -> None:
    names: dict[str, Any] = {"cached_property": cached_property, "functools": functools}
    exec(undecorated(f"class A:\n    @{decorator}\n    def b(self):\n        return 3\n"), names)
    assert names["A"]().b == 3


def test_a_change_is_known_by_its_lines_and_not_by_its_number() -> None:
    assert change("numpy_impl.nn.xǁNetǁforward__mutmut_7", SEEN.file, DIFF) == SEEN
    assert change("numpy_impl.nn.x_dims__mutmut_12", SEEN.file, DIFF).function == "dims"


def test_an_entry_of_the_list_covers_one_survivor() -> None:
    mutants = [Mutant("a", SEEN.file, "killed"), survivor(1), survivor(2)]
    judged, stale = judge(mutants, [SEEN])
    assert [mutant.status for mutant in judged] == ["killed", "equivalent", "survived"]
    assert not stale


def test_an_entry_that_fits_no_survivor_is_stale() -> None:
    gone = SEEN._replace(after="return self.fc(0)")
    judged, stale = judge([survivor(1)], [SEEN, gone])
    assert [mutant.status for mutant in judged] == ["equivalent"]
    assert stale == [gone]


@pytest.mark.parametrize(
    ("after", "same"),
    [
        ("zip(a, f(b), strict=None)", True),
        ("zip(a, f(b), strict=False)", True),
        ("zip(a, f(b), )", True),
        ("zip(a, f(None), strict=True)", False),
        ("zip(a, strict=True)", False),
    ],
)
def test_that_lengths_are_equal_is_said_and_never_tried(after: str, same: bool) -> None:
    made = SEEN._replace(before="zip(a, f(b), strict=True)", after=after)
    assert is_of_strict_alone(made) is same
    assert not is_of_strict_alone(made._replace(before="zip(a, f(b), strict=False)"))


def test_verdicts_are_counted_by_file() -> None:
    killed = Mutant("a", "numpy_impl/optim.py", "killed")
    late = killed._replace(status="timeout")
    files = by_file([killed, killed, late, survivor(1)])
    assert files["numpy_impl/optim.py"] == {
        "mutants": 3,
        "killed": 2,
        "timeout": 1,
        "equivalent": 0,
        "survived": 0,
        "survivors": [],
    }
    assert files[SEEN.file]["survivors"] == [{"name": survivor(1).name, "diff": DIFF}]


LISTED = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]


def test_an_entry_of_the_list_gives_its_reason() -> None:
    for entry in LISTED:
        assert set(entry) == {*Change._fields, "reason"}, entry
        assert entry["reason"].endswith("."), entry


def test_an_entry_of_the_list_quotes_lines_that_are_there() -> None:
    """Long before `make mutants` finds that it fits no survivor."""
    for entry in LISTED:
        lines = {line.strip() for line in (ROOT / entry["file"]).read_text().splitlines()}
        assert set(entry["before"].strip().splitlines()) <= lines, entry
