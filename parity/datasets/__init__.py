"""Load images, split and scale them, and draw the order of the batches."""

from parity.datasets.batching import batches, num_batches
from parity.datasets.dataset import Dataset, Split
from parity.datasets.description import Description, SplitDescription, describe
from parity.datasets.loading import NAMES, load
from parity.datasets.splitting import concatenate, random_split
from parity.errors import DataError

__all__ = [
    "NAMES",
    "DataError",
    "Dataset",
    "Description",
    "Split",
    "SplitDescription",
    "batches",
    "concatenate",
    "describe",
    "load",
    "num_batches",
    "random_split",
]
