"""Runs requests on the code under check: loads it, limits its time, describes its errors."""

import contextlib
import copy
import errno
import re
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy import ndarray

from parity.sandbox import adapters, loading, mapping, placeholders, training
from parity.sandbox.adapters import NOTHING
from parity.sandbox.stand_ins import stand_in

__all__ = ["WRITTEN_MB", "Session"]

WRITTEN_MB = 10  # more than this, printed or saved, goes into no file
REPEAT = 0.05  # seconds after which the time limit is raised again, if the code swallowed it
HINTS = {  # what some errors of NumPy mean most often
    r"broadcast input array from shape \((\d+,)*0,0[,)]": "x[pad:-pad] is empty where pad is 0",
    "only 0-dimensional arrays can be converted": "before NumPy 2.4 float(x) took an array of one "
    "number, whatever its shape; x.item() still does",
}
WHOLE = 4.0  # seconds for running a file to its end, before its definitions are run alone


class OutOfTime(BaseException):
    """Raised inside the code under check when its time is up."""


class Session:
    """The namespace of the code under check, and what is asked of it.

    `parent` computes what stands in for a name of the contract: (name, args, options) -> arrays.
    """

    def __init__(
        self,
        timeout: float,
        parent: Callable[[str, tuple[Any, ...], dict[str, Any]], list[ndarray]],
        namespace: dict[str, Any] | None = None,
    ) -> None:
        self.timeout, self.parent = timeout, parent
        self.namespace: dict[str, Any] = {} if namespace is None else namespace
        self.operations = self.namespace  # the contract's names, if not by a layout
        self.roots: tuple[str, ...] = ()  # the files and folders that are the student's
        self.map = ""  # the file of the layout

    def load(self, path: Path, package: str, roots: list[str]) -> dict[str, Any]:
        """Run the file as `import` would; what it defined before it stopped can be checked.

        `package` is the package that a relative import starts from, "" for none. Where the file
        does not run to its end, its imports, definitions and constants are run alone.
        """
        self.roots = tuple(roots)
        placeholders.loading.loading = True
        try:
            parts, left_out = loading.pieces(path)
        except loading.Unreadable as reason:
            return {"raised": str(reason), "traceback": "", "names": []}
        self.namespace = self.operations = module_of(path, package)
        outcome = self.guarded(lambda: self.run(parts), min(self.timeout, WHOLE))
        if "arrays" not in outcome:
            self.namespace = self.operations = module_of(path, package)
            end = monotonic() + self.timeout
            for part in parts:
                for statement in loading.definitions(part):
                    piece = loading.Piece(part.name, statement)
                    self.guarded(partial(self.run, [piece]), max(end - monotonic(), 1e-3))
        placeholders.loading.loading = False
        if "arrays" not in outcome:
            why = outcome.get("raised") or (
                f"uses {outcome['borrowed']}" if "borrowed" in outcome else "takes too long"
            )
            return {"alone": why, "names": self.names(), "left_out": left_out}
        return {"names": self.names(), "left_out": left_out}

    def run(self, parts: list[loading.Piece]) -> None:
        """Run the parts of a file in its namespace."""
        for part in parts:
            exec(compile(part.tree, part.name, "exec"), self.namespace)

    def names(self) -> list[str]:
        """The public callables that the code defines."""
        return [
            name
            for name, value in self.namespace.items()
            if callable(value) and not name.startswith("_") and not placeholders.is_absent(value)
        ]

    def read_by(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Read the file by a layout from here on; returns the operations that it has."""
        self.map = plan["file"]

        def run() -> list[Any]:
            self.operations = dict(mapping.mapped(plan, self.namespace))
            return []

        outcome = self.guarded(run, self.timeout)
        outcome.pop("arrays", None)
        return {**outcome, "names": list(self.operations)}

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
            stub = self.operations.get(subject)
            if callable(stub) and loading.is_stub(stub):
                raise NotImplementedError
            if subject in training.VERBS:
                return training.VERBS[subject](self.operations, *args)
            return adapters.call(self.operations, subject, args, options, outputs)

        outcome = self.guarded(run, seconds, self.called_as(subject))
        outcome["changed"] = [
            index
            for index, (was, now) in enumerate(zip(before[0], args, strict=True))
            if not same(was, now)
        ]
        return outcome

    def called_as(self, subject: str) -> str:
        """The words for how a layout calls the file's functions, if these are few."""
        operation = self.operations.get(subject)
        call = operation.call if isinstance(operation, mapping.Mapped) else ""
        return "" if not call or "lambda" in call else f", called as {call}"

    def guarded(self, run: Callable[[], Any], seconds: float, call: str = "") -> dict[str, Any]:
        """What `run` returns as `arrays`, or the words for how it failed, in what `call`."""
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
        except placeholders.Borrowed as name:
            return {"borrowed": str(name)}
        except SystemExit as stop:
            return self.raised(stop, f"calls sys.exit({stop.code!r})")
        except MemoryError as error:
            return self.raised(error, "needs more memory than it may have")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if isinstance(error, OSError) and error.errno == errno.EFBIG:
                return self.raised(error, f"prints or saves more than {WRITTEN_MB} MiB")
            return self.raised(error, f"raises {type(error).__name__}: {first_line(error)}", call)

    def raised(self, error: BaseException, words: str, call: str = "") -> dict[str, Any]:
        """`words`, the line of the student's where it happened, and the traceback.

        What happens in the layout's own line is said of that line.
        """
        frames = traceback.extract_tb(error.__traceback__)
        trace = "".join(traceback.format_exception(error))
        if frames and frames[-1].filename == self.map:
            if "'NoneType'" in words:
                return {"bad_result": NOTHING}
            return {"layout_error": words, "line": frames[-1].lineno or 0, "traceback": trace}
        lines = [self.place(frame) for frame in frames if self.is_students(frame.filename)]
        words += next((f"; {hint}" for what, hint in HINTS.items() if re.search(what, words)), "")
        if isinstance(error, NameError) and placeholders.missing:
            files = dict.fromkeys(placeholders.missing)  # the file may have run twice
            words += f"; there is no {' and no '.join(files)} beside the file"
        where = f" ({lines[-1]})" if lines else ""
        return {"raised": f"{words}{call}{where}", "traceback": trace}

    def is_students(self, file: str) -> bool:
        """Whether a file is the one under check, a cell of it, or of its own package."""
        return file.startswith(self.roots) if self.roots else file == self.namespace.get("__file__")

    def place(self, frame: traceback.FrameSummary) -> str:
        """Where a frame is: "line 7", "cell 2, line 1", or "layers.py, line 7" of another file."""
        file, _, cell = frame.filename.partition(".ipynb, ")
        if cell:
            return f"{cell}, line {frame.lineno}"
        own = file == self.namespace.get("__file__")
        return f"line {frame.lineno}" if own else f"{Path(file).name}, line {frame.lineno}"

    @contextlib.contextmanager
    def replaced(self, names: list[str]) -> Iterator[None]:
        """Ours under `names` for a while, so that one wrong function is not blamed on another."""
        before = {name: self.operations[name] for name in names if name in self.operations}
        self.operations.update({name: stand_in(name, self.parent) for name in names})
        try:
            yield
        finally:
            for name in names:
                del self.operations[name]
            self.operations.update(before)


def module_of(path: Path, package: str) -> dict[str, Any]:
    """The namespace of a new module for the file, as a part of its package."""
    name = path.stem if path.stem not in sys.modules else f"_{path.stem}"
    module = types.ModuleType(f"{package}.{name}" if package else name)
    module.__file__, module.__package__ = str(path), package
    sys.modules[module.__name__] = module
    return module.__dict__


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
