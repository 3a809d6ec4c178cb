"""What every answer of the console carries for its reader's safety, and how large a request may be."""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 1_000_000
"""Bytes of a request, where its route says nothing else."""
LARGER = {
    "/webhooks/": 2_100_000,
    "/intake/": 256_000,
    "/codec/": 8_000_000,
    "/api/v1/register": 20_000_000,
    "/register": 20_000_000,
}
"""By the beginning of the path; a webhook counts for itself."""
ATTACHED = 27_000_000
"""Bytes of a request that attaches a file."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
TLS_ONLY = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}


class Shield:
    """Adds the headers that are not there yet, and cuts a request off that is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = HEADERS | (TLS_ONLY if scope["scheme"] == "https" else {})
        left = largest(scope["path"])

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, headers)
            await send(message)

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                # Whoever reads the body is inside the application, which tells it as it tells every refusal.
                raise HTTPException(413, "this is too large; send less at once")
            return message

        await self._app(scope, counted, shielded)


def largest(path: str) -> int:
    """Return how many bytes a request to a path may have."""
    if path.endswith("/attachments"):
        return ATTACHED
    return next((size for beginning, size in LARGER.items() if path.startswith(beginning)), LARGEST)


def _add(message: MutableMapping[str, Any], headers: dict[str, str]) -> None:
    there = MutableHeaders(scope=message)
    for name, value in headers.items():
        there.setdefault(name, value)
