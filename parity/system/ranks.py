"""What torchrun tells this process in its environment; only rank 0 prints."""

import os
import sys
import time

__all__ = ["let_rank_0_speak", "only_rank_0_prints", "say", "started_by_torchrun"]

TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

kept: list[int] = []  # standard error, where it was taken away


def started_by_torchrun() -> bool:
    """Whether this process is one of several that belong together."""
    return all(name in os.environ for name in TOLD)


def only_rank_0_prints() -> None:
    """Take away the outputs of every other process, for what C++ prints as well."""
    if not started_by_torchrun() or os.environ["RANK"] == "0":
        return
    kept.append(os.dup(2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(nowhere, number)


def let_rank_0_speak() -> None:
    """Wait in another process that has failed: when the first one ends, torchrun ends them all."""
    if kept:
        time.sleep(3)


def say(line: str) -> None:
    """Print a line on standard error from a process whose outputs were taken away."""
    for stream in kept:
        os.write(stream, f"{line}\n".encode())
