"""Who may talk to the server: the browser that was given the token, through the page itself.

The server runs the Python code that is dropped on it, so no other page of the browser may reach it
(Origin), nor one that has a name of its own resolved to this machine (Host), nor another user of
the machine (token).
"""

import secrets
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LARGEST", "LOOPBACK", "Guard"]

LOOPBACK = ("127.0.0.1", "localhost")  # this machine alone

LARGEST = 2 * 2**20  # bytes of a request; a notebook with its pictures fits

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

NO_TOKEN = (
    "This page needs the token of its server.\n\n"
    "Open the address that `parity serve` printed in your terminal, with all that follows "
    "`?token=`.\nAfter that, links without the token work in this browser, too.\n"
)


class TooLargeError(Exception):
    """The body of a request goes on beyond `LARGEST`."""


class Guard:
    """ASGI middleware: lets a request through, or answers it with the reason why not."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        self.app = app
        self.token = token
        self.hosts = hosts  # what the header Host may be, port and all
        self.cookie = "parity-" + next(iter(hosts)).rpartition(":")[2]  # cookies know no port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"scope is {scope['type']!r}, expected 'http'")
        request = Request(scope)
        answer = self.refusal(request) or self.admission(request)
        if answer is not None:
            await answer(scope, receive, with_headers(send))
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST:
                raise TooLargeError
            return message

        try:
            await self.app(scope, limited, with_headers(send))
        except TooLargeError:
            await too_large()(scope, receive, with_headers(send))

    def refusal(self, request: Request) -> Response | None:
        """Why this request is not answered."""
        if request.headers.get("host") not in self.hosts:
            return PlainTextResponse("Host: not the name of this server\n", 421)
        origin = request.headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return PlainTextResponse("Origin: this server answers its own page alone\n", 403)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > LARGEST:
            return too_large()
        return None

    def admission(self, request: Request) -> Response | None:
        """For the token in the address a cookie, and the address without it; none: a refusal."""
        if self.knows(request.query_params.get("token", "")):
            response = RedirectResponse(request.url.remove_query_params("token"), 303)
            response.set_cookie(self.cookie, self.token, httponly=True, samesite="lax")
            return response
        if self.knows(request.cookies.get(self.cookie, "")):
            return None
        return PlainTextResponse(NO_TOKEN, 403)

    def knows(self, token: str) -> bool:
        """Whether this is the token; it takes as long to say no as to say yes."""
        return secrets.compare_digest(token.encode(), self.token.encode())


def too_large() -> Response:
    """The answer to a request that is too long."""
    return PlainTextResponse(f"the request is too large, expected at most {LARGEST} bytes\n", 413)


def with_headers(send: Send) -> Send:
    """`send`, which tells the browser to trust nothing but this server's own files."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return wrapped
