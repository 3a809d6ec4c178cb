"""The notice page, for everybody: the files that the posting channel wrote, as they are, and nothing beside them."""

import asyncio
import re

from fastapi import APIRouter, Request, Response

from tocsin.adapters.posting_pages import ATOM_FEED, INDEX, JSON_FEED
from tocsin.console.desk import Desk
from tocsin.console.public import HEADERS, NOT_FOUND
from tocsin.console.webhooks import source_of

_NAME = re.compile(r"[0-9a-f]{20}\.html")
_TYPES = {INDEX: "text/html", JSON_FEED: "application/feed+json", ATOM_FEED: "application/atom+xml"}
# Found and read by whoever wants: unlike a recipient's own pages it may be indexed, and kept for a minute.
_PUBLIC = {name: value for name, value in HEADERS.items() if name not in {"X-Robots-Tag", "Cache-Control"}} | {
    "X-Robots-Tag": "all",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "public, max-age=60",
}


def routes(desk: Desk) -> APIRouter:
    """Return the notice page's routes."""
    router = APIRouter(prefix="/notices")

    @router.get("")
    async def index(request: Request) -> Response:
        """Show what is posted, the newest first; the address without a slash leads to the one with it."""
        there = str(request.url.path).rstrip("/") + "/"
        return Response(status_code=308, headers={**_PUBLIC, "Location": there})

    @router.get("/")
    async def home(request: Request) -> Response:
        """Show what is posted, the newest first."""
        return await _file(desk, request, INDEX)

    @router.get("/{name}")
    async def file(request: Request, name: str) -> Response:
        """Show a notice, or a feed."""
        return await _file(desk, request, name)

    return router


async def _file(desk: Desk, request: Request, name: str) -> Response:
    if not desk.pages.allows(source_of(request)):
        return Response("Too many requests; try again in a minute.\n", 429, _PUBLIC, "text/plain")
    known = name in _TYPES or _NAME.fullmatch(name) is not None
    content = await asyncio.to_thread(_read, desk, name) if known else None
    if content is None and name == INDEX:
        return Response("Nothing is posted here.\n", 200, _PUBLIC, "text/plain")
    if content is None:
        return Response(NOT_FOUND, 404, _PUBLIC, "text/plain")
    return Response(content, 200, _PUBLIC, _TYPES.get(name, "text/html"))


def _read(desk: Desk, name: str) -> bytes | None:
    try:
        return (desk.posted / name).read_bytes() if desk.posted is not None else None
    except OSError:
        return None
