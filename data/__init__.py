"""Where images come from, how they are split and scaled, and in what order batches are drawn."""

from data.batching import batches, num_batches
from data.dataset import Dataset, Split
from data.description import Description, SplitDescription, describe
from data.errors import DataError
from data.loading import NAMES, load
from data.splitting import concatenate, random_split

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
