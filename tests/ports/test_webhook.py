"""The event webhook over real HTTP: whose posts are taken, and what an answer promises."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.ports.story import AT, WAVE
from tests.ports.test_receipts import accepted, row_of, sent
from tests.ports.webhook import Nudged, SigningKey, body_of, desk, event, listening
from tocsin.adapters.sendgrid_events import SIGNATURE, TIMESTAMP, EventVerifier, events, read_keys
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.console.webhooks import LARGEST
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.notice import NoticeState
from tocsin.domain.receipt import ReceiptKind

S = NoticeState
ROW = accepted()


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """The key that signs."""
    return SigningKey()


async def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Post and return status and words."""
    to, data = f"{url}/webhooks/sendgrid", io.BytesIO(body)
    async with aiohttp.ClientSession() as http, http.post(to, data=data, headers=headers) as it:
        return it.status, await it.text()


def log(store: SqlStore) -> list[dict[str, Any]]:
    """Return the log."""
    with store.reading() as tx:
        return [json.loads(entry.body) for entry in tx.log.entries()]


async def test_a_signed_post_is_kept_before_it_is_answered(store: SqlStore, vault: Vault, key: SigningKey) -> None:
    """A delivery moves its notice and nudges its wave; the same post again is known."""
    sent(store, ROW)
    door = Nudged()
    body = body_of(event("delivered", ROW.notice_id, AT, response="250 OK"))
    async with listening(at := desk(store, vault, key.public, door=door)) as url:
        assert await post(url, body, key.headers(body, datetime.now(UTC))) == (200, "1 new, 0 known\n")
        assert row_of(store, ROW).state is S.DELIVERED
        await at.nudge()
        again = key.headers(body, datetime.now(UTC) - timedelta(hours=25))
        assert await post(url, body, again) == (200, "0 new, 1 known\n")
    assert door.waves == [(WAVE, 0)]


async def test_both_keys_are_good_while_one_replaces_the_other(store: SqlStore, vault: Vault, key: SigningKey) -> None:
    """During a rotation a post signed by either key is taken, and by a third none."""
    new, third = SigningKey(), SigningKey()
    body = body_of()
    async with listening(desk(store, vault, key.public, new.public)) as url:
        statuses = [(await post(url, body, one.headers(body, datetime.now(UTC))))[0] for one in (key, new, third)]
    assert statuses == [200, 200, 403]


@pytest.mark.parametrize(
    "wrong",
    ["no signature", "no timestamp", "other body", "garbage", "not base64", "old", "future", "stripped", "not utf-8"],
)
async def test_what_is_not_signed_is_refused(store: SqlStore, vault: Vault, key: SigningKey, wrong: str) -> None:
    """A forged, altered or old post is answered 403, changes nothing, and is one entry in the log with its count."""
    sent(store, ROW)
    now = datetime.now(UTC)
    body = body_of(event("delivered", ROW.notice_id, AT))
    shift = {"old": timedelta(hours=-27), "future": timedelta(hours=1)}.get(wrong, timedelta(0))
    headers = key.headers(body, now + shift)
    match wrong:
        case "no signature":
            del headers[SIGNATURE]
        case "no timestamp":
            del headers[TIMESTAMP]
        case "other body":
            body = body.replace(b"delivered", b"bounce")
        case "garbage":
            headers[SIGNATURE] = "AAAA"
        case "not base64":
            headers[SIGNATURE] = "abc"
        case "stripped":
            body = body.strip()
        case "not utf-8":
            body = b"\xff" + body
        case _:
            pass
    async with listening(desk(store, vault, key.public)) as url:
        answers = [(await post(url, body, headers))[0] for _ in range(3)]
    assert answers == [403] * 3
    assert row_of(store, ROW).state is S.ACCEPTED
    refused = [entry for entry in log(store) if entry["kind"] == "webhook.refused"]
    assert sum(entry["data"]["count"] for entry in refused) == 3
    assert len(refused) <= 2, "one entry per minute"
    assert "127.0.0.1" not in json.dumps(refused)


async def test_without_a_key_nothing_is_taken(store: SqlStore, vault: Vault, key: SigningKey) -> None:
    """A console that was given no key trusts nobody."""
    body = body_of()
    async with listening(desk(store, vault)) as url:
        assert (await post(url, body, key.headers(body, datetime.now(UTC))))[0] == 403


async def test_what_is_too_large_is_not_read(store: SqlStore, vault: Vault, key: SigningKey) -> None:
    """A body beyond the cap is refused before its signature is looked at."""
    body = b"x" * (LARGEST + 1)
    async with listening(desk(store, vault, key.public)) as url:
        assert (await post(url, body, key.headers(body, datetime.now(UTC))))[0] == 413


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}", b'[{"a":1}{"b":2}]', b"[" * 100_000, b"nonsense"])
async def test_signed_nonsense_is_refused_for_good(store: SqlStore, vault: Vault, key: SigningKey, body: bytes) -> None:
    """What is signed and holds no events gets 400: sending it again would not help."""
    async with listening(desk(store, vault, key.public)) as url:
        assert (await post(url, body, key.headers(body, datetime.now(UTC))))[0] == 400


async def test_our_own_fault_asks_them_to_send_again(
    store: SqlStore, vault: Vault, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store takes nothing the answer is 5xx, never 4xx: then they retry for a day."""

    def busy(*_: object) -> None:
        raise Deferred("the store is busy")

    monkeypatch.setattr("tocsin.console.webhooks.take", busy)
    body = body_of(event("delivered", ROW.notice_id, AT))
    async with listening(desk(store, vault, key.public)) as url:
        assert (await post(url, body, key.headers(body, datetime.now(UTC))))[0] == 503


def test_what_each_event_means(vault: Vault) -> None:
    """A block is a bounce of another type; what is new to us is kept and means nothing."""
    said = [
        event("processed", "n", AT),
        event("deferred", "n", AT, response="450 later", attempt="1"),
        event("delivered", "n", AT),
        event("bounce", "n", AT, type="bounce", reason="550 no mailbox"),
        event("bounce", "n", AT, type="blocked", reason="554 blocked"),
        event("dropped", "n", AT, reason="Bounced Address"),
        event("open", "n", AT),
        {"event": "account_status_change", "type": "suspended"},
    ]
    heard = list(events(body_of(*said), vault.mark, AT))
    kinds = ["processed", "deferred", "delivered", "bounced", "blocked", "dropped", "other", "other"]
    assert [one.kind for one in heard] == [ReceiptKind(kind) for kind in kinds]
    assert heard[3].detail == "550 no mailbox"
    assert heard[0].message == "n-1"
    assert [json.loads(one.raw) for one in heard] == said
    assert len({one.receipt_id for one in heard}) == len(said)


def test_their_event_id_does_not_make_an_event_another(vault: Vault) -> None:
    """Their ids may change when they try again; what an event says does not."""
    first = event("delivered", "n", AT, sg_event_id="a")
    (one,), (two,) = (list(events(body_of(e), vault.mark, AT)) for e in (first, first | {"sg_event_id": "b"}))
    assert one.receipt_id == two.receipt_id


def test_keys_are_read_with_and_without_armour(key: SigningKey) -> None:
    """Keys stand between white space, each as SendGrid shows it or in PEM armour; anything else is named."""
    half = len(key.public) // 2
    armoured = f"-----BEGIN PUBLIC KEY-----\n{key.public[:half]}\n{key.public[half:]}\n-----END PUBLIC KEY-----"
    assert read_keys(f"{key.public}\n{armoured}") == [key.public, key.public]
    assert read_keys("  ") == []
    with pytest.raises(Refused, match="TOCSIN_SENDGRID_WEBHOOK_KEYS"):
        EventVerifier(["bm90IGEga2V5"])
