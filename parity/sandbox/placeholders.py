"""What stands for a package that the child process does not see: it fails when it is used, by name.

The child sees Python, NumPy and the student's own files. A file may import anything else, but what
it computes with that was not written by hand.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from types import FrameType, ModuleType
from typing import Any

__all__ = [
    "Borrowed",
    "Placeholder",
    "install",
    "is_absent",
    "loading",
    "missing",
    "reproach",
    "show",
]

OURS = {"numpy_impl", "torch_impl", "parity", "parity_tests"}  # the answers, wherever they lie

# What computes for others. Any other module that is not there is a file that was left behind.
LIBRARIES = OURS | {
    *("torch", "tensorflow", "keras", "jax", "jaxlib", "flax", "haiku", "autograd", "mxnet"),
    *("chainer", "theano", "paddle", "mindspore", "mlx", "tinygrad", "onnxruntime"),
    *("scipy", "sklearn", "numba", "cupy", "numexpr", "sympy", "pandas", "xarray", "cv2"),
}


class Borrowed(BaseException):
    """Something of another package was used; the message is its name."""


class Phase:
    """Whether the file is still being loaded, when the names of a placeholder may be touched."""

    loading = True


loading = Phase()
missing: list[str] = []  # the files left behind of which all names are imported


class Placeholder(ModuleType):
    """A module, or a name of one, or what came of calling it."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__" and left_behind(self.__name__):
            missing.append(self.__name__)
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(f"{self.__name__}.{name}")

    def touched(self, *_args: Any, **_options: Any) -> Any:
        """Another placeholder while the file is loaded, after that Borrowed."""
        if loading.loading:
            return Placeholder(self.__name__)
        raise Borrowed(self.__name__)

    def used(self, *_args: Any, **_options: Any) -> Any:
        """Nothing can stand for a number or a list."""
        raise Borrowed(self.__name__)

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (type("Borrowing", (), {"__init__": lambda *_, **__: self.used()}),)

    def __bool__(self) -> bool:
        if loading.loading:
            return False  # such as `if torch.cuda.is_available()`
        raise Borrowed(self.__name__)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)

    def __exit__(self, *_error: Any) -> None:
        pass

    __call__ = __getitem__ = __setitem__ = __enter__ = touched
    __add__ = __sub__ = __mul__ = __truediv__ = __matmul__ = __pow__ = __floordiv__ = touched
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rmatmul__ = __rpow__ = touched
    __mod__ = __neg__ = __or__ = __ror__ = __and__ = __lt__ = __le__ = __gt__ = __ge__ = touched
    __iter__ = __len__ = __float__ = __int__ = __index__ = __contains__ = __array__ = used


class Placeholders(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a placeholder for every module that nobody else finds and the file's code imports."""

    def __init__(self, names: Iterable[str] = (), roots: Iterable[str] = ()) -> None:
        self.names, self.roots = list(names), tuple(roots)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, _ = name.rpartition(".")
        if not importer().startswith(self.roots):
            return None  # NumPy and the like ask for what they can do without
        if package and not isinstance(sys.modules.get(package), Placeholder):
            return None  # a part of the student's own package that is not there
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = Placeholder(spec.name)
        if self.names:
            module.__all__ = self.names  # what `import *` may want
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def importer() -> str:
    """The file whose import statement is being carried out."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_filename if frame else ""


class Answers(Placeholders):
    """Finds a placeholder for this package itself, even where a copy of it lies beside the file."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in OURS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None


class Seen(importlib.abc.MetaPathFinder):
    """Finds the few installed packages that the child may see, each by its folder."""

    def __init__(self, folders: dict[str, str]) -> None:
        self.folders = folders

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in self.folders:
            return importlib.machinery.PathFinder.find_spec(name, [self.folders[name]])
        return None

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """The metadata of these packages, for files that ask for a version."""
        paths = DistributionFinder.Context(name=context.name, path=[*set(self.folders.values())])
        return MetadataPathFinder.find_distributions(paths)


def left_behind(name: str) -> str:
    """The module of a placeholder's name if it is of a file that was left behind, else ""."""
    top = name.partition(".")[0]
    return "" if top in LIBRARIES else top


def reproach(name: str) -> str:
    """The words for a function that uses a name of a placeholder."""
    file = left_behind(name)
    beside = f"and there is no {file} beside the file" if file else "which is not by hand"
    return f"uses {name}, {beside}"


def is_absent(value: Any) -> bool:
    """Whether an imported name is of a file that was left behind, so that nobody can judge it."""
    return isinstance(value, Placeholder) and bool(left_behind(value.__name__))


def show(folders: dict[str, str]) -> None:
    """Let the packages in these folders be imported, each module from its folder."""
    sys.meta_path.append(Seen(folders))


def install(names: Iterable[str], roots: Iterable[str]) -> None:
    """From here on a placeholder stands in for every package that is out of sight.

    It does for the imports of the files under `roots`, which are the student's. `names` are those
    of the contract: what `from numpy_impl.functional import *` brings.
    """
    sys.meta_path.insert(0, Answers(names))
    sys.meta_path.append(Placeholders(roots=roots))
