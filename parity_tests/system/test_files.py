"""Output files are written completely or not at all, and replace files only."""

import json
import os
import re
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
from parity.system.scratch import scratch_file

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
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    jsonfile.check_writable(pipe)
    jsonfile.write(pipe, {"parity": True})
    assert json.loads(os.read(reader, 1000)) == {"parity": True}
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="nobody reads this pipe"):
        jsonfile.write(tmp_path / "pipe", 1)
    with pytest.raises(InputError, match="it is no file"):
        files.read(tmp_path / "pipe", 10, "load")


def test_a_path_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(path: Path) -> str:
        with pytest.raises(InputError) as refusal:
            files.check_writable(path, "json")
        return str(refusal.value).removeprefix(f"json: cannot write {path}: ")

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert problem(tmp_path) == "it is a folder, expected a file"
    for missing in (tmp_path / "none" / "a.json", tmp_path / "file" / "a.json"):
        assert problem(missing) == "expected a file in a folder that is there"
    (tmp_path / "link").symlink_to(tmp_path / "none" / "a.json")
    assert problem(tmp_path / "link") == "expected a file in a folder that is there"

    (tmp_path / "circle").symlink_to("circle")
    assert problem(tmp_path / "circle") == "Too many levels of symbolic links"
    assert problem(tmp_path / ("a" * 256)) == "File name too long"
    with small_disk(1000):
        assert problem(tmp_path / "a.json") == "File too large"

    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert problem(tmp_path / "a.json") == f"its folder {tmp_path} cannot be written to"
    assert problem(tmp_path / "pipe") == "it cannot be written to"


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 252)
    files.check_writable(path, "json")
    jsonfile.write(path, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_mode_bits(tmp_path: Path) -> None:
    for mode in (0o600, 0o640, 0o755):
        path = tmp_path / oct(mode)
        path.touch()
        path.chmod(mode)
        jsonfile.write(path, 1)
        assert path.stat().st_mode & 0o7777 == mode


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    jsonfile.write(tmp_path / "ours", 1)
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_content_is_on_the_disk_before_it_takes_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "content")
        fsync(descriptor)

    def replaced(scratch: Path, target: Path) -> None:
        done.append("rename")
        replace(scratch, target)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", replaced)
    jsonfile.write(tmp_path / "a", 1)
    assert done == ["content", "rename", "folder"]


def test_a_link_in_the_place_of_an_old_scratch_file_is_not_followed(tmp_path: Path) -> None:
    """A fixed name for the scratch file let such a link overwrite a file of the user's."""
    (tmp_path / "precious").write_text("mine")
    for name in ("a.json.partial", ".parity-0.partial"):
        (tmp_path / name).symlink_to("precious")
    jsonfile.write(tmp_path / "a.json", 1)
    assert (tmp_path / "precious").read_text() == "mine"


def test_scratch_files_of_the_dead_are_cleared_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = tmp_path / ".parity-00.partial"
    dead.write_text("half")
    with scratch_file(tmp_path) as (living, _):
        files.check_writable(tmp_path / "a", "json")
        assert not dead.exists()
        jsonfile.write(tmp_path / "a", 1)
        assert list(tmp_path.iterdir()) in ([living, tmp_path / "a"], [tmp_path / "a", living])
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_two_writers_and_a_reader_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    answers = [[side] * 20_000 for side in (1, 2)]
    jsonfile.write(path, answers[0])

    def write(answer: list[int]) -> None:
        for _ in range(5):
            jsonfile.write(path, answer)

    writers = [threading.Thread(target=write, args=(answer,)) for answer in answers]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert json.loads(path.read_text()) in answers
    assert list(tmp_path.iterdir()) == [path]


def test_no_output_is_another_or_an_input(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    (tmp_path / "link").symlink_to("a")
    os.link(path, tmp_path / "hard")
    for other in (path, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "a"):
        message = f"json: got {other}, expected another file than save has"
        with pytest.raises(InputError, match=re.escape(message)):
            files.check_outputs({"save": path, "json": other})
        with pytest.raises(InputError, match="expected another file than image has"):
            files.check_outputs({"json": other}, {"image": path, "load": None})
    new = tmp_path / "new"
    with pytest.raises(InputError, match="expected another file than save has"):
        files.check_outputs({"save": new, "json": new})
    files.check_outputs({"save": path, "json": None, "picture": new})
    files.check_outputs({"save": Path("/dev/null"), "json": Path("/dev/null")})


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(40 << 30)
    with pytest.raises(InputError, match="has 42,949,672,960 bytes, expected at most 100"):
        files.read(tmp_path / "sparse", 100, "load")
