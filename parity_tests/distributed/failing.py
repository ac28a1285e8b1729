"""A comparison of which one rank is lost at its third step: `python -m ...failing HOW RANK ...`."""

import os
import signal
import sys
import time
from typing import Any

from parity.cli import main
from parity.distributed.program import DataParallel

__all__: list[str] = []

train = DataParallel.train


def lose(self: DataParallel, number: int, indices: Any) -> Any:
    if number == 3 and self.group.rank == int(sys.argv[2]):
        if sys.argv[1] == "died":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    return train(self, number, indices)


if __name__ == "__main__":
    DataParallel.train = lose  # type: ignore[method-assign]
    sys.exit(main(["compare", "logistic", "--distributed", *sys.argv[3:]]))
