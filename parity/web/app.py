"""The routes: the page and its files, and what it asks for."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from parity import web
from parity.datasets import DataError
from parity.errors import BadCaseError, InputError
from parity.web import engine, functions, homework, predictions, step
from parity.web.fields import Fields, from_json
from parity.web.guard import Guard
from parity.web.packing import Json
from parity.web.training import Training

__all__ = ["VIEWS", "make_app"]

VIEWS = ("side", "step", "train", "draw", "check")
STATIC = Path(str(files(web))) / "static"

Answer = Callable[[Fields], Any]


def make_app(token: str, hosts: tuple[str, ...]) -> Starlette:
    """The application for requests whose Host is one of `hosts` and that know the token."""
    training = Training()
    return Starlette(
        routes=[
            *(Route(path, page) for path in ("/", *(f"/{view}" for view in VIEWS))),
            Mount("/static", StaticFiles(directory=STATIC)),
            asked("/api/alive", lambda _fields: {}),
            asked("/api/choices", choices),
            asked("/api/side", functions.names),
            asked("/api/side/function", functions.function),
            asked("/api/side/mistake", functions.spoiled),
            posted("/api/step", step.answer),
            posted("/api/train/start", training.start),
            posted("/api/train/command", training.command),
            asked("/api/train", training.since),
            posted("/api/draw", predictions.answer),
            asked("/api/draw/confusion", predictions.confusion),
            asked("/api/draw/images", predictions.images),
            posted("/api/check", homework.check),
        ],
        middleware=[Middleware(Guard, token=token, hosts=hosts)],
        exception_handlers={
            HTTPException: refuse_http,
            **dict.fromkeys((InputError, DataError, BadCaseError, FloatingPointError), refuse),
        },
    )


def page(_request: Request) -> Response:
    """The one page; its script shows the view that the address names."""
    return FileResponse(STATIC / "index.html")


def asked(path: str, answer: Answer) -> Route:
    """A route that answers the fields of the query."""

    async def endpoint(request: Request) -> Response:
        return Json(await run_in_threadpool(answer, Fields(dict(request.query_params))))

    return Route(path, endpoint)


def posted(path: str, answer: Answer) -> Route:
    """A route that answers the fields of a JSON body."""

    async def endpoint(request: Request) -> Response:
        fields = from_json(await request.body())
        return Json(await run_in_threadpool(answer, fields))

    return Route(path, endpoint, methods=["POST"])


def refuse(_request: Request, error: Exception) -> Response:
    """One line that says what does not fit."""
    return Json({"error": str(error)}, 400)


def refuse_http(_request: Request, error: Exception) -> Response:
    """The same for a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    return Json({"error": error.detail}, error.status_code)


def choices(_fields: Fields) -> dict[str, Any]:
    """What can be chosen."""
    return {
        "recipes": engine.RECIPE_NAMES,
        "data": engine.available(),
        "layouts": homework.layout_names(),
    }
