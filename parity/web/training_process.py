"""The process of one training: `python -m parity.web.training_process`.

The settings come in as a line of JSON on standard input, then "pause", "go" and "step", a line
each; the events go out on standard output. It ends when its input does, so no training outlives
the server, however that ends.
"""

import json
import os
import sys
import threading
from time import perf_counter
from typing import TextIO

from parity.datasets import DataError
from parity.errors import BadCaseError, InputError
from parity.system.optimizers import spare_compiler
from parity.system.threads import limit_threads
from parity.web import engine
from parity.web.packing import finite

__all__: list[str] = []


class Gate:
    """Lets the training through step by step, as the lines of `commands` say."""

    def __init__(self, commands: TextIO) -> None:
        self.commands = commands
        self.changed = threading.Condition()
        self.running = True
        self.steps = 0  # that were asked for one by one
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Obey until there is nobody left to obey."""
        for line in self.commands:
            with self.changed:
                command = line.strip()
                self.running = command == "go"
                self.steps += command == "step"
                self.changed.notify()
        os._exit(0)

    def wait(self) -> None:
        """Return when the next step may be taken."""
        with self.changed:
            self.changed.wait_for(lambda: self.running or self.steps)
            self.steps = max(0, self.steps - 1)


def main() -> None:
    """Train, and tell of it."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints does not get between the events

    def tell(event: dict[str, object]) -> None:
        print(json.dumps(finite(event), allow_nan=False), file=out, flush=True)

    choices = json.loads(sys.stdin.readline())
    spare_compiler()
    gate = Gate(sys.stdin)
    start = perf_counter()
    try:
        with limit_threads():
            for event in engine.run(engine.experiment_of(**choices)):
                tell(event)
                if event["kind"] == "step":
                    gate.wait()
    except (InputError, DataError, BadCaseError, FloatingPointError) as error:
        tell({"kind": "error", "message": str(error)})
    else:
        tell({"kind": "end", "seconds": perf_counter() - start})


if __name__ == "__main__":
    main()
