"""The pairs of somebody's own file, called in a child process."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from parity.contract.calls import Call
from parity.contract.conventions import Conventions
from parity.errors import BadCaseError, InputError
from parity.gradients.gradcheck import GradcheckResult, Part
from parity.gradients.guards import SinglePrecisionError
from parity.gradients.pairs import PAIRS, check_pair
from parity.sandbox.student import MEMORY_MB, TIMEOUT, FileStudent

__all__ = ["check_file"]

COARSE = "computes in single precision, too coarse for differences"
SINGLE = 1e-4  # of the largest element: more than what single precision alone makes of a gradient


class CallError(Exception):
    """A call that came to nothing; the message says how."""


class Unsupported(CallError):  # noqa: N818 - not an error of the file: it leaves something out
    """The function has no such option, or is nothing that differences can judge."""


class NotWritten(Unsupported):
    """The function is a stub."""


def check_file(
    path: Path, seed: int = 0, conventions: Conventions | None = None
) -> tuple[list[Part], list[str]]:
    """Check each forward of the contract that has its backward in the file beside it.

    Of the conventions, None for PyTorch's, only the shape of the linear weights counts. Returns the
    parts, one for each probe, and what was not checked, with the reason. Whether a gradient lies in
    the memory of an input cannot be seen from another process.

    Raises
    ------
    InputError
        If there is nothing to check in the file, or it stops before there is.
    """
    conventions = conventions or Conventions()
    student = FileStudent(path, TIMEOUT, MEMORY_MB)
    try:
        loaded = student.load()
        parts: list[Part] = []
        unchecked: dict[str, bool] = {}  # the reasons, and whether the pair is there and written
        for pair in PAIRS:
            names = pair.name, f"{pair.name}_backward"
            missing = [name for name in names if name not in loaded["names"]]
            if missing:
                unchecked[f"{pair.name}: no {' and no '.join(missing)} in the file"] = False
                continue
            call = Call(tuple(pair.forward_args(pair.draw(seed), pair.given)))
            outputs = len(pair.operation.forward.outputs(call))
            forward = Remote(student, names[0], outputs, conventions)
            backward = Remote(student, names[1], len(pair.inputs), conventions)
            try:
                result = check_pair(pair, forward, backward, seed)
                if is_coarse(result, backward.single):
                    raise Unsupported(f"{names[1]} {COARSE}")
                parts.append(Part(str(pair), result))
            except Unsupported as reason:
                unchecked[f"{pair}: {reason}"] = not isinstance(reason, NotWritten)
            except SinglePrecisionError:
                unchecked[f"{pair}: {names[0]} {COARSE}"] = True
            except (CallError, BadCaseError, TypeError, ValueError) as error:
                pairs = any(isinstance(value, tuple) for value in pair.options.values())
                if isinstance(error, CallError) and pairs:
                    unchecked[f"{pair}: no pairs, such as {error}"] = True
                elif pair.options.get("reduction") == "none":  # more than the contract asks for
                    unchecked[f"{pair}: {error}"] = True
                else:
                    parts.append(Part(str(pair), error=str(error)))
    finally:
        student.close()
    if not parts and words(loaded):
        raise InputError(f"{path} {words(loaded)}; nothing was checked")
    if not parts and any(unchecked.values()):
        reasons = [reason for reason, written in unchecked.items() if written]
        raise InputError(f"{path} has nothing that could be checked: {'; '.join(reasons)}")
    if not parts:
        raise InputError(
            f"{path} has no forward with its backward, both written, expected such as linear and "
            "linear_backward"
        )
    if words(loaded):
        parts.insert(0, Part(path.name, error=words(loaded)))
    return parts, list(unchecked)


class Remote:
    """The file's function `name`, to be called as if it were here and PyTorch's."""

    def __init__(
        self, student: FileStudent, name: str, outputs: int, conventions: Conventions
    ) -> None:
        self.student, self.outputs, self.conventions = student, outputs, conventions
        self.__name__ = name
        self.single: list[bool] = []  # of its last results, which were of single precision

    def __call__(self, *args: Any, **options: Any) -> Any:
        name = self.__name__
        own = self.conventions.args(name, args)
        request = {"args": own, "options": options, "outputs": self.outputs}
        (outcome,) = self.student.ask({"subject": name, "calls": [request], "stand_ins": []})
        if "not_written" in outcome:
            raise NotWritten(f"{name} is not written yet")
        if "unsupported" in outcome:
            raise Unsupported(f"{name} has no {outcome['unsupported']}")
        if words(outcome):
            raise CallError(f"{name} {words(outcome)}")
        if outcome["changed"]:
            raise BadCaseError(f"{name} changed its argument number {outcome['changed'][0] + 1}")
        arrays = self.conventions.results(name, Call(args), outcome["arrays"])
        self.single = [array is not None and fits_single(array) for array in arrays]
        double = tuple(map(in_double, arrays))
        return double[0] if self.outputs == 1 else double


def in_double(array: ndarray | None) -> ndarray | None:
    """An array of single precision in float64, for a file may compute in either; others as is."""
    return array.astype(np.float64) if array is not None and array.dtype == np.float32 else array


def fits_single(array: ndarray) -> bool:
    """Whether the numbers are single precision's, in whatever dtype they come."""
    with np.errstate(over="ignore"):
        return bool((array.astype(np.float32) == array).all())


def is_coarse(result: GradcheckResult, single: list[bool]) -> bool:
    """Whether a gradient is off, and each that is by no more than single precision explains."""
    wrong = [
        is_single and check.torch_error is not None and check.torch_error < SINGLE
        for check, is_single in zip(result.inputs, single, strict=False)
        if check.verdict == "fail"
    ]
    return bool(wrong) and all(wrong)


def words(outcome: dict[str, Any]) -> str:
    """How a call failed, or nothing."""
    if "timeout" in outcome:
        return f"takes more than {TIMEOUT:g} seconds"
    return outcome.get("raised", outcome.get("bad_result", ""))
