"""`load`: a data set by name."""

import os
from pathlib import Path

from parity.datasets.dataset import Dataset
from parity.datasets.digits import load_digits
from parity.datasets.mnist import COLLECTIONS, load_mnist
from parity.errors import DataError

NAMES = ("digits", *COLLECTIONS)
ROOT_VARIABLE = "PARITY_DATA_ROOT"


def load(name: str, root: str | os.PathLike[str] | None = None, download: bool = False) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : str
        "digits" (embedded, needs no files), "mnist" or "fashion-mnist" (see `NAMES`).
    root : path, optional
        The folder that holds ``MNIST/raw`` or ``FashionMNIST/raw``. By default the environment
        variable ``PARITY_DATA_ROOT``, and without it ``~/.cache/parity``.
    download : bool
        Download what is missing through torchvision. Without it nothing is downloaded.

    Returns
    -------
    Dataset
        Images float32 (N, 784) in [0, 1], C-contiguous; labels int64 (N,), 0 to 9.

    Raises
    ------
    ValueError
        If `name` is unknown.
    DataError
        If `root` was given and is not a folder (also for the digits, which do not need it: so a
        mistyped option is noticed), or if files are missing, damaged or cannot be read or
        downloaded. DataError is a subclass of ValueError.
    """
    check_name(name)
    folder = resolve_root(root)
    try:
        if root is not None and not download and not folder.is_dir():
            raise DataError(f"data-root: got {os.fspath(root)!r}, expected a folder that is there")
        return load_digits() if name == "digits" else load_mnist(name, folder, download)
    except OSError as error:  # such as a folder without read permission
        where = error.filename or folder
        raise DataError(f"{where}: cannot be read ({error.strerror})") from error


def resolve_root(root: str | os.PathLike[str] | None) -> Path:
    """Return the folder that `load` looks in."""
    if root is None:
        root = os.environ.get(ROOT_VARIABLE) or "~/.cache/parity"
    return Path(root).expanduser()


def check_name(name: str) -> None:
    """Raise ValueError if there is no data set of that name."""
    if name not in NAMES:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(NAMES)}")
