"""What a file of a course has to define, as the expressions of its layout say."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from parity.contract.layouts.layout import DERIVED, Layout
from parity.contract.layouts.reading import reach
from parity.contract.operations import SUBJECTS

__all__ = ["Definition", "definitions"]

UNNAMED = "argument_"


@dataclass
class Definition:
    """A function or a class of the course."""

    name: str
    calls: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)  # "": its own; methods
    purposes: dict[str, str] = field(default_factory=dict)  # the first operation that needs each
    uses: dict[str, list[str]] = field(default_factory=dict)  # in each operation and helper

    @property
    def is_class(self) -> bool:
        """Whether it is a class, whose name begins with a capital."""
        return self.name[0].isupper()

    def arguments(self, method: str = "") -> str:
        """The arguments, of a method or of its own, with a default where some calls do without."""
        calls = self.calls[method]
        least = min(map(len, calls))
        best = min(calls, key=lambda names: (-len(names), str(names).count(UNNAMED)))
        return ", ".join([*best[:least], *(f"{name}=None" for name in best[least:])])


def definitions(layout: Layout, only: Sequence[str] = ()) -> list[Definition]:
    """The functions and classes that compute the operations of a layout, all or `only` some."""
    found: dict[str, Definition] = {}
    wanted = set(only or layout.operations)
    for operation in (name for name in SUBJECTS if name in layout.operations):
        ways = zip(layout.operations[operation], trees(layout, operation), strict=True)
        for way, (tree, texts) in ways:
            for name in sorted(way.needs, key=texts[operation].find):
                one = found.setdefault(name, Definition(name))
                for user, text in texts.items() if operation in wanted else ():
                    one.uses.setdefault(user, []).append(text)
                add_calls(one, tree, operation, alone=len(way.needs) == 1)
    return [one for one in found.values() if one.uses]


def trees(layout: Layout, operation: str) -> Iterator[tuple[ast.AST, dict[str, str]]]:
    """The code of each way to compute an operation, and how it and its helpers read."""
    if not layout.source:
        for way in layout.operations[operation]:
            tree = ast.parse(way.expression.strip(), mode="eval")
            yield tree, {operation: ast.unparse(tree)}
        return
    body = ast.parse(layout.source).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    texts = {}
    for one in (reached := list(reach(operation, functions))):
        user = operation if one.name == operation else f"{one.name}({ast.unparse(one.args)})"
        text = "; ".join(map(ast.unparse, one.body))
        texts[user] = text.replace("student.", "").replace("return ", "")
    yield ast.Module([node for one in reached for node in one.body], []), texts


def add_calls(one: Definition, tree: ast.AST, operation: str, alone: bool) -> None:
    """The calls of a function or class, and of its methods, that some code makes.

    What an object is of that no line of the code makes is known only of a class that is `alone`.
    """
    variables = {*SUBJECTS[operation].arguments, *DERIVED.get(operation, ()), "np"}
    objects = {
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and makes(node.value, one.name)
    }

    def is_one(value: ast.expr) -> bool:
        """Whether a value is an object of the class."""
        held = isinstance(value, ast.Name) and value.id not in variables
        helped = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        known = alone or ast.unparse(value) in objects
        return makes(value, one.name) or ((held or helped) and known)

    for node in ast.walk(tree):
        if makes(node, one.name):
            method = ""
        elif (
            one.is_class
            and isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and is_one(node.func.value)
        ):
            method = node.func.attr
        else:
            continue
        one.purposes.setdefault(method, operation)
        one.calls.setdefault(method, []).append(argument_names(node))


def makes(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    """Whether some code is a call of the course's function or class of this name."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"student.{name}")


def argument_names(call: ast.Call) -> tuple[str, ...]:
    """What the arguments of a call may be called: a variable as in the call, the rest by kind."""
    names: list[str] = []
    for position, argument in enumerate(call.args, 1):
        if isinstance(argument, ast.Name):
            name = argument.id
        elif isinstance(argument, ast.Subscript) and isinstance(argument.value, ast.Call):
            name = "cache"  # of the other things that a forward returns
        elif isinstance(argument, ast.Dict):
            name = "options"
        else:
            name = f"{UNNAMED}{position}"
        names.append(name if name not in names else f"{UNNAMED}{position}")
    return (*names, *(keyword.arg for keyword in call.keywords if keyword.arg))
