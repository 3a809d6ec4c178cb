"""The console's application: its rooms put together, and the work that goes on beside requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tocsin.console import api, codec, feed, intake, login, posted, public, rooms, webhooks
from tocsin.console.desk import Desk
from tocsin.console.office import Office
from tocsin.console.paper import page
from tocsin.console.problems import Denied, answer, problem_of
from tocsin.console.shield import Shield
from tocsin.domain.errors import TocsinError

ELSEWHERE = ("/webhooks/", "/a/", "/n/", "/notices", "/calendar/", "/intake/", "/healthz", "/readyz")
"""Paths on which nobody of ours reads the answer."""

Missing = Callable[[], Awaitable[list[str]]]
"""What keeps the console from serving, each part in one line; empty: nothing."""


def create_app(
    desk: Desk, missing: Missing, office: Office | None = None, room: codec.CodecRoom | None = None
) -> FastAPI:
    """Return the application over a desk; with an office, the rooms for our own people and the API are in it.

    With a codec room, so is what opens Temporal's payloads.

    It shows no trace of a fault.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        working = asyncio.create_task(desk.work())
        yield
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await desk.finish()

    app = FastAPI(title="Tocsin", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(webhooks.routes(desk))
    app.include_router(public.routes(desk))
    app.include_router(posted.routes(desk))
    if office is not None:
        app.include_router(intake.routes(desk, office))
        app.include_router(feed.routes(desk, office))
        _furnish(app, office)
    if room is not None:
        app.include_router(codec.routes(room))
    app.add_middleware(Shield)

    @app.get("/healthz")
    async def healthz() -> Response:
        """Say that the console answers."""
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def readyz() -> Response:
        """Say whether the console can serve, or what is missing."""
        lacks = await missing()
        return Response("\n".join(lacks or ["ok"]) + "\n", 503 if lacks else 200, media_type="text/plain")

    return app


def _furnish(app: FastAPI, office: Office) -> None:
    """Put in the rooms for our own people, and how a refusal is told there."""
    app.include_router(login.routes(office))
    app.include_router(rooms.routes(office))
    app.include_router(api.routes(office))

    @app.get(f"{api.PREFIX}/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        """Describe the API. It says nothing that the source does not."""
        if app.openapi_schema is None:
            app.openapi_schema = api.document(app)
        return JSONResponse(app.openapi_schema)

    for kind in (Denied, TocsinError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refused)


async def _refused(request: Request, error: Exception) -> Response:
    found, headers = problem_of(error), getattr(error, "headers", None) or {}
    if request.url.path.startswith("/api/"):
        return answer(found, headers | ({"WWW-Authenticate": "Bearer"} if found.status == 401 else {}))
    if isinstance(error, Denied) and error.signed_out:
        return login.to_login(request)
    if request.url.path.startswith(ELSEWHERE):
        return Response(f"{found.detail}\n", found.status, headers, media_type="text/plain")
    response = page("denied.html", status=found.status, title=found.title, detail=found.detail)
    response.headers.update(headers)
    return response
