"""Start a module on several processes, with the variables that torchrun would set."""

import os
import socket
import subprocess
import sys
from typing import NamedTuple

__all__ = ["Ended", "launch", "variables"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def variables(rank: int, size: int, port: int) -> dict[str, str]:
    return {
        **{name: str(rank) for name in ("RANK", "LOCAL_RANK")},
        **{name: str(size) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE")},
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(size: int, module: str, *arguments: str) -> list[Ended]:
    """How each process of `python -m module` ended, by rank; none is left."""
    port = free_port()
    command = [sys.executable, "-m", module, *arguments]
    started = [
        subprocess.Popen(
            command,
            env=os.environ | variables(rank, size, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    ended = []
    try:
        for process in started:
            try:
                output = process.communicate(timeout=5 if ended else 90)
            except subprocess.TimeoutExpired:  # the first has ended: torchrun would end the others
                process.kill()
                output = process.communicate()
            ended.append(Ended(process.returncode, *output))
    finally:
        for process in started:
            process.kill()
    return ended
