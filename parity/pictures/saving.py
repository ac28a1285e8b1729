"""A picture: shown in a notebook, written to a file."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

from matplotlib.figure import Figure

from parity.errors import InputError
from parity.system import files

__all__ = ["Picture", "as_png", "make_folder", "save"]


class Picture(Figure):
    """A figure that shows itself in a notebook, whatever backend Matplotlib has there."""

    def _repr_png_(self) -> bytes:
        return as_png(self, dpi=80)


def as_png(figure: Figure, dpi: int) -> bytes:
    """The figure as a PNG file."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return content.getvalue()


def save(figure: Figure, path: Path, option: str, dpi: int = 120) -> None:
    """Write the figure to `path` as PNG; whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written; the message names the `option` that asked for it.
    """
    files.write(path, as_png(figure, dpi), option)


def make_folder(path: Path) -> Path:
    """The folder for pictures, made if it is not there.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise InputError(f"report: cannot write to {path}: {error.strerror}") from error
