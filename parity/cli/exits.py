"""How a command ends: an error becomes one line on standard error, and an exit code."""

import io
import os
import sys
from collections.abc import Callable

from parity.errors import BadCaseError, DataError, InputError, WorkerError
from parity.system.ranks import let_rank_0_speak
from parity.system.signals import Ending, ending_signals, latest

__all__ = ["INTERRUPTED", "guarded", "refuse"]

# 128 + SIGINT and 128 + SIGPIPE, as the shell has it. What returns INTERRUPTED, guarded turns into
# 128 + the signal that came: 143 for SIGTERM, 129 for SIGHUP.
INTERRUPTED, UNREAD = 130, 141


def guarded(run: Callable[[], int], program: str = "parity") -> int:
    """Call `run`, with an output that takes every letter; returns its exit code, or the fault's."""

    def on_signal(number: int, _frame: object) -> None:
        raise Ending(number)

    if isinstance(sys.stdout, io.TextIOWrapper):  # Windows' own encoding lacks some letters
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        try:
            with ending_signals(on_signal):
                code = run()
            return 128 + latest() if code == INTERRUPTED else code
        finally:
            sys.stdout.flush()  # or what goes wrong with it goes wrong after the exit code
    except (InputError, DataError) as error:
        return refuse(str(error), program)
    except BadCaseError as error:
        print(f"{program}: bad case: {error}", file=sys.stderr)
        return 1
    except (FloatingPointError, WorkerError) as error:
        print(f"{program}: stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as ending:
        print(f"{program}: interrupted", file=sys.stderr)
        return 128 + latest() if isinstance(ending, Ending) else INTERRUPTED
    except MemoryError:
        return refuse("there is not enough memory for this", program)
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
    let_rank_0_speak()
    return 2
