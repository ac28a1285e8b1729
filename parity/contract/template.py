"""The stub of a file to check, made from the entries of the contract, or from a course's layout."""

import json
import re
import textwrap
from collections.abc import Sequence

from parity.contract.layouts import Layout, layout_named
from parity.contract.layouts.stubs import Definition, definitions
from parity.contract.operations import SUBJECTS
from parity.contract.subject import Subject
from parity.errors import InputError

__all__ = ["TEMPLATE", "notebook", "pieces", "template"]

WIDTH = 100

NOT_WRITTEN = (
    "What still raises NotImplementedError, and what you delete, counts as not written yet."
)

HEAD = f'''\
"""Write any of these by hand, with NumPy alone, and run `parity check` on this file.

{NOT_WRITTEN}

N is the batch, C the number of classes. Float arrays come in as float64 or float32, and any float
array, list or number of the right shape may be returned. Nothing that comes in may be changed. A
backward takes the gradient of the loss with respect to the forward's output, `grad_output`, of the
output's shape, and returns that with respect to each input, of the input's shape.
"""
'''

COURSE = f'''\
"""Write any of these by hand, with NumPy alone; `parity check --layout {{name}}` on this file.

{NOT_WRITTEN}

Below each name stands how the check computes its operations with it. N is the batch, C the number
of classes; `cache` is what a forward returns beside its output.
"""
'''

IMPORT = "import numpy as np\n"

PARAMETER = '''\
class Parameter:
    """A trainable array `.data`, and its gradient `.grad` of the same shape, or None."""

    def __init__(self, data):
        self.data = data
        self.grad = None
'''

UNWRITTEN = "    raise NotImplementedError\n"

# What the words of the contract become under a convention, in this order.
IN_WORDS = (
    (
        "mean",
        "layer",
        "(N, out) -> (grad_input, grad_weight,",
        "(N, out) -> (grad_input, grad_weight / N,",
    ),
    ("mean", "layer", "/ N, grad_bias)", "/ N, grad_bias / N)"),
    ("weights", "in-out", "(out, in)", "(in, out)"),
    ("weights", "in-out", "x Wᵀ + b", "x W + b"),
    ("weights", "in-out", "W1 (H, in)", "W1 (in, H)"),
    ("weights", "in-out", "W2 (C, H)", "W2 (H, C)"),
    ("batch", "columns", "x Wᵀ + b", "W x + b"),
    ("batch", "columns", "(N, in)", "(in, N)"),
    ("batch", "columns", "(N, out)", "(out, N)"),
    ("images", "NHWC", "(out, in, kh, kw), bias (out,)", "(kh, kw, in, out), bias (1, 1, 1, out)"),
    ("images", "NHWC", "(N, in, H, W)", "(N, H, W, in)"),
    ("images", "NHWC", "(N, out, H', W')", "(N, H', W', out)"),
    ("images", "NHWC", "(N, C, H, W)", "(N, H, W, C)"),
    ("images", "NHWC", "(N, C, H', W')", "(N, H', W', C)"),
    ("bias", "row", "(out,)", "(1, out)"),
    ("bias", "column", "(out,)", "(out, 1)"),
    ("targets", "one-hot", "class indices (N,) int64 from 0", "one-hot rows (N, C)"),
    ("velocity", "with-lr", "v = μ v + g + λ p, then p - lr v", "v = μ v - lr g, then p + v"),
)

# What is said of an argument that a course may not have.
CONTRACT_ONLY = re.compile(r"`(grad_)?output` is [^>]* (?=-> )")


def template(only: Sequence[str] = (), layout: str = "contract") -> str:
    """The file with all names, or some, of the contract or of a course.

    Parameters
    ----------
    only
        The names of the contract; empty for all that the layout has.
    layout
        A shipped layout, or "contract".

    Raises
    ------
    InputError
        If there is no such layout, or a name that it does not have.
    """
    head, *rest = pieces(only, layout)
    return "\n\n".join([f"{head}\n{IMPORT}", *rest])


def notebook(only: Sequence[str] = (), layout: str = "contract") -> str:
    """The same as a notebook, in JSON: a cell for each name, and one that checks them all."""
    head, *rest = pieces(only, layout)
    options = "" if layout == "contract" else f', layout="{layout}"'
    words = head.strip().strip('"').strip().replace("on this file", "on this notebook")
    cells: list[dict[str, object]] = [
        {"cell_type": "markdown", "metadata": {}, "source": lines(words)},
        *map(code_cell, [IMPORT, *rest, f"import parity\n\nparity.check(globals(){options})\n"]),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def code_cell(source: str) -> dict[str, object]:
    """A cell of code that was not run."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": lines(source.rstrip("\n")),
    }


def lines(text: str) -> list[str]:
    """The lines of a cell, each with its end."""
    return text.splitlines(keepends=True)


def pieces(only: Sequence[str], layout: str) -> list[str]:
    """The docstring of the file, and each definition; raises InputError."""
    course = None if layout == "contract" else layout_named(layout)
    known = [name for name in SUBJECTS if course is None or name in course.operations]
    for name in only:
        if name not in known:
            raise InputError(f"only: got {name}, expected some of {', '.join(known)}")
    if course is not None:
        stubs = [course_stub(one, course) for one in definitions(course, only)]
        return [COURSE.format(name=layout), *stubs]
    chosen = [SUBJECTS[name] for name in known if name in (only or known)]
    parts = [HEAD]
    for subject in chosen:
        if subject.role == "class" and PARAMETER not in parts:
            parts.append(PARAMETER)
        parts.append(stub(subject))
    return parts


def stub(subject: Subject) -> str:
    """The definition of a name, with its sentence, that raises NotImplementedError."""
    text = indent(f'"""{subject.summary}"""\n')
    if subject.role != "class":
        return f"{define(subject.signature)}\n{text}{UNWRITTEN}"
    arguments = subject.signature.partition("(")[2]
    constructor = f"{define(f'__init__(self, {arguments}')}\n{UNWRITTEN}"
    return f"class {subject.name}:\n{text}\n{indent(constructor)}{subject.stub}"


def define(signature: str) -> str:
    """The line that begins a function, broken where it is too long."""
    line = f"def {signature}:"
    if len(line) <= WIDTH - 4:
        return line
    name, _, arguments = line.partition("(")
    return f"{name}(\n    {arguments.removesuffix('):')}\n):"


def indent(text: str) -> str:
    """Each line that is not empty, four columns to the right."""
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(True))


# --- a course's ----------------------------------------------------------------------------------


def course_stub(one: Definition, course: Layout) -> str:
    """The definition of a course's function or class that raises NotImplementedError."""
    uses = [f"{user}: {text}" for user, texts in one.uses.items() for text in dict.fromkeys(texts)]
    how = "\n".join(textwrap.fill(use, WIDTH - 4, subsequent_indent="    ") for use in uses)
    if not one.is_class:
        text = docstring(f"{sentence(one, course)}\n\n{how}")
        return f"{defined(one, course)}\n{text}{UNWRITTEN}"
    in_order = sorted(
        one.calls, key=lambda method: (method != "", [*SUBJECTS].index(one.purposes[method]))
    )
    methods = [
        f"{defined(one, course, method)}\n{docstring(sentence(one, course, method))}{UNWRITTEN}"
        for method in in_order
        if method or one.arguments()
    ]
    return f"class {one.name}:\n{docstring(how)}\n" + indent("\n".join(methods))


def defined(one: Definition, course: Layout, method: str | None = None) -> str:
    """The line that begins a function, or a method; "" is the constructor."""
    arguments = course.arguments.get(f"{one.name}.{method}" if method else one.name, "")
    arguments = arguments.partition(":")[0] or one.arguments(method or "")
    if method is None:
        return define(f"{one.name}({arguments})")
    return define(f"{method or '__init__'}({', '.join(filter(None, ['self', arguments]))})")


def sentence(one: Definition, course: Layout, method: str = "") -> str:
    """What a function or method is for: its own words, or the contract's in the course's shapes."""
    if one.is_class and not method:
        return ""
    words = course.arguments.get(f"{one.name}.{method}" if method else one.name, "")
    words = words.partition(": ")[2]
    if not words:
        words = SUBJECTS[one.purposes[method]].summary
        for convention, value, before, after in IN_WORDS:
            if course.conventions.get(convention) == value:
                words = words.replace(before, after)
        words = CONTRACT_ONLY.sub("", words)
    return "\n\n".join(textwrap.fill(part, WIDTH - 11) for part in words.strip().split("\n\n"))


def docstring(words: str) -> str:
    """Words as a docstring; nothing for none."""
    end = "\n" if "\n" in words else ""
    return indent(f'"""{words}{end}"""\n') if words else ""


TEMPLATE = template()
