"""The signals that ask a command to end: Ctrl-C, `kill`, a terminal that is closed."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Ending", "ending_signals", "latest"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
Handler = Callable[[int, FrameType | None], object]

received: list[int] = [signal.SIGINT]  # the last one that came is the last


class Ending(KeyboardInterrupt):
    """One of the signals came; its number is the argument."""


@contextmanager
def ending_signals(handler: Handler) -> Iterator[None]:
    """Let `handler` hear them, but for those that are ignored, as SIGHUP is under nohup.

    Outside the main thread, which alone hears signals, this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}

    def hear(number: int, frame: FrameType | None) -> None:
        received.append(number)
        handler(number, frame)

    for number in heard:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, old in heard.items():
            signal.signal(number, old)


def latest() -> int:
    """The number of the signal that came last."""
    return received[-1]
