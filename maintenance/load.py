"""Memory and time on many images: `python -m maintenance.load`.

A data set of random bytes stands in the place of Fashion-MNIST. Each command runs over each of its
images once, in a process of its own. What is measured is the memory that the process must have:
pages of a file that is mapped do not count, for the system can drop them.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from parity.cli.parsing import script
from parity.comparison.compare import compare
from parity.comparison.sweep import run_cell
from parity.comparison.train import train
from parity.datasets import load
from parity.datasets.mnist import TEST_FILES, TRAIN_FILES
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.system import jsonfile
from parity.system.threads import limit_threads

__all__ = ["COMMANDS", "Load", "measure", "write_images"]

RECIPE = "feedforward"
COMMANDS = ("train", "compare", "sweep")
CHUNK = 10_000  # images


@dataclass(kw_only=True)
class Load:
    """Measure train, compare and sweep on many images."""

    images: tuple[int, ...] = (60_000, 800_000, 1_400_000)
    """How many; of more than 1 GiB the file is mapped."""
    json: Path | None = None
    """Write the figures to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0."""
        jsonfile.check_writable(self.json)
        found = []
        with (
            TemporaryDirectory() as folder,
            ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool,
        ):
            for count in self.images:
                write_images(Path(folder), count)
                for command in COMMANDS:
                    found.append(pool.submit(measure, command, count, Path(folder)).result())
                    print(found[-1], flush=True)
        if self.json is not None:
            jsonfile.write(self.json, found)
        return 0


def measure(command: str, count: int, root: Path) -> dict[str, Any]:
    """What the command takes for one epoch of the images in `root`."""
    settings = Settings(data="fashion-mnist", data_root=root, epochs=1)
    with limit_threads(), peak_memory() as peak:
        before = peak[0]
        if command == "sweep":
            cell = run_cell(RECIPE, settings, {"lr": 0.1}, load(settings.data, root))
            steps, seconds = cell.steps, cell.seconds
        elif command == "compare":
            result = compare(prepare(RECIPE, settings))
            steps, seconds = len(result.steps), result.seconds
        else:
            run = train(prepare(RECIPE, settings), "numpy")
            steps, seconds = len(run.losses), {"numpy": run.seconds}
    return {
        "command": command,
        "images": count,
        "MiB": round((peak[0] - before) / 2**20),
        "steps": steps,
        "ms per step": {name: round(1000 * total / steps, 2) for name, total in seconds.items()},
    }


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The largest memory of the process so far, in bytes, looked at a hundred times a second."""
    peak, ended = [anonymous()], threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            peak[0] = max(peak[0], anonymous())

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield peak
    finally:
        ended.set()
        watch.join()


def anonymous() -> int:
    """Bytes in memory that are no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])


def write_images(root: Path, count: int, test_count: int = 1000) -> None:
    """Write the four files of such a data set, a part at a time."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for names, n in ((TRAIN_FILES, count), (TEST_FILES, test_count)):
        with open(raw / names[0], "wb") as file:
            file.write(bytes([0, 0, 8, 3]) + np.array([n, 28, 28], ">u4").tobytes())
            for start in range(0, n, CHUNK):
                file.write(rng.bytes(784 * min(CHUNK, n - start)))
        header = bytes([0, 0, 8, 1]) + np.array([n], ">u4").tobytes()
        labels = rng.integers(10, size=n, dtype=np.uint8)
        (raw / names[1]).write_bytes(header + labels.tobytes())


if __name__ == "__main__":
    sys.exit(script(Load, "python -m maintenance.load"))
