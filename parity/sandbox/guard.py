"""Watches over the process that runs somebody's file: `python -I -S guard.py MB COUNT COMMAND...`.

It starts the command, counts the memory and the processes of all that descends from it, and leaves
none of them behind: when the command ends, when a limit is passed, and when the process that
started it ends, however it does.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of <linux/prctl.h>
INTERVAL = 0.1  # seconds between two looks
TOO_MUCH_MEMORY, TOO_MANY_PROCESSES = 201, 202  # exit codes; those of a shell end at 192


def main(memory: int, processes: int, command: list[str]) -> int:
    """Run the command; returns its exit code, 128 and the signal, or one of the two above."""
    watched = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)  # so that they wait for `sigtimedwait`
    control(PR_SET_CHILD_SUBREAPER, 1)  # what leaves its session stays among our descendants
    control(PR_SET_PDEATHSIG, signal.SIGTERM)
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=unblock)
    for stream in (0, 1):  # a reader of our streams shall see the end of the child's
        os.close(stream)
    code = None
    try:
        while code is None:
            woken = wait(watched)
            if woken == signal.SIGTERM:
                return 128 + signal.SIGTERM
            family = list(descendants(os.getpid()))
            if len(family) > processes:
                return TOO_MANY_PROCESSES
            if sum(map(resident, family)) > memory:
                return TOO_MUCH_MEMORY
            code = child.poll()
        return code if code >= 0 else 128 - code
    finally:
        end_all(child.pid)


def control(option: int, value: int) -> None:
    """Linux's prctl, where there is one."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def unblock() -> None:
    """In the child: take signals again, and die with the guard."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    control(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait(signals: set[signal.Signals]) -> int | None:
    """The next of the signals, None after a while without one."""
    if hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(signals, INTERVAL)
        return info.si_signo if info else None
    time.sleep(INTERVAL)  # macOS: signals wait until the mask is lifted
    return signal.SIGTERM if signal.SIGTERM in signal.sigpending() else None


def descendants(pid: int) -> Iterator[int]:
    """All processes that come from this one, as Linux tells them."""
    with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in map(int, file.read().split()):
                    yield child
                    yield from descendants(child)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds, 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def end_all(group: int) -> None:
    """Kill the child's group and every descendant, until none is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for stop in (signal.SIGSTOP, signal.SIGKILL):  # what is stopped forks no more
            for pid in descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, stop)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.005)
        except ChildProcessError:  # none is left
            return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) * 2**20, int(sys.argv[2]), sys.argv[3:]))
