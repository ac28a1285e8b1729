"""The stub of a file to check, made from the entries of the contract."""

from parity.contract.operations import SUBJECTS
from parity.contract.subject import Subject

__all__ = ["TEMPLATE"]

WIDTH = 100

HEAD = '''\
"""Write any of these by hand, with NumPy alone, and run `parity check` on this file.

What still raises NotImplementedError, and what you delete, counts as not written yet.

N is the batch, C the number of classes. Float arrays come in as float64 or float32, and any float
array, list or number of the right shape may be returned. Nothing that comes in may be changed. A
backward takes the gradient of the loss with respect to the forward's output, `grad_output`, of the
output's shape, and returns that with respect to each input, of the input's shape.
"""

import numpy as np
'''

PARAMETER = '''\
class Parameter:
    """A trainable array `.data`, and its gradient `.grad` of the same shape, or None."""

    def __init__(self, data):
        self.data = data
        self.grad = None
'''


def stub(subject: Subject) -> str:
    """The definition of a name, with its sentence, that raises NotImplementedError."""
    if subject.role != "class":
        return f"{define(subject.signature)}\n{docstring(subject)}    raise NotImplementedError\n"
    arguments = subject.signature.partition("(")[2]
    return (
        f"class {subject.name}:\n{docstring(subject)}\n"
        + indent(f"{define(f'__init__(self, {arguments}')}\n    raise NotImplementedError\n")
        + subject.stub
    )


def define(signature: str) -> str:
    """The line that begins a function, broken where it is too long."""
    line = f"def {signature}:"
    if len(line) <= WIDTH - 4:
        return line
    name, _, arguments = line.partition("(")
    return f"{name}(\n    {arguments.removesuffix('):')}\n):"


def docstring(subject: Subject) -> str:
    """The sentence of a subject as a docstring."""
    return indent(f'"""{subject.summary}"""\n')


def indent(text: str) -> str:
    """Each line that is not empty, four columns to the right."""
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(True))


def template() -> str:
    """The whole file; Parameter stands before the first class."""
    parts = [HEAD]
    for subject in SUBJECTS.values():
        if subject.role == "class" and PARAMETER not in parts:
            parts.append(PARAMETER)
        parts.append(stub(subject))
    return "\n\n".join(parts)


TEMPLATE = template()
