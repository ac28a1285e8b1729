"""Download data files through torchvision: all of them, or none."""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import error as ZlibError

from parity.datasets.torchvision_import import import_torchvision
from parity.errors import DataError

TIMEOUT_SECONDS = 30.0


def download_missing(torchvision_name: str, raw: Path, files: Iterable[str]) -> None:
    """Download those of `files` that are missing in the folder `raw`; the others stay as they are.

    torchvision downloads and verifies them in a scratch folder. Then they are moved to `raw`.

    Raises
    ------
    DataError
        If they cannot be downloaded or written. Then the folder is as it was before.
    """
    missing = [file for file in files if not (raw / file).exists()]
    if not missing:
        return
    new_folders = [folder for folder in (raw, *raw.parents) if not folder.exists()]
    dataset = getattr(import_torchvision().datasets, torchvision_name)
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=raw) as scratch, _timeout():
            fetched = Path(dataset(scratch, download=True).raw_folder)
            for file in missing:
                os.replace(fetched / file, raw / file)
    # What torchvision, the network, the disk and the decompressor are known to raise.
    except (RuntimeError, OSError, HTTPException, EOFError, ZlibError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{raw}: download of {torchvision_name} failed: {reason}") from error
    finally:
        for folder in new_folders:
            with suppress(OSError):  # a folder that holds the new files stays
                folder.rmdir()


@contextmanager
def _timeout() -> Iterator[None]:
    """Set a timeout for a server that does not answer; torchvision has none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
