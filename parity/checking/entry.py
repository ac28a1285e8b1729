"""Where the check begins: a file on the command line, a module in a notebook."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from parity.checking.report import RIGHT, Report, Stability
from parity.contract.conventions import Conventions
from parity.errors import InputError
from parity.sandbox.isolation import Isolation
from parity.sandbox.student import MEMORY_MB, TIMEOUT, FileStudent, ModuleStudent

if TYPE_CHECKING:
    from parity.checking.checker import Result
    from parity.contract.layouts import Layout

__all__ = ["check", "check_file"]


def check_file(
    path: Path,
    conventions: Conventions | None = None,
    seed: int = 0,
    timeout: float = TIMEOUT,
    memory_mb: int = MEMORY_MB,
    *,
    layout: str | None = None,
    map: Path | None = None,
    only: str | Sequence[str] = (),
    allowed: Sequence[str] = (),
    isolation: Isolation = "auto",
    stability: Stability = "fail",
    own_process: bool = False,
) -> Report:
    """Run the file in a child process and check every name of the contract that it has.

    Parameters
    ----------
    path
        A Python file or a notebook.
    conventions
        Where the file differs from PyTorch and is not wrong; None for nowhere.
    seed
        Of the probes.
    timeout
        Seconds for loading the file, and for each name.
    memory_mb
        Memory of the child process, in MiB.
    layout
        A shipped layout, whose names the file has, or "contract"; None to recognise it.
    map
        A layout of the user's own, a .toml or .py file.
    only
        The names of the contract to look at, or one text with commas; empty for all.
    allowed
        Packages that the file may use beside NumPy.
    isolation
        Whether bubblewrap is "required", used where it is installed ("auto"), or not ("none").
    stability
        Whether a name that is right but for extreme numbers counts as wrong ("fail") or as right.
    own_process
        Whether this process is there for the check alone, so that PyTorch may go without its
        compiler.

    Raises
    ------
    InputError
        If there is no such file, it has none of the contract's names, the map is wrong, or an
        option makes no sense.
    """
    if not path.is_file():
        raise InputError(f"file: {path} is no file, expected a Python file or a notebook")
    if not 0 < timeout < 1e6:
        raise InputError(f"timeout is {timeout}, expected seconds above 0")
    if memory_mb < 256:
        raise InputError(f"memory-mb is {memory_mb}, expected at least 256")
    if seed < 0:
        raise InputError(f"seed is {seed}, expected at least 0")
    if layout is not None and map is not None:
        raise InputError("map and layout are both given, expected one of them")
    from parity.contract.operations import SUBJECTS
    from parity.system.optimizers import spare_compiler
    from parity.system.threads import limit_threads

    student = FileStudent(
        path,
        timeout,
        memory_mb,
        choose=chooser(layout, map),
        truth=truth,
        contract=list(SUBJECTS),
        allowed=allowed,
        isolated=isolation,
    )
    try:  # PyTorch loads here while the file loads there
        if own_process:
            spare_compiler()
        with limit_threads():  # the arrays are small
            report = run(student, str(path), conventions, seed, timeout, only)
        return replace(report, stability=stability)
    finally:
        student.close()


def check(
    source: ModuleType | dict[str, Any] | str | Path,
    *,
    reduction: str = "mean",
    weights: str = "out-in",
    l2_half: bool = False,
    seed: int = 0,
    timeout: float = TIMEOUT,
    layout: str | None = None,
    map: str | Path | None = None,
    only: str | Sequence[str] = (),
    stability: Stability = "fail",
) -> Report:
    """Check the functions and classes of a module, of `globals()`, or of a file, by the contract.

    What is given as a module or a dict runs in this process, without a limit to its memory; a file
    runs in a process of its own, as `parity check` has it. In a notebook the result shows itself as
    a table.

    Parameters
    ----------
    source
        A module, a dict such as `globals()`, or the path of a Python file or a notebook.
    reduction
        Whether the cross-entropy takes the "mean" or the "sum" over the batch.
    weights
        The shape of linear weights: "out-in" as in PyTorch, or "in-out".
    l2_half
        Whether weight decay λ stands for λ‖p‖², where PyTorch's stands for half of that.
    seed
        Draws the probes.
    timeout
        Seconds for each name.
    layout, map, only, stability
        As for `check_file`: the course whose names these are, or a layout of your own; the names of
        the contract to look at; whether a name that is right but for extreme numbers counts as
        wrong ("fail") or as right ("warn").

    Returns
    -------
    Report
        `report.results` has a result for each name; `report.assert_right()` raises if one is wrong.

    Raises
    ------
    InputError
        If there is none of the contract's names, or no such file, or a map or a layout makes no
        sense.
    TypeError
        If the source is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> import parity
    >>> def relu(input):
    ...     return np.abs(input)
    >>> report = parity.check({"relu": relu}, only=["relu"])
    >>> report
    <Report module: 0 right, 1 wrong>
    >>> [(result.name, result.status, result.diagnosis) for result in report.results]
    [('relu', 'fail', 'relu-absolute')]
    """
    conventions = Conventions(reduction, weights, l2_half)  # type: ignore[arg-type]
    own_map = None if map is None else Path(map)
    if isinstance(source, str | Path):
        report = check_file(
            Path(source),
            conventions,
            seed,
            timeout,
            layout=layout,
            map=own_map,
            only=only,
            stability=stability,
        )
        return replace(report, results=[in_python(result) for result in report.results])
    if not isinstance(source, ModuleType | dict):
        raise TypeError(f"check: source is {source!r}, expected a module, globals() or a path")
    if layout is not None and map is not None:
        raise InputError("map and layout are both given, expected one of them")
    namespace = source if isinstance(source, dict) else vars(source)
    name = str(namespace.get("__name__", "module"))
    choose = chooser(layout, own_map)
    student = ModuleStudent(namespace, timeout, choose, truth)
    report = run(student, name, conventions, seed, timeout, only)
    results = [in_python(result) for result in report.results]
    return replace(report, results=results, stability=stability)


# Options of the command in the words of a mistake, and how they are written in Python.
PYTHON = {
    "--weights in-out": 'weights="in-out"',
    "--reduction sum": 'reduction="sum"',
    "--reduction": "reduction of check",
    "--l2-half": "l2_half=True",
    "--layout contract": 'layout="contract"',
}


def in_python(result: "Result") -> "Result":
    """The result with the options of the command named as those of the function."""
    explanation, hint = result.explanation, result.hint
    for flag, option in PYTHON.items():
        explanation, hint = explanation.replace(flag, option), hint.replace(flag, option)
    return replace(result, explanation=explanation, hint=hint)


def chooser(layout: str | None, map: Path | None) -> Callable[[Sequence[str]], "Layout | None"]:
    """What says by which layout a file with some names is read; None for the contract's own."""
    from parity.contract import layouts

    if map is not None:
        own = layouts.read_map(map)
        return lambda _names: own
    if layout == "contract":
        return lambda _names: None
    if layout is not None:
        named = layouts.layout_named(layout)
        return lambda _names: named
    return layouts.recognised


def truth(name: str) -> Callable[..., Any]:
    """PyTorch's answer, which stands in for what a file has wrong."""
    from parity.contract.reference import reference

    return reference(name)


def run(
    student: FileStudent | ModuleStudent,
    name: str,
    conventions: Conventions | None,
    seed: int,
    timeout: float,
    only: str | Sequence[str],
) -> Report:
    """The report on a student's code, for which PyTorch is loaded."""
    from parity.checking.checker import Checker
    from parity.contract.operations import SUBJECTS

    only = " ".join([only] if isinstance(only, str) else only).replace(",", " ").split()
    for one in only:
        if one not in SUBJECTS:
            raise InputError(f"only: got {one}, expected some of {', '.join(SUBJECTS)}")
    checker = Checker(student, conventions or Conventions(), seed, timeout, only)
    results = checker.run()
    unwritten = all(result.status == "missing" and not result.written for result in results)
    if unwritten and not (only and checker.names):
        alone = f" (the file {student.alone})" if student.alone else ""
        if student.layout:
            raise InputError(
                f"file: {name} has nothing that {student.layout.name} computes anything with{alone}"
            )
        raise InputError(
            f"file: {name} has none of the names that `parity template` prints, and is of no known "
            f"course; --map says whose names it has{of_layouts(checker.names)}{alone}"
        )
    layout = student.layout.name if student.layout else "contract"
    notes = how_it_was_read(student)
    notes += lacking(student, [one.name for one in results if not one.written])
    if unwritten and student.layout is None and (hint := of_layouts(checker.names)):
        notes.append(f"read by the contract; --map says whose names it has{hint}")
    others = of_layouts({one.name for one in results if one.status == "error"})
    if student.layout is None and others and not any(one.status in RIGHT for one in results):
        notes.append(f"read by the contract; --map says whose names it has{others}")
    if any(checker.left_out.values()):
        whose = "course" if student.layout and student.layout.shipped else "map"
        notes.append(f"not asked for by the {whose}: {'; '.join(grouped(checker.left_out))}")
    printed = student.output()
    return Report(name, results, printed, layout, student.isolation, seed, notes, asked=tuple(only))


def lacking(student: FileStudent | ModuleStudent, missing: Iterable[str]) -> Iterator[str]:
    """Of a map of the user's own, the names without which an operation is missing."""
    layout: Any = student.layout
    if layout is None or layout.shipped:
        return
    for name in missing:
        for way in layout.operations.get(name, ()):
            absent = sorted(way.needs - student.defined)
            yield f"{name} of the map uses what the file does not define: {', '.join(absent)}"


def of_layouts(names: Set[str]) -> str:
    """The layouts that need some of the names, which other courses may have as well."""
    from parity.contract.layouts import LAYOUTS, layout_named

    needed = {name: layout_named(name).needs & names for name in LAYOUTS}
    found = [f"{name} ({', '.join(sorted(own))})" for name, own in needed.items() if own]
    return f", or --layout {' or '.join(found)}" if found else ""


def grouped(left_out: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The names that have the same left out, together: "relu, tanh (NaN)"."""
    names: dict[str, list[str]] = {}
    for name, what in left_out.items():
        if what:
            names.setdefault(", ".join(what), []).append(name)
    return (f"{', '.join(same)} ({what})" for what, same in names.items())


def how_it_was_read(student: FileStudent | ModuleStudent) -> list[str]:
    """A line each: the layout, what was left out, what the file is not shut in by."""
    lines = []
    if student.layout is not None and not student.layout.shipped:
        lines.append(f"read by the map {Path(student.layout.file).name}")
    elif student.layout is not None:
        lines.append(f"read as {student.layout.name}; --layout contract reads it as it stands")
    unchecked = getattr(student.layout, "unchecked", ())
    if there := [name for name in unchecked if name in student.defined]:
        lines.append(f"in the file, but not looked at: {', '.join(there)}")
    if student.alone:
        lines.append(
            f"the file {student.alone}; only its imports, definitions and constants were run"
        )
    if isinstance(student, FileStudent) and student.isolation == "none":
        lines.append("not isolated: the file ran without bubblewrap, within limits alone")
    if student.left_out:
        lines.append(
            "only imports, definitions and constants of the notebook were run; left out: "
            + "; ".join(student.left_out)
        )
    return lines
