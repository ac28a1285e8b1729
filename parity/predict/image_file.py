"""A user's own picture of a digit, as the models expect it."""

from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from PIL import Image, ImageOps

from parity.errors import InputError

__all__ = ["read_image"]

SIDE = 28
MODES = ("1", "L", "P", "LA", "RGB", "RGBA")


def read_image(
    path: Path, *, invert: bool = False, resize: bool = False, denominator: int = 255
) -> Float32[ndarray, "1 784"]:
    """A PNG or JPEG of 28x28 pixels, grey, white on black, divided by `denominator`.

    `invert` takes black on white; `resize` scales a picture of another size, whole, and without
    regard to its proportions.

    Raises
    ------
    InputError
        If the file is not there, cannot be read, is no such picture, is damaged, has another size,
        or has transparent pixels.
    """
    if not path.is_file():
        raise InputError(f"image: got {path}, expected an index or a picture file that is there")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"image: cannot read {path}: {error.strerror}") from error
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.size != (SIDE, SIDE) and not resize:
                width, height = picture.size
                raise InputError(
                    f"image: {path} is {width}x{height} pixels, expected {SIDE}x{SIDE} "
                    "(--resize scales it)"
                )
            if picture.mode not in MODES:
                raise InputError(
                    f"image: {path} has pixels of mode {picture.mode}, expected 8-bit grey or color"
                )
            turned = ImageOps.exif_transpose(picture)
            if turned.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise InputError(f"image: {path} has transparent pixels, expected none")
            grey = turned.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"image: {path} is damaged or no PNG or JPEG picture") from error
    pixels = np.asarray(grey, np.float32).reshape(1, SIDE * SIDE)
    return (255 - pixels if invert else pixels) / np.float32(denominator)
