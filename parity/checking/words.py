"""What is said about a result that is wrong: where, what came, what should have come."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.judging import Mismatch
from parity.contract.calls import Call
from parity.contract.conventions import Conventions
from parity.contract.subject import Subject

__all__ = ["example", "mismatch_in_words"]

SHOWN = 40  # numbers in an example; of a larger one only the shapes are shown


def mismatch_in_words(subject: Subject, call: Call, mismatch: Mismatch) -> str:
    """One line, such as "grad_weight[0, 2] is 1.5, but should be 3"."""
    if mismatch.kind == "raises":
        return mismatch.got
    name = subject.outputs(call)[mismatch.output]
    if mismatch.kind == "shape":
        return f"{name} has shape {mismatch.got}, but should have {mismatch.expected}"
    if mismatch.kind == "dtype":
        return f"{name} has dtype {mismatch.got}, but should have {mismatch.expected}"
    index = f"[{', '.join(map(str, mismatch.index))}]" if mismatch.index else ""
    got, expected = f"{mismatch.got:.6g}", f"{mismatch.expected:.6g}"
    if got == expected:
        got, expected = f"{mismatch.got:.17g}", f"{mismatch.expected:.17g}"
    return f"{name}{index} is {got}, but should be {expected}"


def example(
    subject: Subject,
    call: Call,
    conventions: Conventions,
    got: list[ndarray | None] | None,
    expected: list[ndarray],
    output: int,
) -> str:
    """The call as Python, with what came and what should have come, if it is short enough."""
    args = conventions.args(subject.name, call.args)
    options = [f"{name}={literal(value)}" for name, value in call.options.items()]
    if any(not isinstance(arg, int | float | tuple | ndarray) for arg in args):
        return ""
    if sum(np.size(arg) for arg in args) > SHOWN:
        shapes = [
            f"{name} {arg.shape}" if isinstance(arg, ndarray) else f"{name}={arg}"
            for name, arg in zip(subject.arguments, args, strict=False)
        ]
        return f"{subject.name}({', '.join([*shapes, *options])})"
    lines = [f"{subject.name}({', '.join([*map(literal, args), *options])})"]
    if got is not None and got[output] is not None:
        lines.append(f"  got       {numbers(got[output])}")
    lines.append(f"  expected  {numbers(expected[output])}")
    return "\n".join(lines)


def literal(value: Any) -> str:
    """`value` as one would type it."""
    if isinstance(value, ndarray):
        return f"np.array({numbers(value)})"
    return repr(value)


def numbers(array: Any) -> str:
    """The numbers of an array, nested in brackets, six digits each."""
    if np.ndim(array) == 0:
        return f"{np.asarray(array).item():.6g}"
    return f"[{', '.join(map(numbers, array))}]"
