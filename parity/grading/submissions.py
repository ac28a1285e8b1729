"""What a class handed in: a folder of files, folders and notebooks, or a platform's zip of them.

Only Python files and notebooks are read, none through a link, and nothing of a zip is written to
the disk: names that leave the folder, and bombs, have nothing to work on.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from parity.errors import InputError
from parity.sandbox.answers import escaped
from parity.system import files

__all__ = ["Submission", "not_read", "read_submissions"]

KINDS = (".py", ".ipynb")
LARGEST = 10 * 2**20  # bytes of one file
ALL = 512 * 2**20  # bytes of all files
MOST = 50_000  # entries of a zip
SKIPPED = {"__MACOSX", "__pycache__", ".ipynb_checkpoints", "node_modules", "site-packages"}
MAIN = ("homework", "submission", "solution", "main")  # the file of several, if none is named

# "last_first_LATE_12345_678_homework-1.py", "Name Surname_123456_assignsubmission_file_"
CANVAS = re.compile(r"(?P<student>.+?)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)")
MOODLE = re.compile(r"(?P<student>.+)_(?P<number>\d+)_assignsubmission_file_?.*")
AGAIN = re.compile(r"-\d+(?=\.\w+$)")  # Canvas numbers what was handed in again

Contents = dict[str, bytes]  # by path from the folder, with "/"


@dataclass(frozen=True)
class Submission:
    """What one student handed in."""

    student: str
    file: str  # the main file, as it came; or the folder, if there is no main file
    main: str = ""  # the main file among `contents`
    contents: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""  # why it cannot be graded


def read_submissions(path: Path, main: str = "") -> list[Submission]:
    """One submission for each student, in the order of their names.

    Parameters
    ----------
    path
        A folder, or a zip.
    main
        The name of the file that counts where a student handed in several; "" for the only one, or
        for one of a usual name.

    Raises
    ------
    InputError
        If there is no such folder or zip, it is damaged or too large, a name of it leaves it, or
        nothing in it is a Python file or a notebook.
    """
    found = unwrapped(read_zip(path)) if path.suffix == ".zip" else read_folder(path)
    if not found:
        raise InputError(f"submissions: {path} has no Python file and no notebook")
    return sorted(named(grouped(found), main), key=lambda one: (one.student.casefold(), one.file))


def not_read(path: Path) -> list[str]:
    """What lies in the folder, or in the zip, without a Python file or a notebook in it."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [one.filename for one in archive.infolist() if not one.is_dir()]
        if len({name.partition("/")[0] for name in names}) == 1:  # around everything
            names = [name.partition("/")[2] or name for name in names]
        links: set[str] = set()
    else:
        found = [*path.iterdir(), *(one for one in path.rglob("*") if not one.is_dir())]
        names = [one.relative_to(path).as_posix() for one in found]
        links = {one.relative_to(path).as_posix() for one in found if one.is_symlink()}
    names = [name for name in names if all(map(is_seen, PurePosixPath(name).parts))]
    read = {
        name.partition("/")[0]
        for name in names
        if PurePosixPath(name).suffix in (*KINDS, ".zip") and name not in links
    }
    left = {name.partition("/")[0] for name in names} - read - {"grading.toml"}
    return sorted(map(escaped, left))


# --- files ----------------------------------------------------------------------------------------


def read_folder(folder: Path) -> Contents:
    """The Python files and notebooks of a folder, those of zips in it as well."""
    if not folder.is_dir():
        raise InputError(f"submissions: got {folder}, expected a folder or a .zip")
    found: Contents = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if is_seen(name))
        for name in sorted(names):
            file = Path(root) / name
            if not is_seen(name) or file.is_symlink() or not file.is_file():
                continue
            relative = file.relative_to(folder).as_posix()
            if file.suffix in KINDS:
                found[relative] = files.read(file, LARGEST, "submissions")
            elif file.suffix == ".zip":
                found |= inner_zip(relative, files.read(file, ALL, "submissions"))
            limit(folder, found)
    return found


def read_zip(path: Path) -> Contents:
    """The same of a zip."""
    found: Contents = {}
    content = files.read(path, ALL, "submissions")
    for name, data in unzipped(content, f"submissions: {path}"):
        found |= inner_zip(name, data) if name.endswith(".zip") else {name: data}
        limit(path, found)
    return found


def inner_zip(name: str, data: bytes) -> Contents:
    """A student's own zip, as a folder; one that cannot be read as a file that says why."""
    folder = name.removesuffix(".zip")
    try:
        inner = dict(unzipped(data, escaped(name)))
    except InputError as error:
        return {f"{folder}/{PROBLEM}": str(error).encode()}
    return {f"{folder}/{one}": content for one, content in inner.items() if one[-4:] != ".zip"}


PROBLEM = "cannot be read"  # the name of what stands for a student's zip that is damaged


def unzipped(data: bytes, what: str) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a zip's Python files, notebooks and zips; raises InputError."""
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST:
                raise InputError(f"{what} has {len(entries):,} entries, expected at most {MOST:,}")
            for entry in entries:
                name = entry.filename.replace("\\", "/")
                parts = PurePosixPath(name).parts
                if not parts or name.startswith("/") or ".." in parts or ":" in parts[0]:
                    raise InputError(f"{what}: {escaped(name)!r} leaves the folder")
                kind = PurePosixPath(name).suffix
                if entry.is_dir() or kind not in (*KINDS, ".zip") or not all(map(is_seen, parts)):
                    continue
                if stat.S_ISLNK(entry.external_attr >> 16):
                    continue
                most = ALL if kind == ".zip" else LARGEST
                with archive.open(entry) as file:
                    content = file.read(most + 1)
                total += len(content)
                if len(content) > most or total > ALL:
                    raise InputError(f"{what}: {escaped(name)!r} makes it too large")
                yield name, content
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise InputError(f"{what} is no zip that can be read: {error}") from None
    except RuntimeError:  # what zipfile says of a password
        raise InputError(f"{what} has a password, expected one without") from None


def is_seen(name: str) -> bool:
    """Whether a file or folder of this name is looked at: not those that systems leave."""
    return not name.startswith(".") and name not in SKIPPED


def limit(path: Path, found: Contents) -> None:
    """Raise InputError if this is more than a class hands in."""
    if sum(map(len, found.values())) > ALL:
        raise InputError(f"submissions: {path} has more than {ALL // 2**20} MiB of files")


def unwrapped(found: Contents) -> Contents:
    """Without the one folder that a zip has around everything, if that is no student's."""
    tops = {name.partition("/")[0] for name in found}
    inside = {name.partition("/")[2] for name in found}
    if len(tops) == 1 and "" not in inside and not any(map(MOODLE.fullmatch, tops)):
        return {name.partition("/")[2]: content for name, content in found.items()}
    return found


# --- students -------------------------------------------------------------------------------------


def grouped(found: Contents) -> dict[tuple[str, str], dict[str, tuple[str, bytes]]]:
    """For each student, a name and a number, the files: as he named them, and as they came."""
    students: dict[tuple[str, str], dict[str, tuple[str, bytes]]] = defaultdict(dict)
    for path, content in found.items():
        top, _, inner = path.partition("/")
        if inner:
            match = MOODLE.fullmatch(top) or CANVAS.fullmatch(top)
            student = (match["student"], match["number"]) if match else (top, "")
            students[student][inner] = (path, content)
        elif match := CANVAS.fullmatch(top):
            students[match["student"], match["number"]][AGAIN.sub("", match["file"])] = (
                path,
                content,
            )
        else:
            students[PurePosixPath(top).stem, ""][top] = (path, content)
    return students


def named(
    students: dict[tuple[str, str], dict[str, tuple[str, bytes]]], main: str
) -> Iterator[Submission]:
    """The submissions; students of one name are told apart by their numbers."""
    often = Counter(name for name, _ in students)
    for (name, number), own in students.items():
        student = escaped(f"{name} {number}" if often[name] > 1 else name)
        contents = {file: content for file, (_, content) in own.items()}
        try:
            chosen = main_file(contents, main)
        except InputError as problem:
            folder = next(iter(own.values()))[0].removesuffix(next(iter(own))).rstrip("/")
            yield Submission(student, escaped(folder), problem=str(problem))
        else:
            yield Submission(student, escaped(own[chosen][0]), chosen, contents)


def main_file(contents: Contents, main: str) -> str:
    """Which file counts; raises InputError if that is not known."""
    for name, content in contents.items():
        if PurePosixPath(name).name == PROBLEM:
            raise InputError(content.decode())
    usual = [f"{name}{kind}" for name in MAIN for kind in KINDS]
    wanted = [main] if main else usual
    for one in wanted:
        found = [name for name in contents if name == one or name.endswith(f"/{one}")]
        if found:
            return min(found, key=lambda name: (name.count("/"), name))
    if len(contents) == 1:
        return next(iter(contents))
    names = escaped(", ".join(sorted(contents)[:5]))
    if main:
        raise InputError(f"has {names}, expected {main}")
    raise InputError(f'has {names}; file = "NAME" in grading.toml says which counts')
