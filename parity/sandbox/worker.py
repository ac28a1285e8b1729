"""The child process that runs somebody else's file: `python -I -S worker.py`.

The first line on standard input says what to run; then requests come in and answers go out on
standard output, a line each. The file itself gets neither, only standard error to print on.

Python is started without its packages, and this package without its answers: of it the child can
import the folder of this file and nothing else, and that only until the file is run.
"""

import contextlib
import json
import os
import random
import sys
import types
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Load the file, then answer requests until there are no more."""
    requests, answers = take_standard_streams()
    start = json.loads(requests.readline())
    open_package()
    from parity.sandbox import placeholders

    placeholders.show(start["packages"])
    import numpy as np

    from parity.sandbox import wire
    from parity.sandbox.session import WRITTEN_MB, Session

    def say(value: Any) -> None:
        with contextlib.suppress(Exception):  # the file may have put something else there
            sys.stdout.flush()
        print(wire.encode(value), file=answers, flush=True)

    def parent(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
        say({"stand_in": name, "args": args, "options": options})
        answer = wire.decode(requests.readline())
        if "arrays" not in answer:
            raise ValueError(answer["raised"])
        return answer["arrays"]

    close_package()
    placeholders.install(start["contract"], start["roots"])
    limit_resources(start["memory_mb"] * 2**20, WRITTEN_MB * 2**20)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the file may use the old generator
    sys.path[:0] = start["paths"]
    session = Session(start["timeout"], parent)
    path = Path(start["file"])
    say(session.load(path, start["package"], start["roots"]))
    for line in requests:
        request = wire.decode(line)
        say(session.read_by(request) if "operations" in request else session.answer(request))


def take_standard_streams():  # type: ignore[no-untyped-def]
    """Our own ends of the two pipes; whoever prints or asks for input from here on misses them."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, answers


def open_package() -> None:
    """Let `parity.sandbox` be imported, without running the packages around it."""
    for name, folder in (("parity", HERE.parent), ("parity.sandbox", HERE)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def close_package() -> None:
    """Take the package out of sight; what has been imported of it goes on working."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "parity":
            del sys.modules[name]


def limit_resources(memory: int, written: int) -> None:
    """At most `memory` bytes of address space, no core dump, no large file, few descriptors."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit still holds
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
