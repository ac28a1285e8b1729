"""A picture becomes a file."""

from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from parity.system import files

__all__ = ["save"]

matplotlib.use("Agg")  # pictures are files; no screen is needed


def save(figure: Figure, path: Path, option: str, dpi: int) -> None:
    """Write the figure to `path` as PNG; whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written; the message names the `option` that asked for it.
    """
    content = BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    files.write(path, content.getvalue(), option)
