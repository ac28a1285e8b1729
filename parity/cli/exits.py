"""How a command ends: a fault becomes one line on standard error, and an exit code."""

import io
import os
import sys
from collections.abc import Callable

from parity.datasets import DataError
from parity.errors import BadCaseError, InputError

__all__ = ["INTERRUPTED", "guarded", "refuse"]

INTERRUPTED, UNREAD = 130, 141  # 128 + SIGINT and 128 + SIGPIPE, as the shell has it


def guarded(run: Callable[[], int], program: str = "parity") -> int:
    """Call `run`, with an output that takes every letter; returns its exit code, or the fault's."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # Windows' own encoding lacks some letters
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()  # or what goes wrong with it goes wrong after the exit code
    except (InputError, DataError) as error:
        return refuse(str(error), program)
    except BadCaseError as error:
        print(f"{program}: bad case: {error}", file=sys.stderr)
        return 1
    except FloatingPointError as error:
        print(f"{program}: stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `parity ... | head` has read enough, but not the answer
        drop_output()
        return UNREAD
    except OSError as error:
        if error.filename is None:  # such as a full disk in `parity ... > FILE`
            drop_output()
        where = error.filename or "the output"
        return refuse(f"cannot read or write {where}: {error.strerror or error}", program)


def drop_output() -> None:
    """Let Python write to nowhere what is left in its buffer when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refuse(message: str, program: str = "parity") -> int:
    """Say what is wrong in one line, on standard error; returns exit code 2."""
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2
