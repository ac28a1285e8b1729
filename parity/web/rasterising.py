"""A drawn digit, made into what the models were trained on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from PIL import Image, ImageDraw

__all__ = ["CANVAS", "PREPARATIONS", "rasterised"]

CANVAS = 280  # the drawing's own units, along each side
PEN = 22  # the width of a stroke, in them
BOX = 20  # MNIST fits a digit into 20x20 of its 28x28 pixels

Drawing = Sequence[Sequence[tuple[float, float]]]  # strokes of (x, y)
Ink = Float32[ndarray, "_ _"]  # 0 to 1, of any height and width


def rasterised(strokes: Drawing) -> Ink:
    """The strokes with a round pen, (280, 280)."""
    picture = Image.new("L", (CANVAS, CANVAS))
    pen, radius = ImageDraw.Draw(picture), PEN / 2
    for stroke in strokes:
        pen.line([*stroke], fill=255, width=PEN, joint="curve")
        for x, y in stroke:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(picture, np.float32) / np.float32(255)


def cropped(ink: Ink) -> Ink | None:
    """The smallest part that holds all ink; None where there is none."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def scaled(ink: Ink, side: int) -> Ink:
    """Fitted into side x side pixels, its proportions kept."""
    factor = side / max(ink.shape)
    height, width = (max(1, round(size * factor)) for size in ink.shape)
    picture = Image.fromarray(np.uint8(ink * 255)).resize(
        (width, height), Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    )
    return np.asarray(picture, np.float32) / np.float32(255)


def as_mnist(ink: Ink) -> Float32[ndarray, "28 28"]:
    """Fitted into 20x20 pixels, the centre of mass at the middle of 28x28.

    Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database, http://yann.lecun.com/exdb/mnist.
    """
    image = np.zeros((28, 28), np.float32)
    part = cropped(ink)
    if part is None:
        return image
    part = scaled(part, BOX)
    place = []
    for axis, size in enumerate(part.shape):
        mass = part.sum(axis=1 - axis)
        centre = float((mass * (np.arange(size) + 0.5)).sum() / mass.sum())
        place.append(min(max(round(14 - centre), 0), 28 - size))
    (top, left), (height, width) = place, part.shape
    image[top : top + height, left : left + width] = part
    return image


def as_digits(ink: Ink) -> Float32[ndarray, "28 28"]:
    """Fitted into a bitmap of 32x32, whose blocks of 4x4 are counted; each count a square of 3x3.

    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository; enlarged as `parity.datasets.digits` does.
    """
    bitmap = np.zeros((32, 32), np.float32)
    part = cropped(ink)
    if part is not None:
        part = (scaled(part, 32) > 0.5).astype(np.float32)
        height, width = part.shape
        top, left = (32 - height) // 2, (32 - width) // 2
        bitmap[top : top + height, left : left + width] = part
    counts = bitmap.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    return np.pad(counts.repeat(3, axis=0).repeat(3, axis=1), 2)


PREPARATIONS = {"digits": as_digits, "mnist": as_mnist, "fashion-mnist": as_mnist}
