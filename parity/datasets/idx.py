"""Check IDX files (the format of MNIST) before anything reads them.

The format: two zero bytes, a type (8: unsigned bytes), the number of dimensions; then each
dimension as a big-endian 32-bit integer; then the values.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from parity.errors import DataError
from parity.system.files import open_file

IMAGE_SIZE = (28, 28)


def check_pair(images: Path, labels: Path, num_classes: int) -> None:
    """Check a file of 28x28 images and the file of their labels.

    Raises
    ------
    DataError
        If one cannot be read, is no such file, is cut short, holds images of another size or
        labels outside 0 to ``num_classes - 1``, or if the two differ in length.
    """
    count, *size = _check_layout(images, ndim=3)
    if tuple(size) != IMAGE_SIZE:
        raise DataError(f"{images}: got images of {size[0]}x{size[1]} pixels, expected 28x28")
    if count == 0:
        raise DataError(f"{images}: got no image, expected at least one")
    (label_count,) = _check_layout(labels, ndim=1)
    if label_count != count:
        raise DataError(
            f"{labels}: got {label_count} labels, expected {count}, one for each of {images.name}"
        )
    values = np.fromfile(labels, np.uint8, offset=8)
    if values.max() >= num_classes:
        row = int(values.argmax())
        raise DataError(
            f"{labels}: got label {values[row]} at position {row}, expected 0 to {num_classes - 1}"
        )


def check_md5(path: Path, expected: str) -> None:
    """Raise DataError if the file's MD5 sum is another."""
    with path.open("rb") as file:
        got = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if got != expected:
        raise DataError(f"{path}: got MD5 sum {got}, expected {expected}: the file is damaged")


def _check_layout(path: Path, ndim: int) -> list[int]:
    """Check magic number and length; return the dimensions."""
    header_size = 4 + 4 * ndim
    try:
        with open_file(path) as file:
            header = file.read(header_size)
            length = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    magic = bytes([0, 0, 8, ndim])
    if header[:4] != magic:
        raise DataError(
            f"{path}: got magic number 0x{header[:4].hex()}, expected 0x{magic.hex()} "
            f"(IDX, unsigned bytes, {ndim} dimensions)"
        )
    if len(header) < header_size:
        raise DataError(f"{path}: got {length} bytes, expected a header of {header_size}")
    dims = [int(dim) for dim in np.frombuffer(header, ">u4", offset=4)]
    expected = header_size + int(np.prod(dims, dtype=object))
    if length != expected:
        problem = "truncated" if length < expected else "too long"
        raise DataError(f"{path}: {problem}: got {length} bytes, expected {expected} by its header")
    return dims
