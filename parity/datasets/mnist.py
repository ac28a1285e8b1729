"""MNIST and Fashion-MNIST: downloaded by torchvision, checked and read here."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from parity.datasets.dataset import Dataset, Split
from parity.datasets.download import download_missing
from parity.datasets.idx import check_md5, check_pair
from parity.errors import DataError

NUM_CLASSES = 10
MAPPED = 1 << 30  # bytes: a larger file stays on the disk, and is read as it is needed
TRAIN_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True)
class Collection:
    """One data set of `torchvision.datasets`; its class and its folder have the same name."""

    torchvision_name: str
    source: str
    md5: Mapping[str, str] = field(default_factory=dict)

    def raw_folder(self, root: Path) -> Path:
        """Return where torchvision keeps the files."""
        return root / self.torchvision_name / "raw"


COLLECTIONS = {
    "mnist": Collection(
        "MNIST",
        "MNIST, Y. LeCun, C. Cortes, C. J. C. Burges (CC BY-SA 3.0)",
        # The published sums of the original files, uncompressed.
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion-mnist": Collection(
        "FashionMNIST", "Fashion-MNIST, H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (MIT)"
    ),
}


def load_mnist(name: str, root: Path, download: bool) -> Dataset:
    """Return the data set `name` of `COLLECTIONS` from the folder `root`.

    Raises
    ------
    DataError
        If a file is missing or damaged, or cannot be downloaded.
    """
    collection = COLLECTIONS[name]
    raw = collection.raw_folder(root)
    files = TRAIN_FILES + TEST_FILES
    if download:
        download_missing(collection.torchvision_name, raw, files)
    if missing := [file for file in files if not (raw / file).exists()]:
        command = f"parity data --data {name} --data-root {shlex.quote(str(root))} --download"
        raise DataError(f"{raw}: {name} is not there (no {', '.join(missing)}); get it: {command}")
    for images, labels in (TRAIN_FILES, TEST_FILES):
        check_pair(raw / images, raw / labels, NUM_CLASSES)
    for file, md5 in collection.md5.items():
        check_md5(raw / file, md5)
    return Dataset(_read(raw, *TRAIN_FILES), _read(raw, *TEST_FILES), name, NUM_CLASSES)


def _read(raw: Path, images: str, labels: str) -> Split:
    # By hand and not by torchvision's MNIST class: it would prefer an old processed/training.pt
    # beside the files that were checked.
    values = np.fromfile(raw / labels, np.uint8, offset=8).astype(np.int64)
    shape = len(values), 28 * 28
    if (raw / images).stat().st_size > MAPPED:
        pixels = np.memmap(raw / images, np.uint8, "r", offset=16, shape=shape)
        return Split(pixels.view(np.ndarray), values)
    return Split(np.fromfile(raw / images, np.uint8, offset=16).reshape(shape), values)
