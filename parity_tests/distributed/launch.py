"""Start a module on several processes, with the variables that torchrun would set."""

import multiprocessing
import os
import runpy
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

__all__ = ["Ended", "launch", "variables"]

# Each process is forked from one that has imported PyTorch, which takes longer than a run.
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
CONTEXT.set_forkserver_preload(
    ["parity.cli.compare", "parity.comparison.compare", "parity.distributed.program"]
)


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


def launch(size: int, module: str, *arguments: str, patience: float = 20.0) -> list[Ended]:
    """How each process of `python -m module` ended, by rank; none is left.

    The first to end is rank 0. The others have `patience` seconds more, as with torchrun.
    """
    port = free_port()
    with TemporaryDirectory() as folder:
        started = [
            CONTEXT.Process(
                target=run,
                args=(module, arguments, variables(rank, size, port), f"{folder}/{rank}"),
            )
            for rank in range(size)
        ]
        for process in started:
            process.start()
        try:
            for rank, process in enumerate(started):
                process.join(patience if rank else 90)
                process.kill()
                process.join()
        finally:
            for process in started:
                process.kill()
        outputs = [
            [Path(f"{folder}/{rank}.{end}").read_text() for end in ("out", "err")]
            for rank in range(size)
        ]
    return [
        Ended(process.exitcode, *output) for process, output in zip(started, outputs, strict=True)
    ]


def run(module: str, arguments: tuple[str, ...], environment: dict[str, str], output: str) -> None:
    """In the new process: what `python -m module` does, with its output in two files."""
    os.environ.update(environment)
    for number, end in ((1, "out"), (2, "err")):
        with open(f"{output}.{end}", "w") as file:
            os.dup2(file.fileno(), number)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
