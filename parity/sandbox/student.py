"""The code under check, wherever it runs: a file in a child process, or a module in this one."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from parity.sandbox import wire
from parity.sandbox.session import Session

__all__ = ["FileStudent", "ModuleStudent"]

GRACE = 2.0  # seconds beyond the time limit, in which the child may stop the code by itself
STARTUP = 10.0  # and those in which it may start: Python and NumPy are slow on a busy machine


class FileStudent:
    """A file, run in a child process that is started again when the file takes it down."""

    def __init__(self, path: Path, timeout: float, memory_mb: int) -> None:
        self.path, self.timeout, self.memory_mb = path, timeout, memory_mb
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self.child = self.start()

    def start(self) -> subprocess.Popen[str]:
        """A child process that loads the file."""
        limits = (str(self.timeout), str(self.memory_mb))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return subprocess.Popen(
            [sys.executable, "-m", "parity.sandbox.worker", str(self.path.resolve()), *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.printed,
            text=True,
            encoding="utf-8",
            env={**os.environ, **threads, "PYTHONSAFEPATH": "1"},
            start_new_session=True,
        )

    def load(self) -> dict[str, Any]:
        """The outcome of running the file, and the `names` that it defines."""
        answer = self.read(STARTUP)
        return answer if "names" in answer else {**answer, "names": []}

    def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The outcomes of the request's calls, fewer if the process did not survive one."""
        if self.child.poll() is not None:
            self.child = self.start()
            self.read(STARTUP)  # it loaded before
        assert self.child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is dead, which the answer will say
            self.child.stdin.write(wire.encode(request) + "\n")
            self.child.stdin.flush()
        answer = self.read(GRACE)
        return answer.get("outcomes", [answer])

    def read(self, grace: float) -> dict[str, Any]:
        """The child's next answer; if none comes, the outcome that says why.

        It is waited for `grace` seconds longer than the time limit.
        """
        assert self.child.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.child.kill()  # which ends the reading below

        alarm = threading.Timer(self.timeout + grace, expire)
        alarm.start()
        line = self.child.stdout.readline()
        alarm.cancel()
        if line.endswith("\n"):
            return wire.decode(line)
        code = self.child.wait()
        self.kill()
        if expired.is_set():
            return {"timeout": True}
        return {"raised": f"ends the process ({how_it_ended(code)})", "traceback": ""}

    def kill(self) -> None:
        """End the child and whatever it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):  # all gone already
                os.killpg(self.child.pid, signal.SIGKILL)
        self.child.kill()
        self.child.wait()
        self.close_pipes()

    def close_pipes(self) -> None:
        """Close our ends of the pipes; what was left to write has no reader."""
        for pipe in (self.child.stdin, self.child.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def output(self) -> str:
        """What the file printed."""
        self.printed.seek(0)
        return self.printed.read().decode(errors="replace")

    def close(self) -> None:
        """End the child."""
        self.kill()
        self.printed.close()


class ModuleStudent:
    """A module of this process, as in a notebook; its prints stay where they are."""

    def __init__(self, namespace: dict[str, Any], timeout: float) -> None:
        self.session = Session(timeout, namespace)

    def load(self) -> dict[str, Any]:
        """The names that it defines."""
        return {"names": self.session.names()}

    def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The outcomes of the request's calls."""
        return self.session.answer(wire.decode(wire.encode(request)))["outcomes"]

    def output(self) -> str:
        """Nothing was kept apart."""
        return ""

    def close(self) -> None:
        """Nothing was opened."""


def how_it_ended(code: int) -> str:
    """The exit status in words."""
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
