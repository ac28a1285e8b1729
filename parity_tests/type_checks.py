"""An import hook: in the tests, what a function takes and gives is checked against its annotations.

jaxtyping's own hook does the same. It decorates a nested function anew at each call of the outer
one, binds the arguments of all functions as if they had shapes, and prepares the checks of those
that are never called: most of the suite's time went there.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from inspect import isclass
from types import ModuleType
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray, config, jaxtyped

__all__ = ["install", "off"]

CHECKED = "__checked__"  # the decorator's name in a module


def install(packages: Sequence[str]) -> None:
    """Check every function, method and dataclass of these packages from here on."""
    sys.meta_path.insert(0, Finder(packages))


@contextmanager
def off() -> Iterator[None]:
    """No checks meanwhile."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)


def checked(function: Any) -> Any:
    """The function with checks of its arguments and its result, made at the first call.

    `off` turns them off.
    """
    if isclass(function):
        if is_dataclass(function) and not hasattr(function.__init__, "__wrapped__"):
            function.__init__ = checked(function.__init__)  # type: ignore[method-assign]
        return function
    with_checks: Callable[..., Any] | None = None

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        nonlocal with_checks
        if config.jaxtyping_disable:
            return function(*args, **options)
        if with_checks is None:
            with_checks = checks_of(function)
        return with_checks(*args, **options)

    return call


def checks_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """By jaxtyping for shapes, and for names that only mypy knows; by beartype alone otherwise."""
    hints = [part for hint in function.__annotations__.values() for part in parts(hint)]
    if any(isinstance(hint, str) or is_shape(hint) for hint in hints):
        return jaxtyped(function, typechecker=beartype)
    return beartype(function)


def parts(hint: Any) -> Iterator[Any]:
    """The annotation and all that stands in its brackets."""
    yield hint
    for part in hint if isinstance(hint, list) else get_args(hint):
        yield from parts(part)


def is_shape(hint: Any) -> bool:
    """Whether it is jaxtyping's, such as Float[ndarray, "N C"]."""
    return isclass(hint) and issubclass(hint, AbstractArray)


class Decorator(ast.NodeTransformer):
    """Puts the decorator on each function and class, and not on what is inside of a function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list.append(ast.copy_location(ast.Name(CHECKED, ast.Load()), node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list.insert(0, ast.copy_location(ast.Name(CHECKED, ast.Load()), node))
        return self.generic_visit(node)


class Loader(SourceFileLoader):
    """Loads a module with the decorator in it, from bytecode files of its own."""

    def source_to_code(self, data: Any, path: Any, **options: Any) -> Any:  # type: ignore[override]
        return super().source_to_code(Decorator().visit(ast.parse(data)), path, **options)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, CHECKED, checked)
        super().exec_module(module)

    def get_data(self, path: str) -> bytes:
        return super().get_data(own(path))

    def set_data(self, path: str, data: Any, **options: Any) -> None:
        super().set_data(own(path), data, **options)


def own(path: str) -> str:
    """The file, or in the place of bytecode without the decorator that with it."""
    return path.removesuffix(".pyc") + ".checked.pyc" if path.endswith(".pyc") else path


class Finder(MetaPathFinder):
    """Finds the modules of some packages as Python does, for the loader above."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec
