"""The command `parity`: reads the command line, runs one command.

Exit codes: 0 parity holds, 1 it does not, 2 bad input; 130 interrupted, 141 the output was not
read to its end.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import tyro

from parity.cli.exits import guarded, refuse
from parity.cli.parsing import parse
from parity.system.ranks import only_rank_0_prints
from parity.system.version import __version__

__all__ = ["COMMANDS", "command", "main"]

COMMANDS = (
    "compare",
    "train",
    "sweep",
    "predict",
    "mistakes",
    "check",
    "grade",
    "template",
    "gradcheck",
    "data",
    "serve",
)

DESCRIPTION = (
    "The same classifiers by hand in NumPy and in PyTorch, compared number by number. "
    "`parity --version` prints the version."
)


def command(name: str) -> Any:
    """The class of a command, loaded now: `parity check --help` waits for no other command."""
    module = f"parity.cli.{name}"
    return getattr(import_module(module), name.capitalize())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own); returns the exit code."""
    only_rank_0_prints()
    return guarded(lambda: run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; returns its exit code; exits with 2 for options that are wrong."""
    name = arguments[0] if arguments else ""
    if name == "--version":
        print(f"numpy-torch-parity {__version__}")
        return 0
    if name not in COMMANDS and not name.startswith("-"):
        came = f"is {name!r}" if name else "is missing"
        return refuse(f"command {came}, expected one of {', '.join(COMMANDS)}; see parity --help")
    chosen = [name] if name in COMMANDS else COMMANDS
    asked = parse(
        lambda: tyro.extras.subcommand_cli_from_dict(
            {each: command(each) for each in chosen},
            prog="parity",
            description=DESCRIPTION,
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
        ),
        f"parity {name}" if name in COMMANDS else "parity",
    )
    return asked.run()
