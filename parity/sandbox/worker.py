"""The child process that runs somebody else's file: `python -m parity.sandbox.worker FILE ...`.

Requests come in on standard input and answers go out on standard output, a line each; the file
itself gets neither, only standard error to print on. PyTorch is never imported here.

The limits keep an accident from hurting; they are no wall against a file that means harm.
"""

import os
import random
import sys
from pathlib import Path

import numpy as np

from parity.sandbox import wire
from parity.sandbox.session import WRITTEN_MB, Session

try:
    import resource
except ImportError:  # Windows has no such limits; the time limit still holds
    resource = None  # type: ignore[assignment]


def main(path: str, timeout: str, memory_mb: str) -> None:
    """Load the file, then answer requests until there are no more."""
    requests, answers = take_standard_streams()
    limit_resources(int(memory_mb) * 2**20)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the file may use the old generator
    sys.path.insert(0, str(Path(path).parent))
    session = Session(float(timeout))
    print(wire.encode(session.load(Path(path))), file=answers, flush=True)
    for line in requests:
        print(wire.encode(session.answer(wire.decode(line))), file=answers, flush=True)


def take_standard_streams():  # type: ignore[no-untyped-def]
    """Our own ends of the two pipes; whoever prints or asks for input from here on misses them."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, answers


def limit_resources(memory: int) -> None:
    """At most `memory` bytes of address space, no core dump, no large file."""
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_MB * 2**20, WRITTEN_MB * 2**20))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(*sys.argv[1:])
