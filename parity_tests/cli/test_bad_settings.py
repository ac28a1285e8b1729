"""Whatever is typed, a command ends with one of its exit codes, and never with a traceback.

The command lines are drawn from the options of the commands as these declare them, so a new command
and a new option are tried without a word here. `--hypothesis-profile deep` tries 2,000.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import tyro
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from parity.cli import main
from parity.cli.commands import COMMANDS, command
from parity.contract.template import TEMPLATE
from parity.experiment import tensorfile

EXAMPLES = 2000 if settings.default is not None and settings.default.max_examples >= 500 else 12
SECONDS = 120  # a command that takes longer hangs
CODES = {0, 1, 2, 130, 141}

UNTRIED = {"serve"}  # it runs until it is told to stop
NETWORK = {"download"}
JUNK = ["", "nope", "-", "ü", "1e3", "0x10", "nan", "a b", "[bold]", "%s", "--", "None"]
# Between the two lie numbers that are only more work.
INTEGERS = [-(2**63), -1, 0, 1, 2, 3, 10**12, 2**31 * 10**3, 2**63, 2**64, 10**40]
FLOATS = ["nan", "inf", "-inf", "-1", "0", "5e-324", "1e-3", "0.1", "1", "3e38", "1e308", "1e400"]
RECIPES = ["tutorial", "feedforward", "linear-adam"]
# fmt: off
# What gets a command line past its checks, by the name of the option.
GOOD = {
    "json": "new.json", "save": "new.safetensors", "picture": "new.png", "load": "w.safetensors",
    "report": "folder", "image": "3", "file": "homework.py", "seed": "1", "lr": "0.1",
    "weight_decay": "0.01", "batch_size": "20", "train_size": "100", "epochs": "1", "every": "2",
}
PATHS = [
    "new.json", "new.png", "new.safetensors", "w.safetensors", "digit.png", "homework.py", "folder",
    "folder/new.json", "none/new.json", "pipe", "circle", "/dev/null", "/dev/full", "/dev/zero",
    "x" * 300, ".",
]
# fmt: on


def words(hint: Any) -> st.SearchStrategy[list[str]]:
    """What may be typed for a value of that type: right, wrong and absurd."""
    if get_origin(hint) is Annotated:
        return words(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([words(one) for one in get_args(hint) if one is not NoneType])
    if get_origin(hint) is tuple:
        return st.lists(words(get_args(hint)[0]), min_size=1, max_size=2).map(
            lambda found: [word for one in found for word in one]
        )
    if get_origin(hint) is Literal:
        known = [str(choice) for choice in get_args(hint)]
    else:
        known = {int: [*map(str, INTEGERS)], float: FLOATS, Path: PATHS, str: [*PATHS, *RECIPES]}[
            hint
        ]
    # Mostly what is known, or no command line would get past the first option.
    return st.one_of(*[st.sampled_from(known)] * 9, st.sampled_from(JUNK)).map(lambda word: [word])


def option(name: str, hint: Any) -> st.SearchStrategy[list[str]]:
    """An option of a command with its value, or a positional argument."""
    flag = "--" + name.replace("_", "-")
    if hint is bool:
        return st.sampled_from([[flag], [f"--no-{flag[2:]}"]])
    if get_origin(hint) is Annotated and tyro.conf.Positional in hint.__metadata__:
        if name == "recipe":
            return st.sampled_from([*RECIPES * 3, "nope"]).map(lambda word: [word])
        return words(hint)
    values = words(hint)
    if name in GOOD:
        values = st.one_of(st.just([GOOD[name]]), values)
    return values.map(lambda values: [flag, *values])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with a few of its options, in any order, and little work."""
    name = draw(st.sampled_from(sorted(set(COMMANDS) - UNTRIED)))
    hints = get_type_hints(command(name), include_extras=True)
    names = [field.name for field in fields(command(name)) if field.name not in NETWORK]
    required = [
        field.name
        for field in fields(command(name))
        if field.default is MISSING and field.default_factory is MISSING
    ]
    optional = [name for name in names if name not in required]
    some = st.lists(st.sampled_from(optional), max_size=4, unique=True) if optional else st.just([])
    chosen = required + draw(some)
    parts = [draw(option(one, hints[one])) for one in chosen]
    small = {"epochs": ["--epochs", "1"], "train_size": ["--train-size", "100"]}
    parts += [words for one, words in small.items() if one in hints and one not in chosen]
    return [name, *(word for part in draw(st.permutations(parts)) for word in part)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind to name in a command line."""
    place = tmp_path_factory.mktemp("place")
    make_files(place)
    return place


def make_files(place: Path) -> None:
    """Put them there."""
    (place / "folder").mkdir()
    (place / "homework.py").write_text(TEMPLATE)
    (place / "circle").symlink_to("circle")
    os.mkfifo(place / "pipe")
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(place / "digit.png")
    weights = {"fc.weight": np.ones((10, 784), np.float32), "fc.bias": np.ones(10, np.float32)}
    (place / "w.safetensors").write_bytes(tensorfile.pack(weights))


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise AssertionError(f"it has not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# What was found by it: tracebacks, and all of the memory.
@pytest.mark.usefixtures("free_flags")
@example(arguments=["compare", "tutorial", "--device", "cuda", "--epochs", "1"])
@example(arguments=["grade", "circle"])
@example(arguments=["check", "homework.py", "--allow", "new.safetensors"])
@example(arguments=["sweep", "tutorial", "--epochs", str(10**12)])
@given(arguments=command_lines())
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_command_line_ends_as_it_should(
    arguments: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    with limited(SECONDS):
        try:
            code = main(arguments)
        except SystemExit as stop:  # of --help, and of options that tyro refuses
            code = int(stop.code or 0)
    error = capfd.readouterr().err
    assert code in CODES, arguments
    assert "Traceback" not in error, arguments
    if code == 2:
        assert error.startswith("parity: error: "), (arguments, error)
        assert len(error.splitlines()) == 1, (arguments, error)
