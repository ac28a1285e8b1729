"""The embedded digits: 1,797 real handwritten digits (see data/digits.README.md)."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from parity.datasets.dataset import Dataset, Split

HERE = Path(__file__).parent
INSTALLED, CHECKOUT = HERE / "images", HERE.parent.parent / "data"
IMAGES = INSTALLED if INSTALLED.is_dir() else CHECKOUT

SOURCE = "UCI Optical Recognition of Handwritten Digits, test set (CC BY 4.0)"

# The digits were written on forms of about 130 digits each. A form begins here, so no form has
# digits in both splits: the test digits come from forms that training never sees.
TRAIN_SIZE = 1415


def load_digits() -> Dataset:
    """Return the digits at 28x28: 1,415 to train and 382 to test, in the order of the file."""
    table = np.loadtxt(IMAGES / "digits.csv.gz", np.uint8, delimiter=",")
    everything = Split(enlarge(table[:, :64]), table[:, 64].astype(np.int64))
    return Dataset(everything[:TRAIN_SIZE], everything[TRAIN_SIZE:], "digits")


def enlarge(pixels: UInt8[np.ndarray, "N 64"]) -> Float32[np.ndarray, "N 784"]:
    """8x8 images of 0..16 to 28x28 images of 0..1: 3x3 pixels for one, and a border of 2 zeros."""
    images = pixels.reshape(-1, 8, 8).astype(np.float32) / np.float32(16)  # (N, 8, 8)
    images = images.repeat(3, axis=1).repeat(3, axis=2)  # (N, 24, 24)
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)  # (N, 28, 28) -> (N, 784)
