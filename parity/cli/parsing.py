"""What tyro says about a command line that is wrong, in one line instead of a box."""

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from parity.cli.exits import guarded, refuse

__all__ = ["one_line", "parse", "script"]

REPHRASED = (
    (
        r"Error parsing -*(\S+): [^\n]*?\[?('[^\n]*')\]?\.?\n.*Argument helptext: \S+ "
        r"(?:\{None\}\|)?\[?(\w+)",
        r"\1 is \2, expected \3",
    ),
    (
        r"invalid choice ('.*?') for argument '-*(\S+)'\. Expected one of \((.*?)\)",
        r"\2 is \1, expected one of \3",
    ),
    (r"Missing value for argument '-*(\S+)'\.", r"\1 has no value, expected one"),
)


def parse(read: Callable[[], Any], program: str) -> Any:
    """What `read` makes of the command line; exits with 2 and one line where tyro prints a box."""
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return read()
    except SystemExit as stop:
        if stop.code:
            stop.code = refuse(f"{one_line(box.getvalue())}; see {program} --help")
        raise


def script(command: Any, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command that has a module of its own; returns the exit code, as `parity` does."""
    config = (tyro.conf.HelptextFromCommentsOff,)
    return guarded(
        lambda: parse(
            lambda: tyro.cli(command, prog=program, args=arguments, config=config), program
        ).run()
    )


def one_line(box: str) -> str:
    """The box of words without the box: the argument, what came and what was expected."""
    sections = [""]
    for row in box.splitlines()[1:]:  # the first is the title
        text = row.strip("│ ")
        if text.strip("─-╰╯"):
            sections[-1] = f"{sections[-1]} {text}".strip()
        elif sections[-1]:  # a rule ends the section; where tyro draws in ASCII one begins it, too
            sections.append("")
    whole = "\n".join(sections)
    for pattern, words in REPHRASED:
        if found := re.match(pattern, whole, re.DOTALL):
            return found.expand(words)
    if missing := re.match(r"Missing from [^:]*: (.*)", sections[0]):
        required = re.findall(r"-*(\S+)(?: \{(\S+)\})? (.*?)\.? \(required\)", missing[1])
        return "; ".join(
            f"{name} is missing, expected one of {choices.replace(',', ', ')}"
            if choices
            else f"{name} is missing ({help[0].lower()}{help[1:]})"
            for name, choices, help in required
        )
    return sections[0].rstrip(".")
