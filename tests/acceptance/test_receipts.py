"""From outside: a real worker, a real console, and a stand-in for SendGrid that signs what it says."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from tests.acceptance.collector import Collector
from tests.acceptance.conftest import Install
from tests.acceptance.stack import Ran, free_port
from tests.ports.webhook import SigningKey, body_of, event
from tocsin.adapters.spans import trace_id_of
from tocsin.ports import Store

REGISTER = """\
agreement,party,notify,discharge,services,contact,deputies
BIRCH-1,Birch Clinic,72h from confirmation,acknowledged,records-api,Bea Birch <bea@birch.example>,
CEDAR-1,Cedar Bank,72h from confirmation,delivered,records-api,Cem Cedar <cem@cedar.example>,Dee <dee@cedar.example>
"""
STEPS = {
    "StartUpdateWithStartWorkflow:tocsin.Incident",
    "act.report",
    "StartWorkflowUpdate:act",
    "act.release",
    "RunWorkflow:tocsin.Wave",
    "notice.accepted",
    "receipt.bounced",
    "receipt.delivered",
    "receipt.acknowledged",
    "wave.ended",
}
"""Spans of the command line, the workflows, the activities and the console."""


class StandIn:
    """Takes every letter as SendGrid does, and keeps it by the address that it goes to."""

    def __init__(self) -> None:
        self.letters: dict[str, dict[str, Any]] = {}

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Serve on a port."""
        app = web.Application()
        app.router.add_post("/v3/mail/send", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
        await runner.cleanup()

    def notice(self, address: str) -> str:
        """Return the id that a letter's events will bear."""
        (personalization,) = self.letters[address]["personalizations"]
        return str(personalization["custom_args"]["notice_id"])

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        to = body["personalizations"][0]["to"][0]["email"]
        self.letters[to] = body
        return web.Response(status=202, headers={"X-Message-Id": f"mid-{len(self.letters)}"})


async def until(happened: Callable[[], object], within: float = 60) -> None:
    """Wait until something shows."""
    async with asyncio.timeout(within):
        while not happened():  # noqa: ASYNC110 - the processes outside have no event to wait for
            await asyncio.sleep(0.1)


async def test_a_bounce_falls_back_and_only_a_press_acknowledges(install: Install) -> None:
    """A bounce finds the deputy by itself, only the press acknowledges, and one trace shows it all without a name."""
    key, stand_in, collector = SigningKey(), StandIn(), Collector()
    sendgrid, port, traces = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    installation = install(
        CHANNEL="sendgrid",
        SENDGRID_API_KEY="SG.for-a-stand-in",
        SENDGRID_BASE_URL=f"http://127.0.0.1:{sendgrid}",
        SENDGRID_WEBHOOK_KEYS=key.public,
        CONSOLE_ADDRESS=f"127.0.0.1:{port}",
        PUBLIC_URL=url,
        TRACES_URL=f"http://127.0.0.1:{traces}/v1/traces",
    )

    async def does(*words: str, user: str = "asha") -> Ran:
        return await asyncio.to_thread(installation.does, *words, user=user)

    await asyncio.to_thread(installation.set_up, REGISTER)
    async with stand_in.listening(sendgrid), collector.listening(traces), aiohttp.ClientSession() as http:
        with installation.working(), installation.console():
            await does("report", "Odd logins", "--service", "records-api")
            await does("confirm", "last")
            wave = (await does("draft", "last", "--json")).json["wave"]
            await does("release", "last", wave["wave_id"], "--digest", wave["digest"], user="dara")
            await until(lambda: {"bea@birch.example", "cem@cedar.example"} <= stand_in.letters.keys())

            async def say(address: str, kind: str) -> int:
                body = body_of(event(kind, stand_in.notice(address), datetime.now(UTC), email=address))
                headers = key.headers(body, datetime.now(UTC))
                async with http.post(f"{url}/webhooks/sendgrid", data=body, headers=headers) as answer:
                    return answer.status

            assert await say("cem@cedar.example", "bounce") == 200
            await until(lambda: "dee@cedar.example" in stand_in.letters)
            assert [await say("dee@cedar.example", "delivered"), await say("bea@birch.example", "delivered")] == [
                200
            ] * 2
            clocks = (await does("show", "last", "--json")).json["clocks"]
            assert [clock["told"] for clock in clocks if clock["spec"]["title"] == "72 h from confirmation"] == [1]

            text = stand_in.letters["bea@birch.example"]["content"][0]["value"]
            link = re.search(rf"{url}/a/[A-Za-z0-9_-]{{43}}", text)
            assert link is not None
            async with http.get(link[0]) as page:
                assert (page.status, page.headers["Referrer-Policy"]) == (200, "no-referrer")
            assert _state(await does("receipts", "list", "last", "--json"), "BIRCH-1") == ["delivered"]
            async with http.post(link[0]) as page:
                assert page.status == 200
            assert _state(await does("receipts", "list", "last", "--json"), "BIRCH-1") == ["acknowledged"]
            store = (await installation.house()).store
            await until(lambda: "wave.ended" in _log(store), within=90)
            shown = (await does("show", "last")).out
            assert "acknowledged" in shown
            assert _state(await does("receipts", "list", "last", "--json"), "CEDAR-1") == ["replaced", "delivered"]
            await does("evidence", "last", "--output", str(installation.home / "evidence"))
            await does("verify", str(installation.home / "evidence"))
            incident_id = (await does("show", "last", "--json")).json["incident_id"]
    # The console and the worker have ended, and with them everything is posted.
    assert collector.of(trace_id_of(incident_id)) >= STEPS
    assert b"example" not in collector.bytes
    assert b"Birch" not in collector.bytes
    assert b"Odd logins" not in collector.bytes


def _state(ran: Ran, reference: str) -> list[str]:
    return [one["state"] for one in ran.json if one["reference"] == reference]


def _log(store: Store) -> set[str]:
    with store.reading() as tx:
        return {json.loads(entry.body)["kind"] for entry in tx.log.entries()}
