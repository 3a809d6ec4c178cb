"""Pagers that keep an incident open until it is over: PagerDuty (Events API v2) and GoAlert (generic API).

Each page is one incident there, under an opaque key: it is triggered, acknowledged when a person answers, and resolves
itself when the duty is discharged. The address holds a key, so it is a secret and is never printed.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aiohttp

from tocsin.domain.errors import Deferred, Refused
from tocsin.ports import Page, PageAnswer
from tocsin.settings import LOOPBACK

ANSWERS_WITHIN = aiohttp.ClientTimeout(total=8)
SUMMARY = 1024
"""Characters that a summary may have."""

_ACTIONS = {PageAnswer.ACKNOWLEDGED: "acknowledge", PageAnswer.RESOLVED: "resolve"}
FORMS = (
    "pagerduty+https://events.pagerduty.com/v2/enqueue?routing_key=KEY",
    "goalert+https://HOST/api/v2/generic/incoming?token=KEY",
)
"""How the addresses are written."""


def is_incident_url(url: str) -> bool:
    """Say whether a pager's address is one of these."""
    return url.partition("://")[0] in {f"{kind}+{scheme}" for kind in _KINDS for scheme in ("https", "http")}


class IncidentPager:
    """Keeps incidents at one service; fulfils `ports.Pager`.

    Args:
        url: as `FORMS` says; plain http for this machine only.
        place: its place among the pagers, by which messages name it.

    Raises:
        Refused: if the address lacks its key, or would carry it in the clear.
    """

    keeps_open = True

    def __init__(self, url: str, place: int) -> None:
        kind, _, rest = url.partition("+")
        parts = urlsplit(rest)
        key = parse_qs(parts.query).get(_KINDS[kind], [""])[0]
        if not key or (parts.scheme == "http" and parts.hostname not in LOOPBACK):
            raise Refused(f"TOCSIN_PAGER_URLS: the URL in place {place} is written as {' or '.join(FORMS)}")
        self.name = f"pager {place} ({kind})"
        self._kind, self._key = kind, key
        self._address = urlunsplit(parts._replace(query=""))

    async def page(self, page: Page) -> None:
        """Open the page's incident; the same page again changes nothing there. Raises Deferred if it failed."""
        await self._post(_TRIGGERS[self._kind](self._key, _about(page), page))

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Acknowledge or resolve an incident; one that is not there is left alone. Raises Deferred if it failed."""
        body = _ANSWERS[self._kind](self._key, about, answer)
        if body is not None:
            await self._post(body)

    async def _post(self, body: dict[str, Any]) -> None:
        form = None if self._kind == "pagerduty" else body
        try:
            async with (
                aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as http,
                http.post(self._address, json=None if form else body, data=form, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            why = type(error).__name__
            raise Deferred(f"{self.name} gave no answer ({why}); check its URL and the service") from None
        if not 200 <= status < 300:
            raise Deferred(f"{self.name} answered {status}; check its key in TOCSIN_PAGER_URLS and the service")


def _about(page: Page) -> str:
    return page.about or f"pag-{hashlib.sha256(page.key.encode()).hexdigest()[:32]}"


def _pagerduty_trigger(key: str, about: str, page: Page) -> dict[str, Any]:
    return {
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": about,
        "payload": {
            "summary": page.subject[:SUMMARY],
            "source": "tocsin",
            "severity": "critical",
            "timestamp": page.at.isoformat(),
            "custom_details": {"text": page.text},
        },
    }


def _pagerduty_answer(key: str, about: str, answer: PageAnswer) -> dict[str, Any]:
    return {"routing_key": key, "event_action": _ACTIONS[answer], "dedup_key": about}


def _goalert_trigger(key: str, about: str, page: Page) -> dict[str, Any]:
    return {"token": key, "dedup": about, "summary": page.subject[:SUMMARY], "details": page.text}


def _goalert_answer(key: str, about: str, answer: PageAnswer) -> dict[str, Any] | None:
    # Its generic API closes; that a person answered it learns from nobody, and goes on with its own escalation.
    if answer is PageAnswer.ACKNOWLEDGED:
        return None
    return {"token": key, "dedup": about, "summary": "over", "action": "close"}


_KINDS = {"pagerduty": "routing_key", "goalert": "token"}
"""The parameter of the address that holds the key, by kind."""
_TRIGGERS = {"pagerduty": _pagerduty_trigger, "goalert": _goalert_trigger}
_ANSWERS = {"pagerduty": _pagerduty_answer, "goalert": _goalert_answer}
