"""The command `parity`: a file for each of its commands, and what they share."""

from parity.cli.commands import main

__all__ = ["main"]
