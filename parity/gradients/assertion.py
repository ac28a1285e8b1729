"""`parity.assert_gradients`: the gradient check as one line of a test."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from parity.gradients.gradcheck import gradcheck

__all__ = ["assert_gradients"]


def assert_gradients(
    f: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[ndarray], **options: Any
) -> None:
    """Raise AssertionError, naming the elements, if `backward` is not the derivative of `f`.

    The arguments are those of `parity.gradcheck`.

    Raises
    ------
    AssertionError
        With a line for each input.
    BadCaseError, TypeError, ValueError
        As `parity.gradcheck`.

    Examples
    --------
    >>> import numpy as np
    >>> import parity
    >>> x = np.array([0.5, -1.5])
    >>> parity.assert_gradients(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [x])
    """
    gradcheck(f, backward, inputs, **options).assert_right()
