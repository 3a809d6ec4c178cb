"""Where channels tell what became of the notices. An answer of 2xx means: it is kept, durably."""

import asyncio
import logging

from fastapi import APIRouter, Request, Response

from tocsin.adapters.sendgrid_events import SIGNATURE, TIMESTAMP, events
from tocsin.console.desk import Desk
from tocsin.domain.errors import Refused, TocsinError
from tocsin.receiving import Taken, take

logger = logging.getLogger(__name__)

LARGEST = 2_000_000
"""Bytes of a post that are read; SendGrid sends at most 768 KB."""


def routes(desk: Desk) -> APIRouter:
    """Return the webhook's route."""
    router = APIRouter()

    @router.post("/webhooks/sendgrid")
    async def sendgrid(request: Request) -> Response:
        """Take a signed post of events."""
        return await _taken(desk, request)

    return router


async def _taken(desk: Desk, request: Request) -> Response:
    body = await _body(request)
    if body is None:
        return Response("too large\n", status_code=413, media_type="text/plain")
    signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
    if not desk.verifier.genuine(body, signature, timestamp, desk.now()):
        desk.refusals.count(source_of(request), int(desk.now().timestamp()) // 60)
        return Response("not signed by a key of ours\n", status_code=403, media_type="text/plain")
    try:
        taken = await asyncio.to_thread(_take, desk, body)
    except Refused as error:
        # Signed and yet no events: it will not become any by being sent again.
        return Response(f"{error}\n", status_code=400, media_type="text/plain")
    except TocsinError as error:
        # Our own fault, and never 4xx for that: 5xx has them send it again for 24 hours.
        logger.warning("receipts were not taken: %s", error)
        return Response("not now, send it again\n", status_code=503, media_type="text/plain")
    return Response(f"{taken.new} new, {taken.again} known\n", media_type="text/plain")


def _take(desk: Desk, body: bytes) -> Taken:
    now = desk.now()
    heard = list(events(body, desk.sealer.mark, now))
    taken = take(desk.store, heard, now)
    for one in heard:
        logger.info("a receipt was taken", extra={"notice": one.notice_id, "kind": one.kind, "receipt": one.receipt_id})
    return taken


async def _body(request: Request) -> bytes | None:
    """Return the raw bytes, or None as soon as they are too many, whatever their header says."""
    found, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            return None
        found.append(part)
    return b"".join(found)


def source_of(request: Request) -> str:
    """Return the address that asks."""
    return request.client.host if request.client else "unknown"
