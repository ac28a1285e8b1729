"""How a pair is loaded and compared, with a mistake in its source or without."""

from pathlib import Path
from types import ModuleType
from typing import Any

import torch

import parity
from parity.backends import NumpyProgram, TorchProgram
from parity.comparison.pair_result import PairResult
from parity_tests.comparison.pairs.mistakes import Mistake

__all__ = ["compare", "is_found", "lines_beyond", "load", "programs"]

FOLDER = Path(__file__).parent


def source_of(name: str) -> str:
    """The pair's file."""
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def load(name: str, mistake: Mistake | None = None) -> ModuleType:
    """The pair, with the mistake in its source if there is one."""
    source = source_of(name)
    if mistake is not None:
        count = source.count(mistake.right)
        assert count == 1, f"{mistake.right!r} stands there {count}x"
        source = source.replace(mistake.right, mistake.wrong)
    module = ModuleType(name)
    exec(compile(source, str(FOLDER / f"{name}.py"), "exec"), module.__dict__)
    return module


def programs(module: Any, dtype: str) -> tuple[NumpyProgram, TorchProgram]:
    """The two programs, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        numpy, theirs = module.pair(dtype)
    return numpy, theirs


def compare(module: Any, dtype: str, steps: int, **options: Any) -> PairResult:
    """What the comparison of a pair finds."""
    numpy, theirs = programs(module, dtype)
    return parity.compare(numpy, theirs, module.batches(steps), **module.OPTIONS, **options)


def is_found(result: PairResult, mistake: Mistake) -> bool:
    """Whether the mistake was found at its step, phase and layer."""
    found, where = result.first_divergence, (mistake.step, mistake.phase, mistake.layer)
    return found is not None and (found.step, found.phase, result.layer) == where


def lines_beyond(name: str) -> int:
    """The lines that a user writes beyond the two programs: the step and the options."""
    _, _, comparison = source_of(name).partition("# --- the comparison")
    return sum(bool(line.strip()) for line in comparison.splitlines()[1:])
