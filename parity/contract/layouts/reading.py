"""Reads a map: a TOML file of expressions, or a Python file of functions."""

import ast
import builtins
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parity.contract.layouts.layout import CONVENTIONS, HELPERS, Layout, Way, derived
from parity.contract.operations import SUBJECTS
from parity.errors import InputError

__all__ = ["read_map"]

TABLES = {"conventions", "recognised_by", "arguments", "unchecked"}


def read_map(path: Path) -> Layout:
    """The layout that a file describes.

    Raises InputError, which names the line, for a file that is none, is no TOML or no Python, or
    has an operation, an expression or a convention that there is not.
    """
    if not path.is_file():
        raise InputError(f"map: {path} is no file, expected a .toml or a .py file")
    if path.suffix == ".py":
        return read_python(path)
    if path.suffix == ".toml":
        return read_toml(path)
    raise InputError(f"map: got {path}, expected a .toml or a .py file")


def read_toml(path: Path) -> Layout:
    """The layout of a TOML file; raises InputError."""
    text = path.read_text(encoding="utf-8")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"map: {path} is no TOML: {error}") from None
    operations = {}
    for name, value in content.items():
        if name in TABLES:
            continue
        line = line_of(text, name)
        expressions = value if isinstance(value, list) else [value]
        operations[name] = tuple(way_of(path, name, expression, line) for expression in expressions)
    return layout(path, operations, content)


def line_of(text: str, key: str) -> int:
    """The line of a key of a TOML file, from 1."""
    lines = text.splitlines()
    found = [at for at, line in enumerate(lines, 1) if line.split("=")[0].strip(" '\"") == key]
    return found[0] if found else 1


def way_of(path: Path, name: str, expression: Any, line: int) -> Way:
    """One expression of an operation; raises InputError."""
    variables = variables_of(path, name, line)
    if not isinstance(expression, str):
        raise InputError(f"{path}, line {line}: {name} is {expression!r}, expected an expression")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise InputError(
            f"{path}, line {line}: {name} = {expression!r} is no expression: {error.msg}"
        ) from None
    read, bound = names_of(tree)
    uses = frozenset(read & variables)
    needs = frozenset(read - variables - bound - HELPERS - set(dir(builtins)))
    if not needs:
        raise InputError(
            f"{path}, line {line}: {name} = {expression!r} uses no name of the file under check"
        )
    return Way(expression, line, uses, needs, methods_of(tree))


def variables_of(path: Path, name: str, line: int) -> set[str]:
    """What an operation may use; raises InputError for a name that is none of the contract."""
    mappable = [one for one, subject in SUBJECTS.items() if subject.role not in ("class", "loop")]
    if name not in mappable:
        raise InputError(
            f"{path}, line {line}: {name} is no operation, expected one of {', '.join(mappable)}"
        )
    return {*SUBJECTS[name].arguments, *derived(name)}


def names_of(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names that are read, and those that are bound inside, as by a lambda."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return read, bound


def methods_of(tree: ast.AST) -> frozenset[str]:
    """The attributes that are called or read."""
    return frozenset(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def read_python(path: Path) -> Layout:
    """The layout of a Python file, which is read and not run; raises InputError."""
    source = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as error:
        raise InputError(f"map: {path}, line {error.lineno}: {error.msg}") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    content = dict(constants(path, tree))
    operations: dict[str, tuple[Way, ...]] = {}
    for name, node in functions.items():
        if name not in SUBJECTS:
            continue  # a helper of the map
        variables = variables_of(path, name, node.lineno)
        uses = {argument.arg for argument in node.args.args}
        if unknown := sorted(uses - variables):
            raise InputError(
                f"{path}, line {node.lineno}: {name} has the parameter {unknown[0]}, expected "
                f"some of {', '.join(sorted(variables))}"
            )
        reached = list(reach(name, functions))
        needs = {
            part.attr
            for one in reached
            for part in ast.walk(one)
            if isinstance(part, ast.Attribute)
            and isinstance(part.ctx, ast.Load)  # what it sets need not be there
            and ast.unparse(part.value) == "student"
        }
        methods = frozenset().union(*map(methods_of, reached)) - needs
        operations[name] = (Way("", node.lineno, frozenset(uses), frozenset(needs), methods),)
    return layout(path, operations, content, source)


def reach(name: str, functions: dict[str, ast.FunctionDef]) -> Iterator[ast.FunctionDef]:
    """A function of a map and those of the map that it calls."""
    waiting, seen = [name], set()
    while waiting:
        one = waiting.pop()
        if one in functions and one not in seen:
            seen.add(one)
            yield functions[one]
            waiting += names_of(functions[one])[0]


def constants(path: Path, tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """The tables of a map in Python, which are literals."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in TABLES:
                try:
                    yield name, ast.literal_eval(node.value)
                except ValueError:
                    raise InputError(
                        f"{path}, line {node.lineno}: {name} is no literal, expected one such as "
                        '{"weights": "in-out"}'
                    ) from None


def layout(
    path: Path, operations: dict[str, tuple[Way, ...]], content: dict[str, Any], source: str = ""
) -> Layout:
    """The layout, its conventions checked; raises InputError."""
    conventions = content.get("conventions", {})
    for name, value in conventions.items():
        if name not in CONVENTIONS:
            raise InputError(
                f"{path}: {name} is no convention, expected one of {', '.join(CONVENTIONS)}"
            )
        if value not in CONVENTIONS[name]:
            raise InputError(
                f"{path}: {name} is {value!r}, expected one of {', '.join(CONVENTIONS[name])}"
            )
    if not operations:
        raise InputError(f"map: {path} has no operation of the contract, expected such as linear")
    names = frozenset(content.get("recognised_by", ()))
    arguments, unchecked = content.get("arguments", {}), tuple(content.get("unchecked", ()))
    return Layout(
        path.stem, str(path), operations, conventions, source, names, arguments, unchecked
    )
