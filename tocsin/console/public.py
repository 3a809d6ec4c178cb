"""The pages that a recipient sees: their own notice, to acknowledge it, and whether a notice number is genuine.

No login, no script, nothing about the incident. A link is good for one notice; whoever holds it may press, and the
record says no more than that. Only a press counts: scanners follow links, and do not send forms.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tocsin.console.desk import Desk
from tocsin.console.webhooks import source_of
from tocsin.domain.errors import TocsinError
from tocsin.domain.letter import is_token
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.probe_deed import is_round
from tocsin.domain.receipt import ReceiptKind
from tocsin.receiving import Heard, take

PAGES = Path(__file__).parent / "pages"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
NOT_FOUND = "There is no such page.\n"
_NUMBER = re.compile(r"[NP]-[A-Z2-7]{4}-[A-Z2-7]{4}")


def routes(desk: Desk) -> APIRouter:
    """Return the public pages."""
    router = APIRouter()
    rooms = Public(desk)

    @router.get("/style.css")
    async def style() -> Response:
        """Return the one style sheet."""
        return Response((PAGES / "style.css").read_text(encoding="utf-8"), media_type="text/css", headers=HEADERS)

    @router.get("/a/{token}")
    async def look(request: Request, token: str) -> Response:
        """Show the notice that a link is for."""
        return await rooms.look(source_of(request), token)

    @router.post("/a/{token}")
    async def press(request: Request, token: str) -> Response:
        """Record that a holder of the link pressed."""
        return await rooms.press(source_of(request), token)

    @router.get("/n")
    async def ask(request: Request, number: str = "") -> Response:
        """Ask for a number, or answer for one."""
        return await rooms.genuine(source_of(request), number)

    @router.get("/n/{number}")
    async def genuine(request: Request, number: str) -> Response:
        """Say whether a notice number is genuine, and nothing more."""
        return await rooms.genuine(source_of(request), number)

    return router


class Public:
    """Answers recipients."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._templates = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined
        )

    async def look(self, source: str, token: str) -> Response:
        """Show the notice of a link; a wrong one gives the same plain 404 as any other wrong address."""
        return await self._answer(source, lambda: self._notice(token), pressed=False)

    async def press(self, source: str, token: str) -> Response:
        """Record the press, however late it comes, and say so."""
        return await self._answer(source, lambda: self._pressed(token), pressed=True)

    async def genuine(self, source: str, number: str) -> Response:
        """Say whether a number is that of a notice of ours that was sent; both answers look and cost the same."""
        if not self._desk.pages.allows(source):
            return _plain("Too many requests; try again in a minute.\n", 429)
        wanted = number.strip().upper()[:20]
        try:
            known = await asyncio.to_thread(self._is_known, wanted)
        except TocsinError:
            return _plain("Not now; try again in a minute.\n", 503)
        shown = wanted if _NUMBER.fullmatch(wanted) else ""
        test = shown.startswith("P")
        return self._page("number.html", number=shown, asked=bool(wanted), known=known, test=test)

    async def _answer(self, source: str, find: Callable[[], Notice | None], *, pressed: bool) -> Response:
        if not self._desk.pages.allows(source):
            return _plain("Too many requests; try again in a minute.\n", 429)
        try:
            row = await asyncio.to_thread(find)
        except TocsinError:
            return _plain("Not now; try again in a minute. Nothing was recorded.\n", 503)
        if row is None:
            return _plain(NOT_FOUND, 404)
        confirmed = pressed or row.state is NoticeState.ACKNOWLEDGED
        page = "probe.html" if is_round(row.incident_id) else "notice.html"
        return self._page(page, number=row.number, sent=_day(row.claimed_at), confirmed=confirmed)

    def _notice(self, token: str) -> Notice | None:
        # A token of a wrong shape is looked up all the same, so that its answer takes as long.
        digest = token_digest(token)
        with self._desk.store.reading() as tx:
            row = tx.ledger.linked(digest)
        return row if is_token(token) else None

    def _pressed(self, token: str) -> Notice | None:
        row, now = self._notice(token), self._desk.now()
        if row is None:
            return None
        take(self._desk.store, [self._press(row, token, now)], now)
        return row

    def _press(self, row: Notice, token: str, now: datetime) -> Heard:
        minute = f"{now:%Y-%m-%dT%H:%M}"  # pressed twice in a minute is one press
        said = {"pressed_at": now.isoformat(), "notice": row.notice_id, "proves": "a holder of the link pressed"}
        return Heard(
            receipt_id=self._desk.sealer.mark("press", f"{token_digest(token)}/{minute}")[:40],
            kind=ReceiptKind.ACKNOWLEDGED,
            at=now,
            source="link",
            notice_id=row.notice_id,
            detail="a holder of the link pressed",
            raw=orjson.dumps(said),
        )

    def _is_known(self, number: str) -> bool:
        with self._desk.store.reading() as tx:
            return tx.ledger.is_genuine(number)

    def _page(self, name: str, **values: object) -> Response:
        html = self._templates.get_template(name).render(sender=self._desk.sender_name, **values)
        return Response(html, media_type="text/html", headers=HEADERS)


def token_digest(token: str) -> str:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _plain(words: str, status: int) -> Response:
    return Response(words, status_code=status, media_type="text/plain", headers=HEADERS)


def _day(at: datetime | None) -> str:
    return f"{at:%-d %B %Y}" if at else "an unknown day"
