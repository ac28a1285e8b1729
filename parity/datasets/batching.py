"""The order of the examples: one stream of index arrays, the same for NumPy and PyTorch."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from parity.datasets.checks import integer


def batches(
    n: int, batch_size: int, epochs: int, seed: int, drop_last: bool = False
) -> Iterator[Int64[np.ndarray, " B"]]:
    """Draw mini-batches: every epoch visits all examples once, in a fresh order.

    Parameters
    ----------
    n : int
        Number of examples, at least 1.
    batch_size : int
        Examples in a batch, from 1 to `n`.
    epochs : int
        How many times every example is visited, at least 1.
    seed : int
        0 or more; the same seed gives the same batches.
    drop_last : bool
        Leave out each epoch's last batch when it is smaller than the others.

    Returns
    -------
    iterator of (B,) int64 arrays
        Indices from 0 to ``n - 1``; B is `batch_size`, less in an epoch's partial last batch.

    Raises
    ------
    TypeError
        If a number is not an integer. Raised by the call, before the first batch is drawn.
    ValueError
        If a number is out of range. Raised by the call as well.
    """
    _check(n, batch_size, epochs)
    integer("seed", seed, 0)
    return _draw(n, batch_size, epochs, seed, drop_last)


def num_batches(n: int, batch_size: int, epochs: int, drop_last: bool = False) -> int:
    """Return how many batches `batches` yields for the same arguments.

    Raises
    ------
    TypeError, ValueError
        As `batches` does.
    """
    _check(n, batch_size, epochs)
    return epochs * (n // batch_size if drop_last else -(-n // batch_size))


def _draw(
    n: int, batch_size: int, epochs: int, seed: int, drop_last: bool
) -> Iterator[Int64[np.ndarray, " B"]]:
    rng = np.random.default_rng(seed)
    stop = n - n % batch_size if drop_last else n
    for _ in range(epochs):
        order = rng.permutation(n).astype(np.int64, copy=False)
        for start in range(0, stop, batch_size):
            yield order[start : start + batch_size]


def _check(n: int, batch_size: int, epochs: int) -> None:
    integer("n", n, 1)
    integer("batch_size", batch_size, 1, n)
    integer("epochs", epochs, 1)
