"""`grading.toml`: what counts, for how many points, and what students see of it."""

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, get_args, get_type_hints

from parity.contract.conventions import Conventions
from parity.contract.operations import SUBJECTS
from parity.errors import InputError
from parity.system import files

__all__ = ["Grading", "Show", "read_grading"]

LARGEST = 2**20  # bytes of grading.toml, and of a map
WORDS = {str: "a text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Show:
    """What students see of a name that is wrong."""

    explanation: bool = True  # the cause, and where it shows
    hint: bool = True
    example: bool = True  # the call that shows it


@dataclass(frozen=True)
class Part:
    """The share of the points that a verdict gives."""

    unstable: float = 0.0
    partial: float = 1.0


@dataclass(frozen=True)
class Grading:
    """How a class is graded."""

    layout: str = ""
    map: str = ""  # the name of the map's file
    file: str = ""  # the name of the main file, where a student handed in several
    allow: tuple[str, ...] = ()
    timeout: float = 10.0  # seconds for each name
    memory_mb: int = 4096
    reduction: str = "mean"
    weights: str = "out-in"
    l2_half: bool = False
    template: tuple[str, ...] = ()  # files that were handed out, which do not count as copied
    points: Mapping[str, float] = field(default_factory=dict)  # by name; empty for one each
    part: Part = Part()
    show: Show = Show()
    map_content: bytes = b""
    template_content: tuple[bytes, ...] = ()

    def share(self, status: str) -> float:
        """The share of the points that a verdict gives, in [0, 1]."""
        return {"pass": 1.0, **asdict(self.part)}.get(status, 0.0)

    def conventions(self) -> Conventions:
        """Where the files differ from PyTorch and are not wrong."""
        return Conventions(self.reduction, self.weights, self.l2_half)  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        """Changes with whatever changes a verdict; points and words do not."""
        left_out = {"points", "part", "show", "template", "template_content", "file"}
        parts = {key: value for key, value in vars(self).items() if key not in left_out}
        return hashlib.sha256(
            repr((sorted(parts.items()), sorted(self.points))).encode()
        ).hexdigest()


def read_grading(path: Path | None) -> Grading:
    """The settings in a TOML file; without one, every name counts one point.

    Raises
    ------
    InputError
        In one line that names the key, for anything that is not as it should be.
    """
    if path is None:
        return Grading()
    try:
        content = tomllib.loads(files.read(path, LARGEST, "config").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"config: {path} is no TOML: {error}") from None
    plain = {
        key: kind for key, kind in get_type_hints(Grading).items() if not key.endswith("_content")
    }
    tables = {"points": points_of, "part": part_of, "show": show_of}
    found: dict[str, Any] = {}
    for written, value in content.items():
        key = written.replace("-", "_")
        if key not in plain:
            names = ", ".join(key.replace("_", "-") for key in plain)
            raise InputError(f"config: {path}: {written} is no key, expected one of {names}")
        if key in tables:
            found[key] = tables[key](path, value)
        elif plain[key] == tuple[str, ...]:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise wrong(path, written, value, "a list of texts in quotes")
            found[key] = tuple(value)
        else:
            found[key] = typed(path, written, value, plain[key])
    grading = Grading(**found)
    check(path, grading)
    map_content = near_by(path, "map", grading.map) if grading.map else b""
    check_names(path, grading)
    template_content = tuple(near_by(path, "template", name) for name in grading.template)
    return Grading(**found, map_content=map_content, template_content=template_content)


def typed(path: Path, key: str, value: Any, kind: Any) -> Any:
    """The value, if it is of the kind; a whole number is a number, too."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise wrong(path, key, value, WORDS[kind])
    return value


def check(path: Path, grading: Grading) -> None:
    """Raise InputError for values that no key may have."""
    from parity.contract.layouts import LAYOUTS

    if grading.layout and grading.map:
        raise InputError(f"config: {path}: map and layout are both given, expected one of them")
    if grading.layout and grading.layout not in (*LAYOUTS, "contract"):
        raise wrong(path, "layout", grading.layout, f"one of contract, {', '.join(LAYOUTS)}")
    if not 0 < grading.timeout < 1e6:
        raise wrong(path, "timeout", grading.timeout, "seconds above 0")
    if grading.memory_mb < 256:
        raise wrong(path, "memory-mb", grading.memory_mb, "at least 256")
    for key in ("reduction", "weights"):
        choices = get_args(get_type_hints(Conventions)[key])
        if choices and getattr(grading, key) not in choices:
            raise wrong(path, key, getattr(grading, key), f"one of {', '.join(choices)}")
    if grading.file and PurePosixPath(grading.file).suffix not in (".py", ".ipynb"):
        raise wrong(path, "file", grading.file, "the name of a .py or .ipynb file")


def check_names(path: Path, grading: Grading) -> None:
    """Raise InputError if the map is wrong, or a name counts that the layout has not."""
    from parity.contract.layouts import layout_named, read_map

    if grading.map:
        layout = read_map(path.parent / grading.map)
    elif grading.layout not in ("", "contract"):
        layout = layout_named(grading.layout)
    else:
        return
    for name in grading.points:
        if name not in layout.operations:
            raise InputError(
                f"config: {path}: points.{name}: {layout.name} has no {name}, expected some of "
                f"{', '.join(layout.operations)}"
            )


def near_by(path: Path, key: str, name: str) -> bytes:
    """The content of a file whose path starts from the folder of grading.toml."""
    return files.read(path.parent / name, LARGEST, f"config: {path}: {key}")


def points_of(path: Path, table: Any) -> dict[str, float]:
    """The points of each name that counts."""
    if not isinstance(table, dict) or not table:
        raise wrong(path, "points", table, "a table such as [points] with linear = 1")
    for name, value in table.items():
        key = f"points.{name}"
        if name not in SUBJECTS:
            raise InputError(f"config: {path}: {key}: got {name}, expected a name of the contract")
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise wrong(path, key, value, "a number that is at least 0")
    return {name: float(table[name]) for name in SUBJECTS if name in table}


def part_of(path: Path, table: Any) -> Part:
    """The shares of the points for what is right in part."""
    shares = fields_of(path, "part", table, Part, float)
    for key, value in shares.items():
        if not 0 <= value <= 1:
            raise wrong(path, f"part.{key}", value, "a share from 0 to 1")
    return Part(**shares)


def show_of(path: Path, table: Any) -> Show:
    """What students see."""
    return Show(**fields_of(path, "show", table, Show, bool))


def fields_of(path: Path, name: str, table: Any, kind: Any, of: type) -> dict[str, Any]:
    """The values of a table whose keys are the fields of a class."""
    known = list(get_type_hints(kind))
    if not isinstance(table, dict):
        raise wrong(path, name, table, f"a table [{name}] with {', '.join(known)}")
    for key in table:
        if key not in known:
            raise InputError(
                f"config: {path}: {name}.{key} is no key, expected one of {', '.join(known)}"
            )
    return {key: typed(path, f"{name}.{key}", value, of) for key, value in table.items()}


def wrong(path: Path, key: str, came: object, expected: str) -> InputError:
    """The one line about a key."""
    return InputError(f"config: {path}: {key} is {came!r}, expected {expected}")
