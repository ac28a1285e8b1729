"""Where everything of a convolution lies in memory, worked out once for each shape.

Images are (N, C, H, W), but lie in memory as (H, W, C, N): a pixel of all images, with all its
channels, is one block, and the convolution is one small product for each position of the window.
What is there for one step only (the padded images, what the window sees, the products) is written
into memory that is kept, through views that are made once. Results are new arrays.

The window is kH x kW, the output is Ho x Wo, the number of positions of the window on an image of
H x W. K is kH kW C.
"""

import functools
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

__all__ = ["Plan", "Plans", "from_memory", "to_memory"]

Pair = tuple[int, int]
Slices = tuple[slice, ...]
Copies = list[tuple[ndarray, ndarray]]  # where to, and where from
KEPT = 4  # plans of a layer: a batch and the last of an epoch have two lengths of portions each


class Plan:
    """The memory of one convolution, for images and weights of these shapes."""

    def __init__(
        self,
        input: tuple[int, ...],
        weight: tuple[int, ...],
        stride: Pair,
        padding: Pair,
        dtype: np.dtype[Any],
    ) -> None:
        self.arguments = input, weight, stride, padding, dtype
        self.input, self.weight, self.dtype = input, weight, np.dtype(dtype.type)
        (N, C, H, W), (out, _, kH, kW), (pH, pW) = input, weight, padding
        self.axes = list(zip(input[2:], padding, weight[2:], stride, strict=True))
        Ho, Wo = ((size + 2 * p - k) // s + 1 for size, p, k, s in self.axes)
        self.output = N, out, Ho, Wo
        self.gaps = any(s > k for _, _, k, s in self.axes)  # whether no window sees some pixels
        padded = np.zeros((H + 2 * pH, W + 2 * pW, C, N), self.dtype)
        self.inside = padded[pH : pH + H, pW : pW + W]
        self.columns = np.ones((Ho, Wo, kH * kW * C + 1, N), self.dtype)  # the last row stays 1
        rows = np.split(self.columns[:, :, :-1], kH, axis=2)
        self.copies = [
            (row, windows(padded[i:], (Ho, Wo), kW, stride)) for i, row in enumerate(rows)
        ]
        self.matrix = np.zeros((out, kH * kW * C + 1), self.dtype)
        self.taps = self.matrix[:, :-1].reshape(out, kH, kW, C).transpose(0, 3, 1, 2)

    def __reduce__(self) -> tuple[type["Plan"], tuple[Any, ...], ndarray]:
        """A copy is made anew, for copies of views would not be views of the copies."""
        return Plan, self.arguments, from_memory(self.inside)

    def __setstate__(self, input: Float[ndarray, "N C H W"]) -> None:
        """What the copied plan has unfolded last serves the backward of the copy."""
        self.unfold(input)

    def unfold(self, input: Float[ndarray, "N C H W"]) -> Float[ndarray, "Ho Wo K1 N"]:
        """What the window sees at each position (im2col), and a row of ones for the bias.

        Overwritten by the next call.
        """
        self.inside[...] = to_memory(input)
        for row, seen in self.copies:
            row[...] = seen
        return self.columns

    def flat(
        self, weight: Float[ndarray, "out C kH kW"], bias: Float[ndarray, " out"] | None
    ) -> Float[ndarray, "out K1"]:
        """The weights in the order of the columns, and the bias as one more.

        Overwritten by the next call.
        """
        self.taps[...] = weight
        self.matrix[:, -1] = 0 if bias is None else bias
        return self.matrix

    def unflat(
        self, grad: Float[ndarray, "K1 out"]
    ) -> tuple[Float[ndarray, "out C kH kW"], Float[ndarray, " out"]]:
        """The gradients of the weights and of the bias from that of `flat`, transposed."""
        out, C, kH, kW = self.weight
        grad_weight = grad[:-1].reshape(kH, kW, C, out).transpose(3, 2, 0, 1)
        return np.ascontiguousarray(grad_weight), grad[-1]

    def sum_of_products(self, grad: Float[ndarray, "Ho Wo out N"]) -> Float[ndarray, "K1 out"]:
        """u dyᵀ summed over the positions, where u is what `unfold` made last.

        Where dy is smaller than u, it is transposed first: OpenBLAS multiplies by it faster then.
        """
        products, turned = self.scratch
        transposed = grad.swapaxes(2, 3)
        if turned is not None:
            turned[...] = transposed
            transposed = turned
        return np.matmul(self.columns, transposed, out=products).sum(axis=(0, 1))

    @functools.cached_property
    def scratch(self) -> tuple[ndarray, ndarray | None]:
        """Where `sum_of_products` writes: the products, and dy transposed if that is smaller."""
        (N, out, Ho, Wo), K1 = self.output, self.matrix.shape[1]
        turned = np.empty((Ho, Wo, N, out), self.dtype) if out < K1 else None
        return np.empty((Ho, Wo, K1, out), self.dtype), turned

    def fold(
        self, grad: Float[ndarray, "Ho Wo out N"], weight: Float[ndarray, "out C kH kW"]
    ) -> Float[ndarray, "N C H W"]:
        """Wᵀ dy, added up where the windows of different positions overlap (col2im).

        Pixels that are one stride apart are seen through the same taps of the window. So each such
        grid of pixels is a convolution of dy with stride 1, and its products do the adding.
        """
        inside, copies, grids = self.grids
        inside[...] = grad
        for rows, seen in copies:
            rows[...] = seen
        N, C, H, W = self.input
        images = (np.zeros if self.gaps else np.empty)((H, W, C, N), self.dtype)
        for pixels, taps, seen in grids:
            matrix = weight[taps].transpose(1, 3, 2, 0).reshape(C, seen.shape[2])
            np.matmul(matrix, seen, out=images[pixels])
        return from_memory(images)

    @functools.cached_property
    def grids(self) -> tuple[ndarray, Copies, list[tuple[Slices, Slices, ndarray]]]:
        """Where dy goes, what is copied from there, and (pixels, taps, dy as seen) of each grid."""
        N, out, Ho, Wo = self.output
        down, across = (list(grids_along(*axis)) for axis in self.axes)
        above, left = ((kernel - 1) // stride for _, _, kernel, stride in self.axes)
        height = max([above + Ho, *(y.first + y.length + y.taps - 1 for y in down)])
        width = max([left + Wo, *(x.first + x.length + x.taps - 1 for x in across)])
        around = np.zeros((height, width, out, N), self.dtype)
        copies: Copies = []
        grids: list[tuple[Slices, Slices, ndarray]] = []
        for y in down:
            rows = np.empty((y.length, width, y.taps * out, N), self.dtype)
            for i, part in enumerate(np.split(rows, y.taps, axis=2)):
                copies.append((part, around[y.first + i : y.first + i + y.length]))
            for x in across:
                seen = windows(rows[:, x.first :], (y.length, x.length), x.taps, (1, 1))
                taps = slice(None), slice(None), y.through, x.through
                grids.append(((y.pixels, x.pixels), taps, seen))
        return around[above : above + Ho, left : left + Wo], copies, grids


class Along(NamedTuple):
    """The pixels of a grid along one axis."""

    pixels: slice
    length: int  # how many pixels
    through: slice  # the taps through which they are seen, the last first
    taps: int  # how many these are
    first: int  # where dy, with zeros around it, is seen by the first pixel through the last tap


def grids_along(size: int, padding: int, kernel: int, stride: int) -> Iterator[Along]:
    """The grids of one axis, without those that no window sees.

    At position s the window sees pixel a through tap i if a + padding = stride s + i. The next
    pixel of the grid, a + stride, is seen through the same taps at positions that are one further.
    """
    for pixel in range(min(stride, size)):
        position, tap = divmod(pixel + padding, stride)
        count, taps = len(range(pixel, size, stride)), len(range(tap, kernel, stride))
        if taps:
            last = tap + stride * (taps - 1)
            first = position - (taps - 1) + (kernel - 1) // stride
            yield Along(slice(pixel, None, stride), count, slice(last, None, -stride), taps, first)


class Plans:
    """The plans that a layer made last, by the shape and dtype of their images.

    Each thread has its own: two may ask one model for predictions at the same time.
    """

    def __init__(self, make: Callable[..., Plan]) -> None:
        self.make, self.kept = make, dict[Any, Plan]()

    def __call__(self, input: Float[ndarray, "N C H W"], *arguments: Any) -> Plan:
        """The plan for these images; `make(input, *arguments)` if there is none."""
        key = np.shape(input), getattr(input, "dtype", None), get_ident()
        plan = self.kept.get(key)
        if plan is None:
            plan = self.make(input, *arguments)
            for oldest in list(self.kept)[: 1 - KEPT]:
                self.kept.pop(oldest, None)
            self.kept[key] = plan
        return plan


def windows(
    images: Float[ndarray, "H W C N"], positions: Pair, width: int, stride: Pair
) -> Float[ndarray, "h w K N"]:
    """At each position `width` pixels side by side, with their channels, as one block: a view."""
    down, right, channel, image = images.strides
    strides = stride[0] * down, stride[1] * right, channel, image
    return as_strided(images, (*positions, width * images.shape[2], images.shape[3]), strides)


def to_memory(images: Float[ndarray, "N C H W"]) -> Float[ndarray, "H W C N"]:
    """A view of images as they lie in memory."""
    return images.transpose(2, 3, 1, 0)


def from_memory(images: Float[ndarray, "H W C N"]) -> Float[ndarray, "N C H W"]:
    """A view of what lies in memory as images."""
    return images.transpose(3, 2, 0, 1)
