"""A process that is spoken to line by line, each with a limit of time and of length."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from pathlib import Path
from time import monotonic
from typing import IO

from parity.sandbox import isolation
from parity.sandbox.guard import TOO_MANY_PROCESSES, TOO_MUCH_MEMORY

__all__ = ["Ended", "Process", "TooLate", "TooLong"]

LONGEST = 64 * 2**20  # bytes of an answer
PROCESSES = 64  # that may descend from the child at a time
CHUNK = 2**16
GUARD = Path(__file__).with_name("guard.py")
WORKER = Path(__file__).with_name("worker.py")


class TooLate(Exception):  # noqa: N818 - said of the child
    """No answer came, or no request was taken, in the time that was given."""


class TooLong(Exception):  # noqa: N818
    """The answer is longer than any that is expected."""


class Ended(Exception):  # noqa: N818
    """The process is over; the message says how."""


class Process:
    """The worker under its guard, shut in or not, with nothing but what it needs to see."""

    def __init__(self, shut_in: str, seen: list[Path], memory_mb: int, printed: IO[bytes]) -> None:
        self.home = tempfile.TemporaryDirectory(prefix="parity-")
        command = isolation.python(WORKER)
        if shut_in == "bubblewrap":
            command = isolation.wrapped(command, seen)
        limits = [str(memory_mb), str(PROCESSES)]
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [*isolation.python(GUARD), *limits, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            bufsize=0,
            env=isolation.environment(self.home.name),
            cwd=self.home.name,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        for pipe in (self.requests, self.answers):
            os.set_blocking(pipe, False)
        self.waiting = b""  # read, and not handed out yet

    @property
    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    def write(self, line: str, end: float) -> None:
        """Send a line; raises TooLate if it is not taken by `end`, in seconds of `monotonic`."""
        data = memoryview(line.encode() + b"\n")
        while data:
            self.wait([], [self.requests], end)
            with contextlib.suppress(BlockingIOError):
                try:
                    data = data[os.write(self.requests, data[:CHUNK]) :]
                except BrokenPipeError:
                    raise Ended(self.how_it_ended()) from None

    def read(self, end: float) -> bytes:
        """The next line; raises TooLate, TooLong, or Ended."""
        parts = [self.waiting]
        length = len(self.waiting)
        while b"\n" not in parts[-1]:
            self.wait([self.answers], [], end)
            part = os.read(self.answers, CHUNK)
            if not part:
                raise Ended(self.how_it_ended())
            length += len(part)
            if length > LONGEST:
                raise TooLong(f"answers with more than {LONGEST // 2**20} MiB")
            parts.append(part)
        line, _, self.waiting = b"".join(parts).partition(b"\n")
        return line

    def wait(self, readable: list[int], writable: list[int], end: float) -> None:
        """Until one of the pipes is ready; raises TooLate."""
        if not any(select.select(readable, writable, [], max(0.0, end - monotonic()))):
            raise TooLate

    def how_it_ended(self) -> str:
        """The exit code in words."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it closed its pipe and goes on
            return "closes the pipe that it answers on"
        if code == TOO_MUCH_MEMORY:
            return "needs more memory than it may have"
        if code == TOO_MANY_PROCESSES:
            return f"starts more than {PROCESSES} processes"
        with contextlib.suppress(ValueError):
            if code > 128:
                return f"ends the process (signal {signal.Signals(code - 128).name})"
        return f"ends the process (exit code {code})"

    def close(self) -> None:
        """End the child and whatever it started, and clear its temporary folder."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.terminate()  # the guard ends the others first
        if hasattr(signal, "SIGCONT"):
            self.process.send_signal(signal.SIGCONT)  # even if the file has stopped it
        try:
            self.process.wait(timeout=6)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):  # what the child made unreadable stays behind
            self.home.cleanup()
