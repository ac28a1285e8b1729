"""Output files are written completely or not at all, and replace files only."""

import json
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from parity.errors import InputError
from parity.experiment import weights
from parity.pictures.saving import save
from parity.system import files, jsonfile

LARGE = np.arange(9000.0)
WRITERS: dict[str, Callable[[Path], None]] = {
    "json": lambda path: jsonfile.write(path, LARGE.tolist()),
    "save": lambda path: weights.save(path, {"fc.weight": LARGE}),
    "picture": lambda path: save(Figure(), path, "picture", dpi=300),
}


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may have more than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("option", WRITERS)
def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, option: str) -> None:
    path = tmp_path / "answer"
    path.write_text("before")
    with small_disk(1000), pytest.raises(InputError) as refusal:
        WRITERS[option](path)
    assert str(refusal.value) == f"{option}: cannot write {path}: File too large"
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("option", WRITERS)
def test_a_link_stays_and_its_file_is_written(tmp_path: Path, option: str) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "answer", tmp_path / "link"
    link.symlink_to("far/answer")
    files.check_writable(link, option)
    for _ in range(2):  # where nothing is, and over a file
        WRITERS[option](link)
        assert link.is_symlink()
        assert target.stat().st_size > 1000
    assert sorted(tmp_path.rglob("*")) == [target.parent, target, link]


def test_a_pipe_takes_the_bytes_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    jsonfile.check_writable(pipe)
    jsonfile.write(pipe, {"parity": True})
    reader.join(10)
    assert json.loads(read[0]) == {"parity": True}
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_path_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(path: Path) -> str:
        with pytest.raises(InputError) as refusal:
            files.check_writable(path, "json")
        return str(refusal.value).removeprefix(f"json: cannot write {path}: ")

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert fault(tmp_path) == "it is a folder, expected a file"
    for missing in (tmp_path / "none" / "a.json", tmp_path / "file" / "a.json"):
        assert fault(missing) == "expected a file in a folder that is there"
    (tmp_path / "link").symlink_to(tmp_path / "none" / "a.json")
    assert fault(tmp_path / "link") == "expected a file in a folder that is there"

    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert fault(tmp_path / "a.json") == f"its folder {tmp_path} cannot be written to"
    assert fault(tmp_path / "pipe") == "it cannot be written to"
