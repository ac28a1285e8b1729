"""Where the check begins: a file on the command line, a module in a notebook."""

from pathlib import Path
from types import ModuleType
from typing import Any

from parity.checking.report import Report
from parity.contract.conventions import Conventions
from parity.errors import InputError
from parity.sandbox.student import FileStudent, ModuleStudent

__all__ = ["MEMORY_MB", "TIMEOUT", "check", "check_file"]

TIMEOUT = 10.0  # seconds for each name
MEMORY_MB = 4096


def check_file(
    path: Path,
    conventions: Conventions | None = None,
    seed: int = 0,
    timeout: float = TIMEOUT,
    memory_mb: int = MEMORY_MB,
) -> Report:
    """Run the file in a child process and check every name of the contract that it has.

    Parameters
    ----------
    path
        A Python file.
    conventions
        Where the file differs from PyTorch and is not wrong; None for nowhere.
    seed
        Of the probes.
    timeout
        Seconds for loading the file, and for each name.
    memory_mb
        Address space of the child process, in MiB.

    Raises
    ------
    InputError
        If there is no such file, it has none of the contract's names, or a number makes no sense.
    """
    if not path.is_file():
        raise InputError(f"file: {path} is no file, expected a Python file")
    if not 0 < timeout < 1e6:
        raise InputError(f"timeout is {timeout}, expected seconds above 0")
    if memory_mb < 256:
        raise InputError(f"memory-mb is {memory_mb}, expected at least 256")
    if seed < 0:
        raise InputError(f"seed is {seed}, expected at least 0")
    student = FileStudent(path, timeout, memory_mb)
    try:  # PyTorch loads here while the file loads there
        report = run(student, str(path), conventions, seed, timeout)
        return Report(report.file, report.results, student.output())
    finally:
        student.close()


def check(
    module: ModuleType | dict[str, Any],
    *,
    reduction: str = "mean",
    weights: str = "out-in",
    l2_half: bool = False,
    seed: int = 0,
    timeout: float = TIMEOUT,
) -> Report:
    """Check the functions and classes of a module, or of `globals()`, as `parity check` does.

    They run in this process, so there is no limit to their memory. In a notebook the result shows
    itself as a table.

    Raises
    ------
    InputError
        If the module has none of the contract's names.
    TypeError
        If it is neither a module nor a dict.
    """
    if not isinstance(module, ModuleType | dict):
        raise TypeError(f"check: module is {module!r}, expected a module or globals()")
    namespace = module if isinstance(module, dict) else vars(module)
    name = str(namespace.get("__name__", "module"))
    conventions = Conventions(reduction, weights, l2_half)  # type: ignore[arg-type]
    return run(ModuleStudent(namespace, timeout), name, conventions, seed, timeout)


def run(
    student: Any, name: str, conventions: Conventions | None, seed: int, timeout: float
) -> Report:
    """The report on a student's code, for which PyTorch is loaded."""
    from parity.checking.checker import Checker

    results = Checker(student, conventions or Conventions(), seed, timeout).run()
    if all(result.status == "missing" and not result.written for result in results):
        raise InputError(f"file: {name} has none of the names that `parity template` prints")
    return Report(name, results)
