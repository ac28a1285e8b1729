"""The command `parity`: reads the command line, runs one command.

Exit codes: 0 parity holds, 1 it does not, 2 bad input; 130 interrupted, 141 the output was not
read to its end.
"""

import sys
from collections.abc import Sequence
from typing import Any

import tyro

from parity.commands.check import Check
from parity.commands.compare import Compare
from parity.commands.data import Data
from parity.commands.gradcheck import Gradcheck
from parity.commands.mistakes import Mistakes
from parity.commands.predict import Predict
from parity.commands.sweep import Sweep
from parity.commands.template import Template
from parity.commands.train import Train
from parity.faults import guarded, refuse
from parity.parsing import parse

__all__ = ["main"]

COMMANDS: dict[str, Any] = {
    "compare": Compare,
    "train": Train,
    "sweep": Sweep,
    "predict": Predict,
    "mistakes": Mistakes,
    "check": Check,
    "template": Template,
    "gradcheck": Gradcheck,
    "data": Data,
}

DESCRIPTION = "The same classifiers by hand in NumPy and in PyTorch, compared number by number."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own); returns the exit code."""
    return guarded(lambda: run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; returns its exit code; exits with 2 for options that are wrong."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS and not name.startswith("-"):
        came = f"is {name!r}" if name else "is missing"
        return refuse(f"command {came}, expected one of {', '.join(COMMANDS)}; see parity --help")
    command = parse(
        lambda: tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="parity",
            description=DESCRIPTION,
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
        ),
        f"parity {name}" if name in COMMANDS else "parity",
    )
    return command.run()
