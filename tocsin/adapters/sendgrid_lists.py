"""SendGrid's suppression lists, read whole: it answers 202 to a letter to whoever is on one, and sends nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic

import aiohttp
import orjson

from tocsin.adapters.masked import masked
from tocsin.adapters.sendgrid_answer import Answer, wait_after
from tocsin.domain.errors import Deferred
from tocsin.ports import Suppressed

LISTS = {"bounces": True, "invalid_emails": True, "spam_reports": True, "unsubscribes": True, "blocks": False}
"""The lists, and whether a letter to an address on one is dropped. Blocked ones SendGrid tries again, each time."""

PAGE = 500
"""Entries that one answer holds at most."""

MOST_PAGES = 400
"""Of one list. Whoever has more than 200,000 addresses on it hears of the others only by their events."""

Get = Callable[[str], Awaitable[Answer]]


class SuppressionLists:
    """Reads the lists by a `get` of the channel, beside each other, page by page."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._not_before = 0.0
        """When SendGrid may be asked again, on the monotonic clock: it said 429."""

    async def read(self, at: datetime) -> list[Suppressed]:
        """Return every entry of every list.

        Raises:
            Deferred: if one of them cannot be read whole; half of what is suppressed would look like all of it.
        """
        if monotonic() < self._not_before:
            raise Deferred("SendGrid asked for fewer requests; its suppression lists are read later")
        found = await asyncio.gather(*(self._whole(name, at) for name in LISTS), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return [entry for one in found if isinstance(one, list) for entry in one]

    async def _whole(self, name: str, at: datetime) -> list[Suppressed]:
        entries: list[Suppressed] = []
        for page in range(MOST_PAGES):
            answer = await self._page(f"/v3/suppression/{name}?limit={PAGE}&offset={page * PAGE}")
            if answer.status == 429:
                wait: timedelta = wait_after(answer, at)
                self._not_before = max(self._not_before, monotonic() + wait.total_seconds())
            if answer.status != 200:
                raise Deferred(_refused(name, answer))
            listed = _array(name, answer)
            entries += _entries(name, listed)
            if len(listed) < PAGE:
                break
        return entries

    async def _page(self, path: str) -> Answer:
        try:
            return await self._get(path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Deferred(masked(f"SendGrid's suppression lists: {type(error).__name__}: {error}")) from error


def _refused(name: str, answer: Answer) -> str:
    fix = "give the key the right `suppression.read`" if answer.status in {401, 403} else "they are read again later"
    return f"SendGrid answered {answer.status} when asked for its list {name}; {fix}"


def _array(name: str, answer: Answer) -> list[object]:
    try:
        listed = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        listed = None
    if not isinstance(listed, list):
        raise Deferred(f"SendGrid's list {name} is no JSON array; they are read again later")
    return listed


def _entries(name: str, listed: list[object]) -> Iterator[Suppressed]:
    """Yield the entries that name an address; anything else is nothing that a letter could be compared with."""
    for entry in listed:
        if isinstance(entry, dict) and isinstance(address := entry.get("email"), str) and address.strip():
            reason = entry.get("reason")
            yield Suppressed(
                address=address,
                listed=name,
                since=_instant(entry.get("created")),
                reason=masked(" ".join(reason.split())) if isinstance(reason, str) else "",
                drops=LISTS[name],
                raw=orjson.dumps(entry),
            )


def _instant(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
