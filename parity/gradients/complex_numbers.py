"""A function of complex numbers as one of real numbers: a last axis of two, real and imaginary.

PyTorch's convention for the gradient of a real L by z = x + iy is dL/dx + i dL/dy. In this view it
is the gradient by x and y, and nothing else of the gradient check has to know of complex numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray

__all__ = ["InRealNumbers", "real"]


def real(value: Any) -> Any:
    """A complex array (...) as a real one (..., 2); anything else as it is."""
    if not isinstance(value, ndarray | np.complexfloating) or not np.iscomplexobj(value):
        return value
    parts = np.ascontiguousarray(value, np.complex128).view(np.float64)
    return parts.reshape(*np.shape(value), 2)


def complex_of(value: Float[ndarray, "... 2"]) -> Complex[ndarray, "..."]:
    """The inverse of `real`; a view where the array is contiguous."""
    return np.ascontiguousarray(value).view(np.complex128)[..., 0]


class InRealNumbers:
    """`f`, `backward` and `mirror` for arrays of real numbers, whatever numbers they take."""

    def __init__(
        self,
        f: Callable[..., Any],
        backward: Callable[..., Any],
        mirror: Callable[..., Any] | None,
        inputs: Sequence[Any],
    ) -> None:
        self.own_f, self.own_backward, self.own_mirror = f, backward, mirror
        self.are_complex = [np.iscomplexobj(x) for x in inputs]
        self.gives_complex = False  # known once f was called

    def own(self, inputs: Sequence[ndarray]) -> list[ndarray]:
        """The inputs as the functions take them."""
        pairs = zip(inputs, self.are_complex, strict=True)
        return [complex_of(x) if is_complex else x for x, is_complex in pairs]

    def f(self, *inputs: ndarray) -> Any:
        """The output."""
        output = self.own_f(*self.own(inputs))
        several = isinstance(output, tuple | list)  # which is refused
        self.gives_complex = not several and np.iscomplexobj(output)
        return real(output)

    def backward(self, grad_output: ndarray, *inputs: ndarray) -> list[Any]:
        """The gradients, one for each input or not."""
        upstream = complex_of(grad_output) if self.gives_complex else grad_output
        gradients = self.own_backward(upstream, *self.own(inputs))
        several = isinstance(gradients, tuple) or (
            isinstance(gradients, list)
            and all(one is None or hasattr(one, "dtype") for one in gradients)
        )  # nested lists of numbers are one gradient, which is no array
        gradients = list(gradients) if several else [gradients]
        if len(gradients) != len(inputs):
            raise ValueError(
                f"backward returned {len(gradients)} gradients, expected {len(inputs)}"
            )
        return [
            real(gradient + 0j if is_complex and isinstance(gradient, ndarray) else gradient)
            for gradient, is_complex in zip(gradients, self.are_complex, strict=True)
        ]

    def mirror(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The output in PyTorch."""
        assert self.own_mirror is not None
        pairs = zip(inputs, self.are_complex, strict=True)
        output = self.own_mirror(*(torch.view_as_complex(x) if c else x for x, c in pairs))
        return torch.view_as_real(output) if output.is_complex() else output
