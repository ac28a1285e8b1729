"""What a command loads before it has anything to do: its start is a matter of imports."""

import subprocess
import sys

import pytest

from parity.cli.commands import COMMANDS

HEAVY = ("jaxtyping", "matplotlib", "numpy", "PIL", "starlette", "torch", "torchvision")

LOADED = """
import contextlib, io, sys
from parity.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
print(*sys.modules)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a fresh process has loaded once it has run `parity ARGUMENTS`."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_help_which_reads_the_options_of_all_commands_loads_nothing_heavy() -> None:
    modules = loaded("--help")
    assert {f"parity.cli.{name}" for name in COMMANDS} <= modules
    assert not modules & set(HEAVY)


def test_a_command_loads_no_other_command() -> None:
    modules = loaded("check", "--help")
    others = {f"parity.cli.{name}" for name in COMMANDS if name != "check"}
    assert not modules & {*others, *HEAVY}


@pytest.mark.parametrize("module", ["parity", "parity.cli"])
def test_an_import_alone_loads_nothing_heavy(module: str) -> None:
    run = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    modules = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert not set(modules) & set(HEAVY)
