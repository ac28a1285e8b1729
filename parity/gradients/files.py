"""The pairs of somebody's own file, called in a child process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from parity.contract.calls import Call
from parity.contract.conventions import Conventions
from parity.errors import BadCaseError, InputError
from parity.gradients.gradcheck import Part
from parity.gradients.pairs import PAIRS, check_pair
from parity.sandbox.student import FileStudent

__all__ = ["check_file"]

TIMEOUT = 10.0  # seconds that one call may take
MEMORY_MB = 4096


class CallError(Exception):
    """A call that came to nothing; the message says how."""


class Unsupported(CallError):  # noqa: N818 - not an error of the file: it leaves something out
    """The function has no such option, or is a stub."""


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
        unchecked: list[str] = []
        for pair in PAIRS:
            names = pair.name, f"{pair.name}_backward"
            missing = [name for name in names if name not in loaded["names"]]
            if missing:
                unchecked.append(f"{pair.name}: no {' and no '.join(missing)} in the file")
                continue
            call = Call(tuple(pair.forward_args(pair.draw(seed), pair.given)))
            outputs = len(pair.operation.forward.outputs(call))
            forward = remote(student, names[0], outputs, conventions)
            backward = remote(student, names[1], len(pair.inputs), conventions)
            try:
                parts.append(Part(str(pair), check_pair(pair, forward, backward, seed)))
            except Unsupported as reason:
                unchecked.append(f"{pair}: {reason}")
            except CallError as reason:
                if any(isinstance(value, tuple) for value in pair.options.values()):
                    unchecked.append(f"{pair}: no pairs, such as {reason}")
                else:
                    parts.append(Part(str(pair), error=str(reason)))
            except (BadCaseError, TypeError, ValueError) as error:
                parts.append(Part(str(pair), error=str(error)))
    finally:
        student.close()
    if not parts and words(loaded):
        raise InputError(f"{path} {words(loaded)}; nothing was checked")
    if not parts:
        raise InputError(
            f"{path} has no forward with its backward, both written, expected such as linear and "
            "linear_backward"
        )
    if words(loaded):
        parts.insert(0, Part(path.name, error=words(loaded)))
    return parts, list(dict.fromkeys(unchecked))


def remote(
    student: FileStudent, name: str, outputs: int, conventions: Conventions
) -> Callable[..., Any]:
    """The file's function `name`, to be called as if it were here and PyTorch's."""

    def call(*args: Any, **options: Any) -> Any:
        own = conventions.args(name, args)
        request = {"args": own, "options": options, "outputs": outputs}
        (outcome,) = student.ask({"subject": name, "calls": [request], "stand_ins": []})
        if "not_written" in outcome:
            raise Unsupported(f"{name} is not written yet")
        if "unsupported" in outcome:
            raise Unsupported(f"{name} has no {outcome['unsupported']}")
        if words(outcome):
            raise CallError(f"{name} {words(outcome)}")
        if outcome["changed"]:
            raise BadCaseError(f"{name} changed its argument number {outcome['changed'][0] + 1}")
        if any(is_single(array) for array in outcome["arrays"]):
            raise Unsupported(f"{name} computes in single precision, too coarse for differences")
        arrays = conventions.results(name, Call(args), outcome["arrays"])
        return arrays[0] if outputs == 1 else tuple(arrays)

    call.__name__ = name
    return call


def is_single(array: ndarray | None) -> bool:
    """Whether the numbers are single precision's, in whatever dtype they come."""
    if array is None or not array.any():
        return False
    return np.array_equal(array.astype(np.float32), array)


def words(outcome: dict[str, Any]) -> str:
    """How a call failed, or nothing."""
    if "timeout" in outcome:
        return f"takes more than {TIMEOUT:g} seconds"
    return outcome.get("raised", outcome.get("bad_result", ""))
