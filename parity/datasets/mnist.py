"""MNIST and Fashion-MNIST: downloaded and read by torchvision, checked here."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from parity.datasets.dataset import Dataset, Split
from parity.datasets.download import download_missing
from parity.datasets.idx import check_md5, check_pair
from parity.datasets.torchvision_import import import_torchvision
from parity.errors import DataError

NUM_CLASSES = 10
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


def scale(pixels: UInt8[np.ndarray, "N H W"]) -> Float32[np.ndarray, "N H*W"]:
    """Convert bytes to float32 from 0 to 1, one image per row, as torchvision's ToTensor does."""
    images = pixels.reshape(len(pixels), -1).astype(np.float32)
    images /= np.float32(255)
    return images


def _read(raw: Path, images: str, labels: str) -> Split:
    # torchvision's readers, not its MNIST class: the class would read an old processed/training.pt
    # instead of the files that were checked.
    mnist = import_torchvision().datasets.mnist
    return Split(
        scale(mnist.read_image_file(str(raw / images)).numpy()),
        mnist.read_label_file(str(raw / labels)).numpy(),
    )
