"""Join splits, and divide a split at random."""

from collections.abc import Sequence

import numpy as np

from parity.datasets.checks import integer
from parity.datasets.dataset import Split


def concatenate(*splits: Split) -> Split:
    """Join splits in the order given, as a copy.

    Parameters
    ----------
    *splits : Split
        At least one. Their images have the same width and dtype.

    Raises
    ------
    ValueError
        If there is no split, or their images differ in width or dtype.
    """
    if not splits:
        raise ValueError("splits: got none, expected at least one")
    first, divisor = splits[0].pixels, splits[0].divisor
    for position, split in enumerate(splits):
        images = split.pixels
        if split.divisor != divisor:
            raise ValueError(
                f"splits[{position}]: got bytes divided by {split.divisor}, expected by {divisor} "
                "as in splits[0]"
            )
        if (images.shape[1], images.dtype) != (first.shape[1], first.dtype):
            raise ValueError(
                f"splits[{position}]: got images of {images.shape[1]} pixels in {images.dtype}, "
                f"expected {first.shape[1]} in {first.dtype} as in splits[0]"
            )
    return Split(
        np.concatenate([split.pixels for split in splits]),
        np.concatenate([split.labels for split in splits]),
        divisor,
    )


def random_split(split: Split, lengths: Sequence[int], seed: int) -> tuple[Split, ...]:
    """Divide a split at random into parts; each example is in exactly one part.

    Like ``torch.utils.data.random_split``, but drawn with NumPy's ``default_rng(seed)``: the same
    seed gives the same parts.

    Parameters
    ----------
    split : Split
        The split to divide.
    lengths : sequence of int
        How many examples each part has, each at least 1. Their sum is ``len(split)``.
    seed : int
        0 or more.

    Returns
    -------
    tuple of Split
        One part (a copy) for each length.

    Raises
    ------
    TypeError
        If a length or the seed is not an integer.
    ValueError
        If one is too small, or the sum of the lengths is not ``len(split)``.
    """
    sizes = [integer(f"lengths[{i}]", length, 1) for i, length in enumerate(lengths)]
    if sum(sizes) != len(split):
        raise ValueError(f"lengths: got {sizes}, {sum(sizes)} in all, expected {len(split)} in all")
    order = np.random.default_rng(integer("seed", seed, 0)).permutation(len(split))
    return tuple(split[part] for part in np.split(order, np.cumsum(sizes)[:-1]))
