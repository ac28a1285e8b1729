"""Find an element of a tensor, and name it."""

import numpy as np
from numpy import ndarray

from parity.tolerance.rule import is_close

__all__ = ["Index", "first_element", "index_of", "element_name", "worst_element"]

Index = tuple[int, ...]


def worst_element(value: ndarray, reference: ndarray) -> Index:
    """The index of the number that is farthest from the reference.

    A NaN or an infinity where the reference has another number is farther than any number.
    """
    with np.errstate(invalid="ignore"):
        error = np.where(is_close(value, reference, 0.0), 0, np.abs(value - reference))
    return index_of(int(error.argmax()), error.shape)  # NaN is more than any number to argmax


def first_element(mask: ndarray) -> Index:
    """The index of the first element that is true."""
    return index_of(int(np.argmax(mask)), mask.shape)


def index_of(flat: int, shape: tuple[int, ...]) -> Index:
    """The index of the element number `flat` in C order."""
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def element_name(name: str, index: Index) -> str:
    """weight[3, 1], or weight for the empty index."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
