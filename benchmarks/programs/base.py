"""The base class of the programs, and how one is found by its name."""

import importlib
from abc import ABC
from collections import deque
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from time import perf_counter

from numpy import ndarray

from benchmarks.work import Work

__all__ = ["Program", "installed", "load_program", "program_names"]

OPTIONAL = {"jax": "jax", "sklearn": "sklearn"}  # program to module, both from the extra `bench`
FILES = {"floor": "lower_bound"}  # the column's key in the JSON is older than the file's name


class Program(ABC):
    """One way to train. Each `next(self.steps)` trains one step, without end."""

    steps: Iterator[object]

    def __init__(self, work: Work) -> None:
        self.work = work

    def run(self, count: int) -> None:
        """Train `count` steps."""
        deque(islice(self.steps, count), maxlen=0)

    def seconds(self, count: int) -> float:
        """How long `count` steps take."""
        start = perf_counter()
        self.run(count)
        return perf_counter() - start

    def weights(self) -> dict[str, ndarray] | None:
        """The current weights by PyTorch's names; None if it does not train the work's weights."""
        return None


def program_names(model: str, compile: bool, cuda: bool) -> list[str]:
    """The programs that can train the model, in the order of the table."""
    optional = [name for name, module in OPTIONAL.items() if installed(module)]
    if model == "ConvNet":  # scikit-learn has no convolution
        optional = [name for name in optional if name != "sklearn"]
    compiled = ["compile"] if compile else []
    return ["numpy", "torch", "tuned", *compiled, "tutorial", "floor", *optional, *["cuda"] * cuda]


def installed(module: str) -> bool:
    """Whether a module of that name is installed."""
    return find_spec(module) is not None


def load_program(name: str) -> type[Program]:
    """The class of the program of that name."""
    program: type[Program] = importlib.import_module(
        f"benchmarks.programs.{FILES.get(name, name)}"
    ).Program
    return program
