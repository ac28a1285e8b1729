"""Runs requests on the code under check: loads it, limits its time, puts its faults into words."""

import contextlib
import copy
import errno
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from parity.sandbox import adapters

__all__ = ["WRITTEN_MB", "Session"]

WRITTEN_MB = 10  # more than this, printed or saved, goes into no file
REPEAT = 0.05  # seconds after which the time limit is raised again, if the code swallowed it


class OutOfTime(BaseException):
    """Raised inside the code under check when its time is up."""


class Session:
    """The namespace of the code under check, and what is asked of it."""

    def __init__(self, timeout: float, namespace: dict[str, Any] | None = None) -> None:
        self.timeout = timeout
        self.namespace: dict[str, Any] = {} if namespace is None else namespace
        self.file = "<module>"

    def load(self, path: Path) -> dict[str, Any]:
        """Run the file as `import` would; what it defined before it stopped can be checked."""
        self.file = str(path)
        name = path.stem if path.stem not in sys.modules else f"_{path.stem}"
        module = types.ModuleType(name)
        module.__file__ = self.file
        sys.modules[name] = module
        self.namespace = module.__dict__

        def run() -> None:
            exec(compile(path.read_bytes(), self.file, "exec"), self.namespace)

        return {**self.guarded(run, self.timeout), "names": self.names()}

    def names(self) -> list[str]:
        """The public callables that the code defines."""
        return [
            name
            for name, value in self.namespace.items()
            if callable(value) and not name.startswith("_")
        ]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The outcome of each call of the request, within one time limit for them all.

        A request holds `subject` (a name), `calls` (each a dict of `args`, `options` and
        `outputs`) and `stand_ins`: names which ours stands in for, if the code has them or not.
        """
        outcomes: list[dict[str, Any]] = []
        end = monotonic() + self.timeout
        with self.replaced(request["stand_ins"]):
            for call in request["calls"]:
                seconds = max(end - monotonic(), 1e-3)  # no time at all would mean no limit
                outcomes.append(self.call(request["subject"], seconds, **call))
                if "timeout" in outcomes[-1]:
                    break
        return {"outcomes": outcomes}

    def call(
        self,
        subject: str,
        seconds: float,
        args: tuple[Any, ...],
        options: dict[str, Any],
        outputs: int,
    ) -> dict[str, Any]:
        """One call: its `arrays`, or what went wrong instead; and which arguments it changed."""
        before = copy.deepcopy((args, options))

        def run() -> list[Any]:
            return adapters.call(self.namespace, subject, args, options, outputs)

        outcome = self.guarded(run, seconds)
        outcome["changed"] = [
            index
            for index, (was, now) in enumerate(zip(before[0], args, strict=True))
            if not same(was, now)
        ]
        return outcome

    def guarded(self, run: Callable[[], Any], seconds: float) -> dict[str, Any]:
        """What `run` returns as `arrays`, or the words for how it failed."""
        try:
            with limited(seconds):
                return {"arrays": run()}
        except OutOfTime:
            return {"timeout": True}
        except adapters.Unsupported as reason:
            return {"unsupported": str(reason)}
        except adapters.BadResult as reason:
            return {"bad_result": str(reason)}
        except NotImplementedError:
            return {"not_written": True}
        except SystemExit as stop:
            return self.raised(stop, f"calls sys.exit({stop.code!r})")
        except MemoryError as error:
            return self.raised(error, "needs more memory than it may have")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if isinstance(error, OSError) and error.errno == errno.EFBIG:
                return self.raised(error, f"prints or saves more than {WRITTEN_MB} MiB")
            return self.raised(error, f"raises {type(error).__name__}: {first_line(error)}")

    def raised(self, error: BaseException, words: str) -> dict[str, Any]:
        """`words`, the line of the file where it happened, and the traceback."""
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == self.file
        ]
        where = f" (line {lines[-1]})" if lines else ""
        trace = "".join(traceback.format_exception(error))
        return {"raised": words + where, "traceback": trace}

    @contextlib.contextmanager
    def replaced(self, names: list[str]) -> Iterator[None]:
        """Ours under `names` for a while, so that one wrong function is not blamed on another."""
        before = {name: self.namespace[name] for name in names if name in self.namespace}
        self.namespace.update({name: adapters.stand_in(name) for name in names})
        try:
            yield
        finally:
            for name in names:
                del self.namespace[name]
            self.namespace.update(before)


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the main thread after so long; elsewhere nothing can be limited."""
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(_signal: int, _frame: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def first_line(error: BaseException) -> str:
    """The first line of the message, shortened."""
    lines = str(error).splitlines() or [""]
    return lines[0] if len(lines[0]) <= 200 else lines[0][:197] + "..."


def same(was: Any, now: Any) -> bool:
    """Whether two nested arguments are equal, NaN with itself."""
    if isinstance(was, np.ndarray):
        return was.shape == now.shape and np.array_equal(was, now, equal_nan=was.dtype.kind == "f")
    if isinstance(was, dict):
        return was.keys() == now.keys() and all(same(was[key], now[key]) for key in was)
    if isinstance(was, list | tuple):
        return len(was) == len(now) and all(map(same, was, now))
    return bool(was == now)
