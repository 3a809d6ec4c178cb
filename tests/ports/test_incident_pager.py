"""Incidents at PagerDuty and GoAlert, over real HTTP: opened, acknowledged, and resolved by themselves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.ports.test_pager import a_page, pages
from tocsin.adapters.channels import open_pager, open_pagers
from tocsin.adapters.incident_pager import IncidentPager
from tocsin.adapters.outbox import Outbox
from tocsin.domain.errors import Deferred, Refused
from tocsin.ports import PageAnswer
from tocsin.settings import Settings

KEY = "secret-routing-key"


class Desk:
    """Both services on loopback: their incidents by key, as each of their APIs would leave them."""

    def __init__(self) -> None:
        self.incidents: dict[str, list[str]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.status = 202
        self.address = ""

    async def enqueue(self, request: web.Request) -> web.Response:
        """Take an event as PagerDuty does."""
        body = await request.json()
        self.bodies.append(body)
        if self.status != 202 or body["routing_key"] != KEY:
            return web.Response(status=self.status if self.status != 202 else 400)
        self._note(body["dedup_key"], body["event_action"], trigger="trigger")
        return web.json_response({"status": "success", "dedup_key": body["dedup_key"]}, status=202)

    async def incoming(self, request: web.Request) -> web.Response:
        """Take a call as GoAlert's generic API does."""
        body = dict(await request.post())
        self.bodies.append(body)
        if body["token"] != KEY:
            return web.Response(status=401)
        self._note(str(body["dedup"]), str(body.get("action", "open")), trigger="open")
        return web.Response(status=204)

    def _note(self, key: str, what: str, trigger: str) -> None:
        # Acknowledging or ending what was never opened is taken, and does nothing.
        if what == trigger or key in self.incidents:
            self.incidents.setdefault(key, []).append(what)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """The services on a free port."""
    desk, app = Desk(), web.Application()
    app.router.add_post("/v2/enqueue", desk.enqueue)
    app.router.add_post("/api/v2/generic/incoming", desk.incoming)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk.address = f"127.0.0.1:{runner.addresses[0][1]}"
    yield desk
    await runner.cleanup()


def pagerduty(desk: Desk, key: str = KEY) -> str:
    """Return the address of PagerDuty there."""
    return f"pagerduty+http://{desk.address}/v2/enqueue?routing_key={key}"


def goalert(desk: Desk) -> str:
    """Return the address of GoAlert there."""
    return f"goalert+http://{desk.address}/api/v2/generic/incoming?token={KEY}"


async def test_pagerduty_from_trigger_to_resolved(desk: Desk) -> None:
    """A page opens an incident under its opaque key, an answer acknowledges it, and the end resolves it."""
    pager = IncidentPager(pagerduty(desk), 1)
    page = a_page(about="pag-1")
    await pager.page(page)
    await pager.answer("pag-1", PageAnswer.ACKNOWLEDGED)
    await pager.answer("pag-1", PageAnswer.RESOLVED)
    await pager.answer("pag-never", PageAnswer.RESOLVED)

    assert desk.incidents == {"pag-1": ["trigger", "acknowledge", "resolve"]}
    payload = desk.bodies[0]["payload"]
    assert (payload["summary"], payload["custom_details"]["text"]) == (page.subject, page.text)
    assert (payload["severity"], payload["source"]) == ("critical", "tocsin")


async def test_goalert_closes(desk: Desk) -> None:
    """GoAlert opens and closes under the same key; it has no way to be told of an answer."""
    pager = IncidentPager(goalert(desk), 1)
    await pager.page(a_page(about="pag-1"))
    await pager.answer("pag-1", PageAnswer.ACKNOWLEDGED)
    await pager.answer("pag-1", PageAnswer.RESOLVED)

    assert desk.incidents == {"pag-1": ["open", "close"]}


async def test_same_page_is_one_incident(desk: Desk) -> None:
    """A page about nothing that ends has a key of its own, the same at each try, which says nothing of it."""
    pager = IncidentPager(pagerduty(desk), 1)
    for _ in range(2):
        await pager.page(a_page(key="trouble:inc-1"))

    (key,) = desk.incidents
    assert "inc-1" not in key


@pytest.mark.parametrize("status", [302, 400, 429, 500])
async def test_refusing_service_hands_on(desk: Desk, tmp_path: Path, status: int) -> None:
    """A service that does not take the page hands on to the next pager at once, without its key in any words."""
    desk.status = status
    chosen = Settings(home=tmp_path, pager_urls=SecretStr(pagerduty(desk)))
    await open_pager(Outbox(tmp_path, "pages"), chosen).page(a_page())

    text = pages(tmp_path)[0].read_text().replace("=\n", "")
    assert f"pager 1 (pagerduty) answered {status}" in text
    assert KEY not in text


async def test_dead_service_hands_on() -> None:
    """A service that cannot be reached is a reason to try the next."""
    with pytest.raises(Deferred, match=r"pager 2 \(goalert\) gave no answer") as failed:
        await IncidentPager("goalert+http://127.0.0.1:9/api?token=secret", 2).page(a_page())
    assert "secret" not in str(failed.value)


async def test_names_and_answers_reach_all(desk: Desk, tmp_path: Path) -> None:
    """Named addresses keep their `=`; an answer goes to every pager, since nobody knows which one took the page."""
    urls = f"oncall={pagerduty(desk)} desk={goalert(desk)}"
    chosen = Settings(home=tmp_path, pager_urls=SecretStr(urls))
    assert [*open_pagers(Outbox(tmp_path, "pages"), chosen)] == ["oncall", "desk", "mail"]
    pager = open_pager(Outbox(tmp_path, "pages"), chosen)
    assert pager.keeps_open
    await pager.page(a_page(about="pag-1"))
    await pager.answer("pag-1", PageAnswer.RESOLVED)
    assert [body.get("event_action", body.get("action")) for body in desk.bodies] == ["trigger", "resolve", "close"]


@pytest.mark.parametrize(
    "url", ["pagerduty+https://events.pagerduty.com/v2/enqueue", "goalert+http://h.example?token=x"]
)
def test_address_without_key_or_lock(url: str) -> None:
    """An address without its key, or one that would carry it in the clear, is refused with how it is written."""
    with pytest.raises(Refused, match="place 3 is written as pagerduty"):
        IncidentPager(url, 3)


@pytest.mark.parametrize("urls", ["a=json://h.example a=json://i.example", "mail=json://h.example"])
def test_names_are_taken_once(tmp_path: Path, urls: str) -> None:
    """Two pagers of one name, or one that is called mail, are refused."""
    with pytest.raises(Refused, match="is taken"):
        open_pagers(Outbox(tmp_path, "pages"), Settings(home=tmp_path, pager_urls=SecretStr(urls)))
