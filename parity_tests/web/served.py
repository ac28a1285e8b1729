"""A `parity serve` of its own for a test, as a user starts it, and requests to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["Served"]


class Served:
    """A server process; `folder` is its place for temporary files, its home and its own folder."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        places = {"TMPDIR": str(folder), "HOME": str(folder)}
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "parity", "serve", "--no-open", "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=folder,
            env={**os.environ, **places, **threads, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:(\d+))/\?token=(\S+)", line)
        assert found, f"no address in {line!r}; {self.stderr()}"
        self.url, self.base, self.token = found.group(), found[1], found[3]
        self.port = int(found[2])
        self.cookie = f"parity-{self.port}={self.token}"

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body; with the token, unless a header says otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Cookie": self.cookie, **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, path: str, **fields: Any) -> Any:
        """The answer to JSON."""
        status, body = self.request("POST", path, json.dumps(fields).encode())
        assert status == 200, body
        return json.loads(body)

    def get(self, path: str) -> Any:
        """The answer to a query."""
        status, body = self.request("GET", path)
        assert status == 200, body
        return json.loads(body)

    def end(self, number: int = signal.SIGINT) -> int:
        """End it with a signal; returns the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def stderr(self) -> str:
        """What it said on standard error so far."""
        self.errors.seek(0)
        return self.errors.read()
