"""Reads somebody's file: a script, a module of a package, a notebook; and which names are stubs."""

import ast
import contextlib
import json
import linecache
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["Piece", "Unreadable", "definitions", "is_stub", "pieces", "stub_methods"]

PYTHON_2 = (
    r"Missing parentheses in call to '(print|exec)'",
    r"multiple exception types must be parenthesized",
    r"leading zeros in decimal integer literals",
    r"invalid (decimal literal|hexadecimal literal)",
)
MAGIC = re.compile(r"\s*([%!?]|\w[\w.]*\?+$)")
RUN_HERE = re.compile(r"%%(time|capture|prun)\b")  # cells of Python that run as if without it
MARKER = re.compile(r"YOUR CODE|TODO", re.IGNORECASE)

# What is run of a file that does not run to its end, and of a notebook.
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Unreadable(Exception):  # noqa: N818 - the message is the verdict
    """The file cannot be compiled; the message says why, in one line."""


@dataclass(frozen=True)
class Piece:
    """Some source that is run as one: a whole file, or a cell of a notebook."""

    name: str  # its file name in tracebacks
    tree: ast.Module


def pieces(path: Path) -> tuple[list[Piece], list[str]]:
    """What there is to run in a file, and what of it was left out; raises Unreadable."""
    if path.suffix == ".ipynb":
        return cells(path)
    return [Piece(str(path), parsed(path.read_bytes(), str(path)))], []


def parsed(source: str | bytes, name: str) -> ast.Module:
    """The tree of some source; raises Unreadable, in one line that names Python 2 if it is."""
    try:
        return ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        words = str(error).splitlines()[0]
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        if any(re.match(pattern, words) for pattern in PYTHON_2):
            raise Unreadable(f"is written in Python 2, expected Python 3{where}") from None
        raise Unreadable(f"raises {type(error).__name__}: {words}") from None


def cells(path: Path) -> tuple[list[Piece], list[str]]:
    """The imports, definitions and constants of a notebook's code cells."""
    try:
        notebook = json.loads(path.read_bytes())
        sources = [
            "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError):
        raise Unreadable("is no notebook: expected JSON with a list of cells") from None
    found, left_out = [], []
    for number, source in enumerate(sources, 1):
        name = f"{path}, cell {number}"
        lines = source.splitlines(keepends=True)
        other = bool(lines) and lines[0].startswith("%%") and not RUN_HERE.match(lines[0])
        kept = ["\n" if other or MAGIC.match(line) else line for line in lines]
        try:
            tree = parsed("".join(kept), name)
        except Unreadable as reason:
            left_out.append(f"cell {number}, which {reason}")
            continue
        linecache.cache[name] = (len(source), None, kept, name)
        body = [node for node in tree.body if defines(node)]
        if len(body) < len(tree.body) or kept != lines:
            left_out.append(f"parts of cell {number}" if body else f"cell {number}")
        found.append(Piece(name, ast.Module(body, [])))
    return found, left_out


def definitions(piece: Piece) -> Iterator[ast.Module]:
    """The imports, definitions and constants of a piece, one at a time."""
    for node in piece.tree.body:
        if defines(node):
            yield ast.Module([node], [])


def defines(node: ast.stmt) -> bool:
    """Whether a statement is an import, a definition or a constant, which do nothing else."""
    if isinstance(node, DEFINITIONS):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return node.value is not None and not any(map(acts, ast.walk(node.value)))
    if isinstance(node, ast.Expr):  # a docstring, or sys.path.append("..")
        return isinstance(node.value, ast.Constant) or "sys.path" in ast.unparse(node)
    if isinstance(node, ast.Try):
        parts = [node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)]
        return all(
            defines(inner) or isinstance(inner, ast.Pass) for part in parts for inner in part
        )
    return False


def acts(node: ast.AST) -> bool:
    """Whether an expression may take long or do something: a call of what is not NumPy's."""
    if isinstance(node, ast.Call):
        return not ast.unparse(node.func).startswith(("np.", "numpy.", "dict", "tuple", "float"))
    return isinstance(node, ast.ListComp | ast.GeneratorExp | ast.Await)


# --- stubs ---------------------------------------------------------------------------------------


def is_stub(value: Any) -> bool:
    """Whether a function was not written yet, or the constructor or `forward` of a class."""
    if isinstance(value, type):
        return bool({"__init__", "forward"} & stub_methods(value))
    node, source = node_of(value)
    return node is not None and unwritten(node, source)


def stub_methods(kind: type) -> set[str]:
    """The names of the class's own methods that were not written yet."""
    return {name for name, value in vars(kind).items() if callable(value) and is_stub(value)}


def node_of(function: Callable[..., Any]) -> tuple[ast.FunctionDef | None, str]:
    """The definition of a function and its source; None and nothing if there is no source."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None, ""
    linecache.checkcache(code.co_filename)  # a notebook loads a file that was edited again
    lines = linecache.getlines(code.co_filename)
    node = functions("".join(lines)).get(code.co_firstlineno)
    if node is None:
        return None, ""
    return node, "".join(lines[node.lineno - 1 : node.end_lineno])


@lru_cache
def functions(source: str) -> dict[int, ast.FunctionDef]:
    """The functions of a file by the line where each begins."""
    with contextlib.suppress(SyntaxError, ValueError):
        return {
            min([node.lineno, *(one.lineno for one in node.decorator_list)]): node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        }
    return {}


def unwritten(node: ast.FunctionDef, source: str) -> bool:
    """Whether a function computes nothing.

    It raises NotImplementedError, or holds only `pass`, `...`, a docstring and a return of nothing,
    or returns a name that is never more than None or `...`, or there is nothing but zeros around
    its "YOUR CODE HERE".
    """
    body = [one for one in node.body if not is_filler(one)]
    if not body:
        return node.name != "__init__"
    if isinstance(body[0], ast.Raise) and "NotImplemented" in ast.unparse(body[0]):
        return True
    blank = (assigned(node, name) for name in returned(node))
    if any(values and all(values) for values in blank):
        return True
    return bool(MARKER.search(source)) and not any(map(computes, ast.walk(ast.Module(body, []))))


def returned(node: ast.FunctionDef) -> Iterator[str]:
    """The names that a function returns, alone or in a tuple."""
    for one in ast.walk(node):
        if isinstance(one, ast.Return) and one.value is not None:
            for value in one.value.elts if isinstance(one.value, ast.Tuple) else [one.value]:
                if isinstance(value, ast.Name):
                    yield value.id


def computes(node: ast.AST) -> bool:
    """Whether something is calculated, other than a size or an array of zeros."""
    if isinstance(node, ast.Call):
        return not re.search(r"zeros|empty|\blen\b|super", ast.unparse(node.func))
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.For | ast.While)


def is_filler(node: ast.stmt) -> bool:
    """Whether a statement does nothing: a docstring, `pass`, `...`, a return of nothing."""
    if isinstance(node, ast.Expr | ast.Return):
        return node.value is None or (isinstance(node.value, ast.Constant) and is_word(node.value))
    return isinstance(node, ast.Pass)


def is_word(node: ast.Constant) -> bool:
    """Whether a constant is a docstring, None or `...`."""
    return node.value is None or node.value is ... or isinstance(node.value, str)


def is_empty(node: ast.expr) -> bool:
    """Whether a value is None, `...`, or several of these."""
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return all(isinstance(one, ast.Constant) and one.value in (None, ...) for one in items)


def assigned(function: ast.FunctionDef, name: str) -> list[bool]:
    """Of each binding of a name in a function, whether it is to nothing."""
    found = []
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.NamedExpr):
            targets = [node.target]
        for target in targets:
            if any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(target)):
                found.append(isinstance(node, ast.Assign) and is_empty(node.value))
    return found
