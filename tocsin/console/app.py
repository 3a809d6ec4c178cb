"""The console's application: its rooms put together, and the work that goes on beside requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Response

from tocsin.console import public, webhooks
from tocsin.console.desk import Desk

Missing = Callable[[], Awaitable[list[str]]]
"""What keeps the console from serving, each part in one line; empty: nothing."""


def create_app(desk: Desk, missing: Missing) -> FastAPI:
    """Return the application over a desk. It shows no documentation of itself, and no trace of a fault."""

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
