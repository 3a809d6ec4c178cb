"""SendGrid's suppression lists against a real server on this machine: whole, page by page, or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.ports.test_channels_sendgrid import AT, KEY, Stand, garbage, reset, standing, status
from tocsin.adapters import sendgrid_lists
from tocsin.adapters.sendgrid import SendGrid
from tocsin.domain.errors import Deferred
from tocsin.ports import Suppressed, Suppresses


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A server for one test."""
    async with standing() as made:
        yield made


Entries = dict[str, list[Any]]


def entry(address: str, **more: object) -> dict[str, object]:
    """Return an entry as SendGrid writes it."""
    return {"created": 1_767_225_600, "email": address, **more}


def serving(lists: Entries) -> Callable[[web.Request], Any]:
    """Return a script that serves these lists by limit and offset."""

    async def script(request: web.Request) -> web.Response:
        listed = lists.get(request.path.rpartition("/")[2], [])
        limit, offset = int(request.query["limit"]), int(request.query["offset"])
        return web.json_response(listed[offset : offset + limit])

    return script


async def read(stand: Stand) -> list[Suppressed]:
    """Read the lists of a server."""
    channel = SendGrid(SecretStr(KEY), stand.url)
    try:
        return await channel.suppressed(AT)
    finally:
        await channel.close()


async def test_every_list_is_read_to_its_end(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages of all lists come, under the key, and say whether letters to the address are dropped."""
    monkeypatch.setattr(sendgrid_lists, "PAGE", 2)
    many = [entry(f"{n}@cedar.example", reason="550 no such mailbox at 5@cedar.example") for n in range(5)]
    stand.script = serving({"bounces": many, "blocks": [entry("bea@birch.example")]})

    found = {one.address: one for one in await read(stand)}

    assert set(found) == {*(f"{n}@cedar.example" for n in range(5)), "bea@birch.example"}
    assert (found["4@cedar.example"].listed, found["4@cedar.example"].drops) == ("bounces", True)
    assert found["4@cedar.example"].since is not None
    assert found["4@cedar.example"].reason == "550 no such mailbox at (address)"
    assert orjson.loads(found["4@cedar.example"].raw) == many[4]
    assert not found["bea@birch.example"].drops
    assert {request[1] for request in stand.requests} == {
        f"/v3/suppression/{name}" for name in ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")
    }
    assert {request[2]["Authorization"] for request in stand.requests} == {f"Bearer {KEY}"}


async def test_what_names_no_address_is_passed_over(stand: Stand) -> None:
    """Entries that are none, and instants that cannot be, spoil nothing."""
    odd: list[Any] = [None, 7, "x", [], {}, {"email": None}, {"email": " "}, entry("dee@cedar.example", created=10**30)]
    stand.script = serving({"unsubscribes": odd})

    (one,) = await read(stand)

    assert (one.address, one.since) == ("dee@cedar.example", None)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (status(403), "suppression.read"),
        (status(500), "answered 500"),
        (status(302, Location="/elsewhere"), "answered 302"),
        (status(200, b'{"errors": []}'), "no JSON array"),
        (status(200, b"<h1>"), "no JSON array"),
        (reset, "lists"),
        (garbage, "lists"),
    ],
)
async def test_half_of_the_lists_is_none(stand: Stand, script: Any, words: str) -> None:
    """A list that cannot be read whole defers them all, and says why without the key."""
    stand.script = script
    with pytest.raises(Deferred, match=words) as caught:
        await read(stand)
    assert KEY not in str(caught.value)


async def test_told_to_wait(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 429 is obeyed: no list is asked for before the time that it says, and then all are."""
    clock = [time.monotonic()]
    monkeypatch.setattr(sendgrid_lists, "monotonic", lambda: clock[0])
    channel = SendGrid(SecretStr(KEY), stand.url)
    assert isinstance(channel, Suppresses)
    stand.script = status(429, Retry_After="30")
    with pytest.raises(Deferred):
        await channel.suppressed(AT)
    stand.script = serving({})
    asked = len(stand.requests)

    clock[0] += 29
    with pytest.raises(Deferred, match="fewer"):
        await channel.suppressed(AT)
    assert len(stand.requests) == asked
    clock[0] += 2
    assert await channel.suppressed(AT) == []
    await channel.close()


async def test_lists_and_letters_share_the_connections(stand: Stand) -> None:
    """The lists take no connections of their own: with two allowed, two are used."""
    channel = SendGrid(SecretStr(KEY), stand.url, in_flight=2)
    stand.script = serving({})
    await asyncio.gather(channel.suppressed(AT), channel.suppressed(AT))
    await channel.close()

    assert len(stand.peers) <= 2
