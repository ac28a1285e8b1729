"""The server: who may ask, what it refuses, and how it ends."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from parity_tests.web.served import Served

pytestmark = pytest.mark.usefixtures("in_a_terminal")

ROUTES = {
    "/api/alive": "GET",
    "/api/choices": "GET",
    "/api/side": "GET",
    "/api/side/function": "GET",
    "/api/side/mistake": "GET",
    "/api/step": "POST",
    "/api/train/start": "POST",
    "/api/train/command": "POST",
    "/api/train": "GET",
    "/api/draw": "POST",
    "/api/draw/confusion": "GET",
    "/api/draw/images": "GET",
    "/api/check": "POST",
}
PAGES = ["/", "/side", "/step", "/train", "/draw", "/check", "/static/app.js", "/nowhere"]


def test_every_route_is_among_those_that_get_junk() -> None:
    from starlette.routing import Mount

    from parity.web.app import make_app

    routes = make_app("token", ("127.0.0.1:1",)).routes
    paths = {route.path for route in routes if not isinstance(route, Mount)}  # type: ignore[attr-defined]
    assert paths == {*ROUTES, *PAGES[:6]}


@pytest.mark.parametrize("path", ["/", "/step", "/api/choices", "/static/app.js"])
def test_nothing_is_shown_without_the_token(served: Served, path: str) -> None:
    for cookie in ("", f"parity-{served.port}=guessed"):
        status, body = served.request("GET", path, Cookie=cookie)
        assert status == 403
        assert b"token" in body


def test_the_token_in_the_address_becomes_a_cookie_and_leaves_the_address(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", f"/step?net=hand&token={served.token}")
    response = connection.getresponse()
    assert response.status == 303
    assert response.headers["Location"].endswith("/step?net=hand")
    cookie = response.headers["Set-Cookie"]
    assert served.cookie in cookie
    assert "HttpOnly" in cookie
    connection.close()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1"])
def test_another_host_is_refused(served: Served, host: str) -> None:
    """A name that was rebound to this machine comes with its own name in Host."""
    assert served.request("GET", "/api/choices", Host=host)[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_origin_is_refused(served: Served, origin: str) -> None:
    assert served.request("POST", "/api/check", b"{}", Origin=origin)[0] == 403


def test_its_own_origin_is_answered(served: Served) -> None:
    assert served.request("POST", "/api/step", b"{}", Origin=served.base)[0] == 200


def test_a_request_that_is_too_large_is_refused(served: Served) -> None:
    body = json.dumps({"source": "#" * (2 * 2**20)}).encode()
    assert served.request("POST", "/api/check", body)[0] == 413


def test_a_request_in_chunks_that_is_too_large_is_refused(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    chunks = (b" " * 2**16 for _ in range(40))
    connection.request("POST", "/api/step", chunks, {"Cookie": served.cookie}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


VALUES = ["", "x", -1, 1e308, "NaN", None, [], {}, [[1]], True, "é" * 40, 10**30, "../../etc"]
NAMES = [
    *("name", "mistake", "net", "at", "edits", "batch", "first", "seed", "lr", "recipe", "data"),
    *("image", "strokes", "class", "label", "answer", "layout", "since", "run", "epochs"),
    *("train_size", "command", "token"),
]
BODIES = [b"", b"{", b"\xff\xfe", b"[" * 5000, b"7", b'"text"', b"\0" * 50]


def junk(rng: random.Random) -> tuple[str, bytes]:
    """A query and a body that nobody means; a value that fits among them is an accident."""
    fields = {rng.choice(NAMES): rng.choice(VALUES) for _ in range(rng.randrange(1, 5))}
    fields["recipe"] = fields["net"] = "junk"  # or a thousand requests would train and compute
    body = rng.choice(BODIES[1:]) if rng.random() < 0.3 else json.dumps(fields).encode()
    return quote("&".join(f"{key}={value}" for key, value in fields.items()), safe="=&"), body


@pytest.mark.browser  # takes as long as those
@pytest.mark.parametrize("path", [*ROUTES, *PAGES])
def test_a_thousand_requests_of_junk_leave_no_traceback(served: Served, path: str) -> None:
    rng = random.Random(path)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    for _ in range(1000):
        query, body = junk(rng)
        method = ROUTES.get(path, "GET") if rng.random() < 0.9 else rng.choice(["PUT", "POST"])
        connection.request(method, f"{path}?{query}", body, {"Cookie": served.cookie})
        response = connection.getresponse()
        answer = response.read()
        assert response.status in (200, 304, 400, 404, 405), (
            method,
            query,
            body[:80],
            answer[:200],
        )
    connection.close()
    assert "Traceback" not in served.stderr()


def command(*options: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "parity", "serve", "--no-open", *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60)


def test_others_are_let_in_only_in_words_that_name_the_danger() -> None:
    ended = command("--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "--let-others-run-code-on-this-machine" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line(served: Served) -> None:
    ended = command("--port", str(served.port))
    assert ended.returncode == 2
    assert f"127.0.0.1:{served.port}" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from parity.cli.serve import Serve
    from parity.errors import InputError

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[web\]'"):
        Serve().run()


def children(pid: int) -> set[int]:
    """The processes that a process has started, by Linux's own list."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's list of processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_it_ends_without_a_trace(tmp_path: Path, number: int) -> None:
    """Ctrl-C, a closed terminal, a kill: no process is left, and nothing was written."""
    server = Served(tmp_path)
    server.post("/api/train/start", recipe="feedforward", epochs=1000)
    server.post("/api/check", source="def relu(input):\n    return input\n")
    started = children(server.process.pid)
    assert started
    code = server.end(number)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    deadline = time.monotonic() + 10
    while alive := {pid for pid in started if Path(f"/proc/{pid}").exists()}:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.05)
    assert os.listdir(tmp_path) == []
    assert "Traceback" not in server.stderr()
    server.errors.close()
