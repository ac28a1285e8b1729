"""Labelled images in memory: a `Split`, and a `Dataset` of two splits."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, UInt8

from parity.datasets.checks import integer


# eq=False: two splits are equal if they are the same object. `==` on arrays gives an array.
@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels, row by row.

    Parameters
    ----------
    pixels : (N, P) array
        One image a row: floating point, every value finite and in [0, 1]; or bytes, which take a
        quarter of the memory of float32, or none where the array is a memory map of a file.
    labels : (N,) int64 array
        The class of each image, 0 or more.
    divisor : int
        What bytes are divided by, from 255 on.

    Raises
    ------
    TypeError
        If an argument is not an array, or has another dtype.
    ValueError
        If a shape, a length or a value is wrong, or there is no example.
    """

    pixels: Float[np.ndarray, "N P"] | UInt8[np.ndarray, "N P"]
    labels: Int64[np.ndarray, " N"]
    divisor: int = 255

    def __post_init__(self) -> None:
        integer("divisor", self.divisor, 255)
        _check_images(self.pixels)
        _check_labels(self.labels, len(self.pixels))

    @property
    def images(self) -> Float[np.ndarray, "N P"]:
        """All images as floating point numbers in [0, 1]; those of bytes anew each time.

        Of a large data set, take a few: ``split[batch].images``.
        """
        return self.pixels if self.pixels.dtype != np.uint8 else scale(self.pixels, self.divisor)

    def take(self, rows: Int[np.ndarray, " B"] | slice) -> Float[np.ndarray, "B P"]:
        """The images of these rows as floating point numbers; the rows are not checked.

        A copy, but for a slice of images that are floating point numbers already.
        """
        pixels = self.pixels[rows]
        return pixels if pixels.dtype != np.uint8 else scale(pixels, self.divisor)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Int[np.ndarray, " B"]) -> "Split":
        """Select examples: ``split[:100]``, or ``split[batch]`` with an index array.

        A slice shares memory with this split; an index array makes a copy.

        Raises
        ------
        TypeError
            If `index` is neither a slice nor a 1-D integer array.
        ValueError
            If `index` selects nothing, or reaches outside the split. Python would shorten such a
            slice without an error, and training would see fewer examples than intended.
        """
        if isinstance(index, slice):
            _check_slice(index, len(self))
        else:
            _check_index_array(index, len(self))
        labels = self.labels[index]
        if len(labels) == 0:
            raise ValueError(f"index: {index!r} selects no example of {len(self)}")
        return Split(self.pixels[index], labels, self.divisor)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split of the same classes and the same image size.

    Parameters
    ----------
    train, test : Split
        The two splits.
    name : str
        The name in reports.
    num_classes : int
        Labels run from 0 to ``num_classes - 1``.

    Raises
    ------
    TypeError
        If `num_classes` is not an integer.
    ValueError
        If a label is out of range, or the splits' images differ in size.
    """

    train: Split
    test: Split
    name: str = "unnamed"
    num_classes: int = 10

    def __post_init__(self) -> None:
        integer("num_classes", self.num_classes, 1)
        for part, split in (("train", self.train), ("test", self.test)):
            if (largest := int(split.labels.max())) >= self.num_classes:
                row = int(split.labels.argmax())
                raise ValueError(
                    f"{part}: got labels[{row}] = {largest}, "
                    f"expected labels from 0 to {self.num_classes - 1}"
                )
        widths = self.train.pixels.shape[1], self.test.pixels.shape[1]
        if widths[0] != widths[1]:
            raise ValueError(f"test: got images of {widths[1]} pixels, expected {widths[0]}")


def scale(pixels: UInt8[np.ndarray, "N P"], divisor: int = 255) -> Float32[np.ndarray, "N P"]:
    """Turn bytes into float32 from 0 to 1: divided by 255, as torchvision's ToTensor does."""
    images = pixels.astype(np.float32)
    images /= np.float32(divisor)
    return images


def _check_images(images: object) -> None:
    if not isinstance(images, np.ndarray):
        raise TypeError(f"images: got {type(images).__name__}, expected a NumPy array")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"images: got dtype {images.dtype}, expected floating point or uint8")
    if images.ndim != 2 or images.size == 0:
        raise ValueError(f"images: got shape {images.shape}, expected (N, P), both at least 1")
    if images.dtype == np.uint8:
        return  # in [0, 1] once they are divided, and not read before: they may be a whole disk
    # NaN passes through min and max and makes both comparisons false, so this finds it as well.
    if not (images.min() >= 0 and images.max() <= 1):
        row, column = np.argwhere(~((images >= 0) & (images <= 1)))[0]
        value = images[row, column]
        raise ValueError(f"images: got images[{row}, {column}] = {value}, expected 0 to 1")


def _check_labels(labels: object, count: int) -> None:
    if not isinstance(labels, np.ndarray):
        raise TypeError(f"labels: got {type(labels).__name__}, expected a NumPy array")
    if labels.dtype != np.int64:
        raise TypeError(f"labels: got dtype {labels.dtype}, expected int64")
    if labels.shape != (count,):
        raise ValueError(f"labels: got shape {labels.shape}, expected ({count},) as images has")
    if labels.min() < 0:
        row = int(labels.argmin())
        raise ValueError(f"labels: got labels[{row}] = {labels[row]}, expected 0 or more")


def _check_slice(index: slice, count: int) -> None:
    for end in (index.start, index.stop):
        if end is not None and not -count <= end <= count:
            raise ValueError(f"index: got {index!r}, expected both ends within {count} examples")


def _check_index_array(index: object, count: int) -> None:
    if not isinstance(index, np.ndarray) or not np.issubdtype(index.dtype, np.integer):
        got = f"an array of {index.dtype}" if isinstance(index, np.ndarray) else repr(index)
        raise TypeError(f"index: got {got}, expected a slice or an integer array")
    if index.ndim != 1:
        raise ValueError(f"index: got shape {index.shape}, expected (B,)")
    outside = index[(index < -count) | (index >= count)]
    if outside.size:
        raise ValueError(f"index: got {outside[0]}, expected {-count} to {count - 1}")
