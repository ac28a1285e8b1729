"""Memory and time of a training on many images: `python -m maintenance.load COUNT FOLDER`.

FOLDER gets a data set in the place of Fashion-MNIST: COUNT training images, which are random bytes.
Printed are the largest memory that the process had, and the time of a training step.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np

from parity.comparison.train import train
from parity.datasets.mnist import TEST_FILES, TRAIN_FILES
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings

__all__ = ["main", "write_images"]

CHUNK = 10_000  # images


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


def main(count: int, root: Path) -> None:
    """Write the images, train on each of them once, print what it took as JSON."""
    write_images(root, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    experiment = prepare("feedforward", Settings(data="fashion-mnist", data_root=root, epochs=1))
    run = train(experiment, "numpy")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = {
        "images": count,
        "memory of the process (MiB)": round(peak / 1024),
        "memory of the data (MiB)": round((peak - before) / 1024),
        "bytes per image": round(1024 * (peak - before) / count),
        "steps": len(run.losses),
        "ms per step": round(1000 * run.seconds / len(run.losses), 3),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
