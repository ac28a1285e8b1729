"""A user's own picture of a digit, photographed or drawn, made into what the models have seen."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image, ImageFilter, ImageOps

from parity.datasets import Split
from parity.errors import InputError
from parity.system import files

__all__ = ["Reading", "read_image", "strangeness"]

SIDE = 28
MODES = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
MOST_BYTES = 64 << 20  # of the file
MOST_PIXELS = 1 << 24  # in memory, of 4 bytes each; a JPEG may be decoded at an eighth of its size
AT_MOST = f"expected at most {MOST_PIXELS // 10**6} million pixels"
WORKING = 256  # pixels of the longer side while the digit is looked for
LEAST_CONTRAST = 0.08  # between ink and ground
NEIGHBOURS = 10_000  # training images that a picture is held against


@dataclass(frozen=True)
class Form:
    """How the digits of a data set lie in their 28x28 pixels."""

    extent: int  # of the longer side, in pixels
    by_mass: bool  # the centre of mass is in the middle, not that of the bounding box
    grain: int = 1  # pixels of one value in a row


FORMS = {
    "digits": Form(extent=24, by_mass=False, grain=3),
    "mnist": Form(extent=20, by_mass=True),
    "fashion-mnist": Form(extent=28, by_mass=False),
}


@dataclass(frozen=True)
class Reading:
    """The image (1, 784), float32 in [0, 1], white on black, and what was done to get there."""

    image: ndarray
    done: str


def read_image(path: Path, *, data: str = "mnist", denominator: int = 255) -> Reading:
    """Find the digit in a PNG or JPEG, whatever its size, ground and position.

    A picture of 28x28 pixels with a dark border is taken as it is. In any other the ground is
    taken away, which may be lighter or darker than the ink, transparent or unevenly lit; the
    largest stroke and those near it are cut out, scaled and centred as in `data`. The brightest
    pixel is 255 / `denominator`.

    Raises
    ------
    InputError
        If the file is not there, cannot be read, is no such picture, is damaged, too large, or
        has nothing on it.
    """
    grey = open_grey(path)
    height, width = grey.shape
    if grey.shape == (SIDE, SIDE) and np.median(border(grey)) < 0.2:
        return Reading(scaled(grey, denominator), "28x28, white on black: taken as it is")
    ink, inverted = ink_of(grey)
    if ink.max() < LEAST_CONTRAST:
        raise InputError(f"image: {path} is of one color, expected a digit")
    rows, columns = found_digit(ink)
    cut = ink[rows, columns]
    cut = np.where(cut > 0.25 * cut.max(), np.minimum(1, cut / np.percentile(cut, 99)), 0)
    done = (
        f"{'dark on light, inverted' if inverted else 'light on dark'}; "
        f"found {100 * rows.start // height}-{-(-100 * rows.stop // height)}% down and "
        f"{100 * columns.start // width}-{-(-100 * columns.stop // width)}% across; "
        "cut out, scaled and centred"
    )
    return Reading(scaled(placed(cut, FORMS[data]), denominator), done)


def scaled(image: ndarray, denominator: int) -> ndarray:
    """The image in [0, 1] as whole levels of 255, divided by `denominator`; (1, 784), float32."""
    levels = np.rint(255 * image).astype(np.float32).reshape(1, SIDE * SIDE)
    return levels / np.float32(denominator)


def open_grey(path: Path) -> Float[ndarray, "H W"]:
    """The picture upright, in levels of grey in [0, 1]; what is transparent becomes ground."""
    if not path.is_file():
        raise InputError(f"image: got {path}, expected an index or a picture file that is there")
    content = files.read(path, MOST_BYTES, "image")
    try:
        with warnings.catch_warnings():  # of many pixels, which are refused below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(BytesIO(content), formats=("PNG", "JPEG"))
        with opened as picture:
            width, height = picture.size
            if not picture.info.get("progressive"):  # which is decoded whole
                picture.draft("RGB", (2 * WORKING, 2 * WORKING))
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(
                    f"image: {path} is {width}x{height} pixels, too large to decode: {AT_MOST}"
                )
            if picture.mode not in MODES:
                raise InputError(
                    f"image: {path} has pixels of mode {picture.mode}, expected 8-bit grey or color"
                )
            small = reduced(picture)
            small.thumbnail((2 * WORKING, 2 * WORKING), Image.Resampling.BOX)
            colored = ImageOps.exif_transpose(small).convert("RGBA")
    except Image.DecompressionBombError as error:  # of more than 178 million, refused unread
        raise InputError(f"image: {path} is too large to decode: {AT_MOST}") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"image: {path} is damaged or no PNG or JPEG picture") from error
    grey = np.asarray(colored.convert("L"), np.float64) / 255
    alpha = np.asarray(colored.getchannel("A"), np.float64) / 255
    if alpha.min() == 1:
        return grey
    if alpha.max() == 0:
        raise InputError(f"image: {path} is all transparent, expected a digit")
    light = np.average(grey, weights=alpha) > 0.5
    return alpha * grey + (1 - alpha) * (0.0 if light else 1.0)


def reduced(picture: Image.Image) -> Image.Image:
    """A transparent picture in blocks of pixels, at least as large as `thumbnail` needs it.

    Strip by strip: of the whole, Pillow would make a copy first, of 4 bytes for each pixel.
    """
    factor = max(picture.size) // (2 * WORKING)
    if factor < 2 or picture.mode not in ("LA", "RGBA"):
        return picture
    width, height = (-(-side // factor) for side in picture.size)
    small = Image.new(picture.mode, (width, height))
    small.info = picture.info  # which way is up
    for row in range(height):
        box = (0, row * factor, picture.width, min((row + 1) * factor, picture.height))
        small.paste(picture.crop(box).reduce(factor), (0, row))
    return small


def border(image: Float[ndarray, "H W"]) -> ndarray:
    """The outermost pixels, where there is ground rather than ink."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def ink_of(grey: Float[ndarray, "H W"]) -> tuple[Float[ndarray, "H W"], bool]:
    """(how much darker or lighter than the ground around it each pixel is, whether darker).

    A photograph is lit unevenly, so the ground is followed across the picture: the lightest pixel
    nearby, smoothed over a quarter of the picture.
    """
    dark_ink = bool(np.median(border(grey)) > (grey.min() + grey.max()) / 2)
    paper = Image.fromarray(np.uint8(np.rint(255 * (grey if dark_ink else 1 - grey))))
    reach = max(1, max(grey.shape) // 8)
    ground = paper.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    for _ in range(2):  # grows over strokes, which are narrower than this
        small = ground.reduce(max(1, reach // 4))
        ground = small.filter(ImageFilter.MaxFilter(5)).resize(paper.size, Image.Resampling.BICUBIC)
    ink = np.asarray(ground, np.float64) - np.asarray(paper, np.float64)
    return np.clip(ink / 255, 0, 1), dark_ink


def found_digit(ink: Float[ndarray, "H W"]) -> tuple[slice, slice]:
    """The rows and columns of the heaviest connected stroke, and of the heavy ones beside it."""
    labels = connected(ink > 0.4 * np.percentile(ink, 99.5))
    weights = np.bincount(labels.ravel(), weights=ink.ravel())
    weights[0] = 0  # the ground
    kept = np.isin(labels, np.flatnonzero(weights >= 0.1 * weights.max()))
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def connected(mask: ndarray) -> ndarray:
    """A number from 1 on for each region of true pixels that touch, 0 for the others: (H, W)."""
    labels = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int64)
    inner = labels[1:-1, 1:-1]
    inner[mask] = 1 + np.arange(mask.sum())
    while True:  # each pixel takes the largest number around it, until none changes
        before = inner.copy()
        for axis in (0, 1):
            shifted = np.maximum(np.roll(labels, 1, axis), np.roll(labels, -1, axis))
            np.maximum(labels, shifted, out=labels)
            labels[0] = labels[-1] = labels[:, 0] = labels[:, -1] = 0
            inner[~mask] = 0
        if np.array_equal(before, inner):
            numbers, places = np.unique(inner, return_inverse=True)
            return (numbers > 0).cumsum()[places].reshape(inner.shape)


def placed(digit: Float[ndarray, "H W"], form: Form) -> Float[ndarray, "28 28"]:
    """The digit in a 28x28 image, as large and as central as those of the data set."""
    factor = form.extent / max(digit.shape)
    height, width = (max(1, round(factor * side)) for side in digit.shape)
    pixels = Image.fromarray(np.uint8(np.rint(255 * digit)))
    small = np.asarray(pixels.resize((width, height), Image.Resampling.BOX), np.float64) / 255
    small /= small.max()
    centre = [(side - 1) / 2 for side in small.shape]
    if form.by_mass:
        centre = [float((axis * small).sum() / small.sum()) for axis in np.indices(small.shape)]
    top, left = (
        int(np.clip(round((SIDE - 1) / 2 - middle), 0, SIDE - side))
        for middle, side in zip(centre, small.shape, strict=True)
    )
    image = np.zeros((SIDE, SIDE))
    image[top : top + height, left : left + width] = small
    return coarse(image, form)


def coarse(image: Float[ndarray, "28 28"], form: Form) -> Float[ndarray, "28 28"]:
    """The image in squares of `grain` pixels, if the data set is."""
    if form.grain == 1:
        return image
    margin, cells = (SIDE - form.extent) // 2, form.extent // form.grain
    inner = slice(margin, margin + form.extent)
    squares = image[inner, inner].reshape(cells, form.grain, cells, form.grain).mean((1, 3))
    return np.pad(np.kron(squares, np.ones((form.grain, form.grain))), margin)


def strangeness(image: Float[ndarray, "1 784"], training: Split, held_out: Split) -> float:
    """How far the image is from its nearest training image, over how far held-out images are.

    1 is as far as the 99th percentile of the held-out images; a digit of another kind, or none at
    all, is farther away.
    """
    known = training.take(slice(NEIGHBOURS))
    usual = nearest(held_out.take(slice(200)), known)
    return float(nearest(image, known)[0] / np.percentile(usual, 99))


def nearest(
    images: Float[ndarray, "N 784"], known: Float[ndarray, "M 784"]
) -> Float[ndarray, " N"]:
    """The Euclidean distance of each image to the one that is nearest to it."""
    squares = (images**2).sum(1)[:, None] + (known**2).sum(1) - 2 * images @ known.T
    return np.sqrt(np.maximum(squares, 0).min(1))
