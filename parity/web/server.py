"""The server's life: where it listens, and how it ends without a trace."""

import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from parity.errors import InputError
from parity.system.threads import limit_threads
from parity.web.app import make_app
from parity.web.guard import LOOPBACK

__all__ = ["serve"]

ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, kill, a terminal that is closed


class Server(uvicorn.Server):
    """uvicorn, which also ends in order when its terminal is closed, and says nothing of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        signals = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
        before = {number: signal.signal(number, self.end) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end(self, number: int, _frame: FrameType | None) -> None:
        """Finish what is being answered; at the second time do not even that."""
        if number == getattr(signal, "SIGHUP", None):  # nobody reads what is printed from here on
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # what is cut off is no error
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(host: str, port: int, open_browser: bool) -> None:
    """Serve the page until the process is told to end.

    Raises
    ------
    InputError
        If nothing can listen at this address.
    """
    listener = listen(host, port)
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(24)
    names = LOOPBACK if host in LOOPBACK else (host, *LOOPBACK)
    app = make_app(token, tuple(f"{name}:{port}" for name in names))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    address = f"http://{host}:{port}/?token={token}"
    print(f"parity serve: {address}\nCtrl-C ends it.", flush=True)
    if open_browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with limit_threads():
        Server(config).run(sockets=[listener])
    print("parity serve: ended", file=sys.stderr, flush=True)
    os._exit(0)  # without waiting for the threads that still compute what nobody will see


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; raises InputError where there can be none."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise InputError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    # Without it each answer waits 40 ms for the browser's acknowledgement of its headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
