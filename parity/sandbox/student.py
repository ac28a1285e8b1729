"""The code under check, wherever it runs: a file in a child process, or a module in this one."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy import ndarray

from parity.errors import InputError
from parity.sandbox import answers, isolation, packages, wire
from parity.sandbox.own_files import own_files
from parity.sandbox.process import Ended, Process, TooLate, TooLong
from parity.sandbox.session import Session

__all__ = ["MEMORY_MB", "TIMEOUT", "FileStudent", "Layout", "ModuleStudent", "Truth"]

TIMEOUT = 10.0  # seconds that a name, a call or a step may take, if nothing else is asked for
MEMORY_MB = 4096

GRACE = 2.0  # seconds beyond the time limit, in which the child may stop the code by itself
START = 10.0  # seconds in which Python and NumPy are loaded

Truth = Callable[..., Any]  # what computes a name of the contract, for those that it stands in for


@dataclass(frozen=True)
class Lost:
    """No answer came, and this is the outcome that says why."""

    outcome: dict[str, Any]


@runtime_checkable
class Layout(Protocol):
    """Whose names the file has: a layout of `parity.contract.layouts`."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def file(self) -> str:
        """Where its lines are."""

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package."""

    @property
    def operations(self) -> Mapping[str, Any]:
        """The names of the contract that it covers."""

    def plan(self) -> dict[str, Any]:
        """What the child process reads the file by."""


def no_truth(name: str, *_args: Any, **_options: Any) -> Any:
    """Nothing is stood in for."""
    raise ValueError(f"nothing stands in for {name}")


class FileStudent:
    """A file, run in a child process that is started again when the file takes it down.

    `choose` says by which layout the file is read, given the names that it defines; `truth(name)`
    computes what stands in for a name. `contract` are the names that an `import *` from a package
    out of sight is taken to bring, `allowed` the packages in sight beside NumPy.
    """

    def __init__(
        self,
        path: Path,
        timeout: float,
        memory_mb: int,
        *,
        choose: Callable[[Sequence[str]], Layout | None] = lambda _names: None,
        truth: Truth = no_truth,
        contract: Sequence[str] = (),
        allowed: Sequence[str] = (),
        isolated: isolation.Isolation = "auto",
    ) -> None:
        self.timeout, self.memory_mb = timeout, memory_mb
        self.choose, self.truth, self.contract = choose, truth, set(contract)
        self.layout: Layout | None = None
        self.defined: frozenset[str] = frozenset()  # the file's own names
        self.left_out: tuple[str, ...] = ()  # cells of a notebook
        self.alone = ""  # why the file did not run to its end, and only its definitions count
        self.isolation = isolation.chosen(isolated)
        own = own_files(path)
        folders, files = packages.seen(allowed)
        self.seen = [*own.files, *files]
        self.start_line = json.dumps(
            {
                "file": str(own.files[0]),
                "package": own.package,
                "paths": [str(one) for one in own.paths],
                "roots": [str(one) for one in own.files],
                "packages": folders,
                "contract": list(contract),
                "timeout": timeout,
                "memory_mb": memory_mb,
            }
        )
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self.child = self.start()

    def start(self) -> Process:
        """A child process, which has been told to load the file."""
        child = Process(self.isolation, self.seen, self.memory_mb, self.printed)
        with contextlib.suppress(Ended, TooLate):  # reading the answer will tell
            child.write(self.start_line, monotonic() + START)
        return child

    def load(self) -> dict[str, Any]:
        """The outcome of running the file, and the `names` that it defines.

        Where a layout was chosen these are the names of the contract that it can compute, and
        `covered` those that it could.
        """
        # The file may run twice: to its end, and its definitions alone.
        outcome = loaded(self.read(2 * self.timeout + START, []))
        self.left_out = tuple(outcome["left_out"])
        defined = outcome["names"]
        self.defined = frozenset(defined)
        if defined:
            self.layout = self.choose(defined)
        if self.layout is not None:
            read = loaded(self.exchange(wire.encode(self.layout.plan()), []))
            outcome = {**outcome, **blamed(read, self.layout), "covered": [*self.layout.operations]}
        self.alone = outcome.pop("alone", "")
        if self.alone and not (defined and self.contract):
            outcome = {**raised(self.alone), **outcome}  # there is nothing but the reason
            self.alone = ""
        return outcome

    def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The outcomes of the request's calls, fewer if the process did not survive one."""
        if self.child.ended:
            self.child.close()
            self.child = self.start()
            self.read(2 * self.timeout + START, [])  # it loaded before
            if self.layout is not None:
                self.exchange(wire.encode(self.layout.plan()), [])
        answer = self.exchange(wire.encode(request), request["stand_ins"])
        if isinstance(answer, Lost):
            return [answer.outcome]
        found = answers.outcomes(answer, request["calls"])
        if any("senseless" in outcome for outcome in found):
            self.child.close()  # what else it has written would answer the next request
        return [blamed(outcome, self.layout) for outcome in found]

    def exchange(self, line: str, stand_ins: Sequence[str]) -> Any:
        """The answer to a request."""
        try:
            self.child.write(line, monotonic() + self.timeout + GRACE)
        except TooLate:
            self.child.close()
            return Lost({"timeout": True})
        except Ended as how:
            self.child.close()
            return Lost(raised(str(how)))
        return self.read(self.timeout + GRACE, stand_ins)

    def read(self, seconds: float, stand_ins: Sequence[str]) -> Any:
        """The child's next answer; Lost where none comes."""
        end = monotonic() + seconds
        try:
            while True:
                answer = wire.decode(self.child.read(end))
                if not isinstance(answer, dict) or "stand_in" not in answer:
                    return answer
                self.child.write(wire.encode(self.stand_in(answer, stand_ins)), end)
        except TooLate:
            lost = Lost({"timeout": True})
        except (Ended, TooLong) as how:
            lost = Lost(raised(str(how)))
        except wire.Malformed as how:
            lost = Lost(raised(f"answers with a line that {answers.escaped(str(how))}"))
        self.child.close()
        return lost

    def stand_in(self, question: dict[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
        """What the child asked of a stand-in: its arrays, or why there are none."""
        name, args, options = (question.get(key) for key in ("stand_in", "args", "options"))
        if name not in allowed or not isinstance(args, tuple) or not isinstance(options, dict):
            return {"raised": "nothing stands in for this"}
        return computed(self.truth, str(name), args, options)

    def output(self) -> str:
        """What the file printed, control characters escaped."""
        self.printed.seek(0)
        return answers.escaped(self.printed.read().decode(errors="replace"), "\n\t")

    def close(self) -> None:
        """End the child."""
        self.child.close()
        self.printed.close()


class ModuleStudent:
    """A module of this process, as in a notebook; its prints stay where they are."""

    isolation = "none"
    left_out: tuple[str, ...] = ()
    alone = ""

    def __init__(
        self,
        namespace: dict[str, Any],
        timeout: float,
        choose: Callable[[Sequence[str]], Layout | None] = lambda _names: None,
        truth: Truth = no_truth,
    ) -> None:
        def parent(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> list[ndarray]:
            answer = computed(truth, name, args, options)
            if "arrays" not in answer:
                raise ValueError(answer["raised"])
            return answer["arrays"]

        self.session = Session(timeout, parent, namespace)
        self.choose = choose
        self.layout: Layout | None = None
        self.defined: frozenset[str] = frozenset()

    def load(self) -> dict[str, Any]:
        """The names that it defines."""
        outcome = {"names": self.session.names(), "left_out": []}
        self.defined = frozenset(outcome["names"])
        self.layout = self.choose(outcome["names"])
        if self.layout is None:
            return outcome
        read = blamed(self.session.read_by(self.layout.plan()), self.layout)
        return {**outcome, **read, "covered": [*self.layout.operations]}

    def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The outcomes of the request's calls."""
        found = self.session.answer(wire.decode(wire.encode(request)))["outcomes"]
        return [blamed(outcome, self.layout) for outcome in found]

    def output(self) -> str:
        """Nothing was kept apart."""
        return ""

    def close(self) -> None:
        """Nothing was opened."""


def blamed(outcome: dict[str, Any], layout: Layout | None) -> dict[str, Any]:
    """The outcome, in which a line of a shipped layout is the file's fault.

    Raises InputError where the line is one of the user's own map.
    """
    if "layout_error" not in outcome or layout is None:
        return outcome
    if not layout.shipped:
        raise InputError(f"{layout.file}, line {outcome['line']}: {outcome['layout_error']}")
    words = f"does not fit the layout {layout.name}, which {outcome['layout_error']}"
    return {**raised(words), "traceback": outcome.get("traceback", "")}


def raised(words: str) -> dict[str, Any]:
    """The outcome of a call that came to nothing."""
    return {"raised": words, "traceback": "", "changed": []}


def loaded(answer: Any) -> dict[str, Any]:
    """The outcome of loading or mapping, whether or not an answer came."""
    if isinstance(answer, Lost):
        return {**answer.outcome, "names": [], "left_out": []}
    return answers.loaded(answer)


def computed(
    truth: Truth, name: str, args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """The arrays of a name that is stood in for, of float64 numbers; or why there are none."""
    try:
        value = truth(name)(*map(as_float64, args), **options)
    except Exception as error:  # whatever the file handed over, the fault is the file's
        return {"raised": answers.escaped(str(error).partition("\n")[0])}
    items = value if isinstance(value, tuple | list) else (value,)
    return {"arrays": [np.asarray(item) for item in items]}


def as_float64(value: Any) -> Any:
    """The value with its float arrays in float64."""
    if isinstance(value, dict):
        return {name: as_float64(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_float64(one) for one in value)
    if isinstance(value, ndarray):
        return value if value.dtype.kind in "iu" else value.astype(np.float64)
    return value
