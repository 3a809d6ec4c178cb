"""The SendGrid channel against a real server on this machine: exact requests, and an honest verdict for every fault."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from tocsin.adapters.sendgrid import SendGrid
from tocsin.adapters.sendgrid_answer import Answer, judge, judge_failure
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.domain.values import NoticeId
from tocsin.ports import Channel, Outcome, Verdict

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
KEY = "SG.not-a-real.key-for-tests"
QUICK = aiohttp.ClientTimeout(total=10, connect=5, sock_connect=5, sock_read=0.2)
NO_WORDS: dict[str, str] = {}

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


def a_letter(**change: Any) -> Letter:
    """Return a letter to Cedar Bank, with some fields changed."""
    values: dict[str, Any] = {
        "from_name": "Incident desk",
        "from_address": "incident-desk@processor.example",
        "reply_to": "replies@processor.example",
        "to_name": "Privacy desk; Cedar Bank, Inc.",
        "to_address": "desk@cedar.example",
        "subject": "Security incident notice N-7Q2F-M3KD under agreement CEDAR-7",
        "text": "Dear Cedar,\nplain words\n",
        "html": "<p>Dear Cedar</p>\n",
        "language": "en",
        "message_id": "<ntc-cedarcedarcedar1@processor.example>",
        "in_reply_to": "<ntc-cedarcedarcedar0@processor.example>",
        "notice_number": "N-7Q2F-M3KD",
        "notice_id": NoticeId("ntc-cedarcedarcedar1"),
    }
    return Letter(**{**values, **change})


class Stand:
    """A server that notes each request and answers by a script."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: set[object] = set()
        self.busy = self.busiest = 0
        self.script: Script = accepted
        self.closing = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request and play the script."""
        self.requests.append((request.method, request.path, dict(request.headers), await request.read()))
        self.peers.add(request.get_extra_info("peername"))
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            return await self.script(request)
        finally:
            self.busy -= 1

    async def silence(self, _: web.Request) -> web.StreamResponse:
        """Answer nothing for as long as the server runs."""
        await self.closing.wait()
        return web.Response()


async def accepted(_: web.Request) -> web.StreamResponse:
    """Answer as SendGrid does when it queues a letter."""
    return web.Response(status=202, headers={"X-Message-Id": "14c5d75ce93ed1aGsCBFEg"})


def status(code: int, body: bytes = b"", **headers: str) -> Script:
    """Return a script that gives this answer; an underscore in a header's name stands for a hyphen."""

    async def script(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, body=body, headers=named)

    return script


async def cut(request: web.Request) -> web.StreamResponse:
    """Answer 202, promise a body and hang up in the middle of it."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: x\r\nContent-Length: 100\r\n\r\nhalf")
    request.transport.close()
    return web.Response()


async def reset(request: web.Request) -> web.StreamResponse:
    """Take the whole request and drop the connection without a word."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def garbage(request: web.Request) -> web.StreamResponse:
    """Answer something that is not HTTP."""
    assert request.transport is not None
    request.transport.write(b"220 smtp.example ready\r\n\r\n")
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def standing() -> AsyncIterator[Stand]:
    """Run a server on a free port."""
    stand = Stand()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand
    stand.closing.set()
    await runner.cleanup()


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A server for one test."""
    async with standing() as made:
        yield made


@asynccontextmanager
async def channel_to(url: str, **options: Any) -> AsyncIterator[Channel]:
    """Open a channel and close it again."""
    channel = SendGrid(SecretStr(KEY), url, **options)
    try:
        yield channel
    finally:
        await channel.close()


async def sent(stand: Stand, script: Script, **options: Any) -> Outcome:
    """Send a letter to a server that plays this script."""
    stand.script = script
    async with channel_to(stand.url, **options) as channel:
        return await channel.send(channel.prepare(a_letter()), AT)


def body_of(letter: Letter, **options: Any) -> Any:
    """Return the JSON that is prepared for a letter."""
    return orjson.loads(SendGrid(SecretStr(KEY), "https://api.sendgrid.com", **options).prepare(letter))


def test_request_is_exact() -> None:
    """The request holds these fields and no others: one recipient, no tracking, opaque ids, plain text first."""
    assert body_of(a_letter()) == {
        "from": {"email": "incident-desk@processor.example", "name": "Incident desk"},
        "reply_to": {"email": "replies@processor.example"},
        "subject": "Security incident notice N-7Q2F-M3KD under agreement CEDAR-7",
        "personalizations": [
            {
                "to": [{"email": "desk@cedar.example", "name": "Privacy desk Cedar Bank Inc."}],
                "custom_args": {"notice_id": "ntc-cedarcedarcedar1"},
            }
        ],
        "content": [
            {"type": "text/plain", "value": "Dear Cedar,\nplain words\n"},
            {"type": "text/html", "value": "<p>Dear Cedar</p>\n"},
        ],
        "headers": {
            "Message-ID": "<ntc-cedarcedarcedar1@processor.example>",
            "In-Reply-To": "<ntc-cedarcedarcedar0@processor.example>",
            "References": "<ntc-cedarcedarcedar0@processor.example>",
            "Auto-Submitted": "auto-generated",
            "X-Tocsin-Notice": "N-7Q2F-M3KD",
        },
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


def test_what_a_letter_lacks_is_left_out() -> None:
    """Without names, an earlier letter, HTML or an address for replies, nothing empty is sent in their place."""
    body = body_of(a_letter(from_name="", to_name="", in_reply_to=None, reply_to=None, html=""))

    assert body["from"] == {"email": "incident-desk@processor.example"}
    assert body["personalizations"][0]["to"] == [{"email": "desk@cedar.example"}]
    assert set(body["headers"]) == {"Message-ID", "Auto-Submitted", "X-Tocsin-Notice"}
    assert [part["type"] for part in body["content"]] == ["text/plain"]
    assert "reply_to" not in body


def test_same_letter_gives_the_same_bytes() -> None:
    """Preparing twice, by two channels, gives equal bytes."""
    one, other = (SendGrid(SecretStr(KEY), "https://api.sendgrid.com") for _ in range(2))

    assert one.prepare(a_letter()) == other.prepare(a_letter())


def test_sandbox_is_asked_for_by_name() -> None:
    """Only a channel in sandbox mode asks for it."""
    assert body_of(a_letter(), sandbox=True)["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert "mail_settings" not in body_of(a_letter())


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "a\r\nBcc: v@elsewhere.example"},
        {"to_name": "a\nb"},
        {"to_address": "evil\r\nBcc: v@elsewhere.example"},
        {"message_id": "<a>\r\nX: y"},
        {"text": "\ud800"},
        {"text": f"{KEY.replace('-', '')} was found in a log"},
        {"html": "x" * 30_000_000},
    ],
    ids=["subject", "name", "address", "id", "surrogate", "key", "size"],
)
def test_what_cannot_be_carried_is_refused(change: dict[str, str]) -> None:
    """A letter that SendGrid would change or refuse is refused when it is drafted, with the number of the notice."""
    with pytest.raises(Refused, match="N-7Q2F-M3KD"):
        SendGrid(SecretStr(KEY), "https://api.sendgrid.com").prepare(a_letter().model_copy(update=change))


@pytest.mark.parametrize(
    "url", ["http://api.sendgrid.com", "ftp://api.sendgrid.com", "api.sendgrid.com", "", "https://"]
)
def test_key_never_goes_in_the_clear(url: str) -> None:
    """A base URL without TLS to anywhere but this machine is refused with the right one."""
    with pytest.raises(Refused, match=r"use https://api\.sendgrid\.com"):
        SendGrid(SecretStr(KEY), url)


@pytest.mark.parametrize("key", ["", "a b", "a\nX: y", "ä"])
def test_odd_key_is_refused(key: str) -> None:
    """A key that cannot be one is refused at the start, without being shown."""
    with pytest.raises(Refused, match="copy the key again"):
        SendGrid(SecretStr(key), "https://api.sendgrid.com")


async def test_prepared_bytes_are_what_is_posted(stand: Stand) -> None:
    """The server gets exactly the released bytes, with the key, at the one right place."""
    async with channel_to(stand.url + "/") as channel:
        prepared = channel.prepare(a_letter())
        outcome = await channel.send(prepared, AT)

    [(method, path, headers, body)] = stand.requests
    assert outcome == Outcome(verdict=Verdict.ACCEPTED, provider_id="14c5d75ce93ed1aGsCBFEg")
    assert (method, path, body) == ("POST", "/v3/mail/send", prepared)
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"


async def test_missing_message_id_is_still_accepted(stand: Stand) -> None:
    """A 202 without the id header counts: the letter was taken."""
    assert await sent(stand, status(202)) == Outcome(verdict=Verdict.ACCEPTED)


async def test_late_answer_counts(stand: Stand) -> None:
    """An answer that comes after others have come and gone is still this letter's answer."""
    first, release = asyncio.Event(), asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        first.set()
        await release.wait()
        return await accepted(request)

    async with channel_to(stand.url) as channel:
        stand.script = late
        waiting = asyncio.ensure_future(channel.send(channel.prepare(a_letter()), AT))
        await first.wait()
        stand.script = accepted
        other = await channel.send(channel.prepare(a_letter()), AT)
        release.set()

        assert [(await waiting).verdict, other.verdict] == [Verdict.ACCEPTED, Verdict.ACCEPTED]


@pytest.mark.parametrize("code", [400, 413, 415, 422])
async def test_wrong_letter_is_rejected(stand: Stand, code: int) -> None:
    """An answer about this one letter rejects it, with SendGrid's reasons and no address."""
    errors = [
        {
            "message": "Does not contain a valid address: desk@cedar.example.",
            "field": "personalizations.0.to",
            "help": None,
        },
        {"message": "Second\nreason", "field": "null"},
    ]

    outcome = await sent(stand, status(code, orjson.dumps({"errors": errors})))

    assert outcome.verdict is Verdict.REJECTED
    assert outcome.detail == (
        f"{code} personalizations.0.to: Does not contain a valid address: (address); Second reason"
    )


@pytest.mark.parametrize("code", [401, 402, 403, 404, 405, 406, 407, 451])
async def test_wrong_account_or_host_stops_the_channel(stand: Stand, code: int) -> None:
    """An answer that every letter would get says that the channel is down, not that this letter is wrong."""
    outcome = await sent(stand, status(code, b'{"errors":[{"message":"authorization required","field":null}]}'))

    assert (outcome.verdict, outcome.detail) == (Verdict.CHANNEL_DOWN, f"{code} authorization required")


@pytest.mark.parametrize("code", [200, 201, 204])
async def test_other_success_is_none(stand: Stand, code: int) -> None:
    """A success that is not 202 means that nothing was sent: sandbox mode, or something that is not SendGrid."""
    outcome = await sent(stand, status(code))

    assert outcome.verdict is Verdict.CHANNEL_DOWN
    assert "nothing was sent" in outcome.detail


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(stand: Stand, code: int) -> None:
    """A redirect stops the channel, and the key goes nowhere else."""
    outcome = await sent(stand, status(code, Location=f"{stand.url}/elsewhere"))

    assert outcome.verdict is Verdict.CHANNEL_DOWN
    assert [path for _, path, _, _ in stand.requests] == ["/v3/mail/send"]


@pytest.mark.parametrize("code", [408, 500, 502, 504, 599])
async def test_server_error_leaves_doubt(stand: Stand, code: int) -> None:
    """A gateway may answer an error after the letter was queued: it is in doubt, whatever its page says."""
    outcome = await sent(stand, status(code, b"<html>Bad gateway</html>"))

    assert outcome == Outcome(verdict=Verdict.IN_DOUBT, detail=str(code))


@pytest.mark.parametrize("script", [cut, reset, garbage], ids=["cut", "reset", "garbage"])
async def test_broken_answer_leaves_doubt(stand: Stand, script: Script) -> None:
    """Once the letter went out, a broken answer leaves it in doubt, and it is not sent a second time."""
    outcome = await sent(stand, script)

    assert outcome.verdict is Verdict.IN_DOUBT
    assert outcome.detail
    assert len(stand.requests) == 1


async def test_silence_leaves_doubt(stand: Stand) -> None:
    """A server that takes the letter and never answers leaves it in doubt once the time is up."""
    outcome = await sent(stand, stand.silence, timeout=QUICK)

    assert outcome.verdict is Verdict.IN_DOUBT
    assert len(stand.requests) == 1


async def test_unavailable_is_not_sent(stand: Stand) -> None:
    """503 says that nothing was taken: trying again is safe."""
    assert await sent(stand, status(503)) == Outcome(verdict=Verdict.NOT_SENT, detail="503")


async def test_refused_connection_is_not_sent(stand: Stand, unused_tcp_port_factory: Callable[[], int]) -> None:
    """Where nobody listens nothing was sent."""
    async with channel_to(f"http://127.0.0.1:{unused_tcp_port_factory()}") as channel:
        assert (await channel.send(channel.prepare(a_letter()), AT)).verdict is Verdict.NOT_SENT


async def test_failed_tls_is_not_sent(stand: Stand) -> None:
    """A handshake that fails carried nothing."""
    async with channel_to(stand.url.replace("http:", "https:")) as channel:
        assert (await channel.send(channel.prepare(a_letter()), AT)).verdict is Verdict.NOT_SENT
    assert stand.requests == []


async def test_throttled_waits_as_told(stand: Stand) -> None:
    """Of the two headers that say when to come back, Retry-After goes first."""
    outcome = await sent(stand, status(429, Retry_After="7", X_RateLimit_Reset="9999999999"))

    assert (outcome.verdict, outcome.retry_after) == (Verdict.NOT_SENT, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": str(int(AT.timestamp()) + 90)}, 90),
        ({"X-RateLimit-Reset": str(int(AT.timestamp()) + 90), "Date": "Fri, 20 Nov 2026 22:10:30 GMT"}, 60),
        ({"Retry-After": "Fri, 20 Nov 2026 22:11:00 GMT"}, 60),
        ({"Retry-After": "0"}, 1),
        ({"X-RateLimit-Reset": "0"}, 1),
        ({"Retry-After": "99999999999999999999"}, 900),
        ({"X-RateLimit-Reset": "99999999999999999999"}, 900),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "-"}, 10),
        (NO_WORDS, 10),
    ],
)
def test_wait_is_read_from_headers(headers: dict[str, str], seconds: int) -> None:
    """The wait is taken against the server's own clock, kept within 1 s and 15 min, and 10 s when nobody says."""
    expected = timedelta(seconds=seconds)

    assert judge(Answer(429, headers, b""), AT).retry_after == expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"errors":null}', b'{"errors":["x"]}', b"\xff", b"null", b"<a@b>" * 999]
)
def test_odd_error_bodies_are_survived(body: bytes) -> None:
    """Whatever the body of an error is, the verdict stands."""
    assert judge(Answer(400, NO_WORDS, body), AT) == Outcome(verdict=Verdict.REJECTED, detail="400")


def test_details_are_short_and_hold_no_address() -> None:
    """A reason of any length is cut, and an address at the cut is not left in half."""
    body = orjson.dumps({"errors": [{"message": "x" * 470 + " desk@cedar.example" * 100_000}]})

    detail = judge(Answer(400, NO_WORDS, body), AT).detail

    assert len(detail) <= 500
    assert "cedar" not in detail
    assert "desk" not in detail


def test_failures_before_the_request_are_not_sent() -> None:
    """No connection in time means not sent; a failure that nobody has thought of means doubt."""
    assert judge_failure(aiohttp.ConnectionTimeoutError()).verdict is Verdict.NOT_SENT
    assert judge_failure(aiohttp.SocketTimeoutError()).verdict is Verdict.IN_DOUBT
    assert judge_failure(RuntimeError("?")) == Outcome(verdict=Verdict.IN_DOUBT, detail="RuntimeError: ?")


async def test_connections_are_pooled_and_bounded(stand: Stand) -> None:
    """Many letters at once use no more connections than allowed, and all of them arrive once."""
    async with channel_to(stand.url, in_flight=4) as channel:
        prepared = channel.prepare(a_letter())
        outcomes = await asyncio.gather(*(channel.send(prepared, AT) for _ in range(40)))

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert len(stand.requests) == 40
    assert stand.busiest <= 4
    assert len(stand.peers) <= 4


async def test_lookup_cannot_tell(stand: Stand) -> None:
    """SendGrid is not asked what it took: nobody can tell from here."""
    async with channel_to(stand.url) as channel:
        assert await channel.lookup(channel.prepare(a_letter())) is None


async def test_closing_twice_is_fine(stand: Stand) -> None:
    """A closed channel can be closed again, and opens anew when it is used."""
    async with channel_to(stand.url) as channel:
        await channel.close()
        first = await channel.send(channel.prepare(a_letter()), AT)
        await channel.close()
        await channel.close()

    assert first.verdict is Verdict.ACCEPTED


async def test_key_is_never_shown(
    stand: Stand, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With all logging on, no fault and no answer brings the key into logging, output, outcomes or repr."""
    caplog.set_level(logging.DEBUG)
    echo = status(401, orjson.dumps({"errors": [{"message": f"bad header Authorization: Bearer {KEY}"}]}))

    outcomes = [
        await sent(stand, script, timeout=QUICK) for script in (accepted, echo, cut, reset, garbage, stand.silence)
    ]

    shown = "".join(map(repr, outcomes)) + caplog.text + "".join(capfd.readouterr())
    shown += repr(vars(SendGrid(SecretStr(KEY), stand.url)))
    assert KEY not in shown
    assert "(key)" in shown


def test_unavailable_without_a_time_is_a_fault() -> None:
    """A 503 that asks for no time counts as a failure of the channel; a 429 only ever asks to wait."""
    assert judge(Answer(503, NO_WORDS, b""), AT).retry_after is None
    assert judge(Answer(429, NO_WORDS, b""), AT).retry_after is not None
