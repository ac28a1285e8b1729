"""Parameters end to end in one array, so that an optimizer updates them all at once.

The operations of Adam are so short that their number counts: every array takes a dozen of them, and
those for a bias are for a few numbers only.
"""

import operator
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["Joined"]

Views = list[Float[ndarray, "..."]]


class Joined:
    """One array of all parameters, of which the `data` of each becomes a view, and others like it.

    Where they cannot be updated as one, they are updated one by one: if one has no gradient, or
    another step; if somebody has put another array in the place of a view; if dtypes differ.
    """

    def __init__(self, parameters: Sequence[Any], moments: int) -> None:
        self.parameters = parameters
        self.data, self.grads, *self.moments = (self.zeros() for _ in range(2 + moments))
        for parameter, view in zip(parameters, self.data, strict=True):
            view[...] = parameter.data
            parameter.data = view
        self.wholes = [views[0].base for views in (self.data, self.grads, *self.moments)]

    def zeros(self) -> Views:
        """An array for each parameter: of its shape, and with its memory order."""
        arrays = [parameter.data for parameter in self.parameters]
        if len({array.dtype for array in arrays}) > 1:
            return [np.zeros_like(array) for array in arrays]
        whole = np.zeros(sum(array.size for array in arrays), arrays[0].dtype)
        parts = np.split(whole, np.cumsum([array.size for array in arrays])[:-1])
        return [
            part.reshape(array.shape, order="C" if array.flags.c_contiguous else "F")
            for part, array in zip(parts, arrays, strict=True)
        ]

    def updates(self, steps: list[int], *moments: Views) -> Iterator[tuple[Any, ...]]:
        """(step, data, grad, *moments): of all parameters as one, or of each with a gradient."""
        data = [parameter.data for parameter in self.parameters]
        grads = [parameter.grad for parameter in self.parameters]
        if (
            all(map(operator.is_, chain(data, *moments), chain(self.data, *self.moments)))
            and self.data[0].base is self.wholes[0] is not None  # it is not in a copy
            and type(None) not in map(type, grads)
            and len(set(steps)) == 1
        ):
            for view, grad in zip(self.grads, grads, strict=True):
                view[...] = grad
            yield steps[0], *self.wholes
        else:
            rows = zip(steps, data, grads, *moments, strict=True)
            yield from (row for row in rows if row[2] is not None)
