"""`describe`: which data sets are on this machine, for ``parity data``."""

import os
from dataclasses import dataclass

import numpy as np

from parity.datasets import digits
from parity.datasets.dataset import Split, scale
from parity.datasets.idx import IMAGE_SIZE
from parity.datasets.loading import check_name, load, resolve_root
from parity.datasets.mnist import COLLECTIONS
from parity.errors import DataError


@dataclass(frozen=True)
class SplitDescription:
    """The figures of one split; `per_class[c]` is the number of examples of class c."""

    examples: int
    per_class: tuple[int, ...]
    smallest: float
    largest: float


@dataclass(frozen=True)
class Description:
    """One data set, as found on this machine.

    If it cannot be loaded, `train` and `test` are None and `problem` says why, in one line.
    """

    name: str
    source: str
    location: str
    image_size: tuple[int, int]
    train: SplitDescription | None = None
    test: SplitDescription | None = None
    problem: str | None = None

    @property
    def available(self) -> bool:
        """Whether `load` would succeed."""
        return self.problem is None


def describe(name: str, root: str | os.PathLike[str] | None = None) -> Description:
    """Describe a data set: where it is, where it comes from, and how many examples it has.

    Parameters
    ----------
    name, root
        As for `load`. Nothing is downloaded.

    Raises
    ------
    ValueError
        If `name` is unknown. Missing or damaged files raise nothing: see `Description.problem`.
    """
    check_name(name)
    if name == "digits":
        source, location = digits.SOURCE, "embedded"
    else:
        collection = COLLECTIONS[name]
        source, location = collection.source, str(collection.raw_folder(resolve_root(root)))
    try:
        dataset = load(name, root)
    except DataError as error:
        return Description(name, source, location, IMAGE_SIZE, problem=str(error))
    train, test = (_figures(split, dataset.num_classes) for split in (dataset.train, dataset.test))
    return Description(name, source, location, IMAGE_SIZE, train, test)


def _figures(split: Split, num_classes: int) -> SplitDescription:
    per_class = tuple(np.bincount(split.labels, minlength=num_classes).tolist())
    pixels = split.pixels
    both = np.array([[pixels.min(), pixels.max()]])
    smallest, largest = both[0] if pixels.dtype != np.uint8 else scale(both, split.divisor)[0]
    return SplitDescription(len(split), per_class, float(smallest), float(largest))
