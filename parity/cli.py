"""The command `parity`: reads the command line, runs one command.

Exit codes: 0 parity holds, 1 it does not, 2 bad input; 130 interrupted, 141 the output was not
read to its end.
"""

import contextlib
import io
import re
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
    given = sys.argv[1:] if arguments is None else arguments
    return guarded(lambda: parse(given).run())


def parse(arguments: Sequence[str]) -> Any:
    """The command with its options; exits with 2 and one line for a command line that is wrong."""
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                prog="parity",
                description=DESCRIPTION,
                args=list(arguments),
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
            )
    except SystemExit as stop:
        if stop.code:
            stop.code = refuse(one_line(box.getvalue()))
        raise


def one_line(box: str) -> str:
    """The first section of tyro's box of words, without the box."""
    words: list[str] = []
    for row in box.splitlines()[1:]:  # the first is the title
        text = row.strip("│ ")
        if text.strip("─-╰╯"):
            words.append(text)
        elif words:  # a rule ends the section; where tyro draws in ASCII one begins it, too
            break
    message = " ".join(words)
    if misfit := re.match(r"Error parsing --(\S+): .*?(\w+) could be .* from \['(.*?)'\]", message):
        option, kind, value = misfit.groups()
        message = f"{option} is {value!r}, expected {kind}"
    return f"{message.rstrip('.')}; see parity --help"
