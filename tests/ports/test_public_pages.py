"""The pages for recipients, over real HTTP: a link shows its own notice and no more, and only a press counts."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Engine, event

from tests.ports.story import AT, INCIDENT, WAVE, duty, letter, notice, wave, written
from tests.ports.test_channels_posting import public
from tests.ports.test_receipts import row_of
from tests.ports.webhook import Nudged, desk, listening
from tocsin.adapters.posting import Posting
from tocsin.adapters.posting_pages import Site
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.letter import TOKEN_PLACEHOLDER, is_token
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.register import Discharge

ROW = notice(0, state=NoticeState.RELEASED).model_copy(update={"linked": True, "number": "N-ABCD-EFGH"})
UNKNOWN = "x" * 43


def claimed(store: SqlStore, row: Notice = ROW) -> tuple[Notice, str]:
    """Send a notice up to its channel; return it as accepted, with the token that its letter was given."""
    prepared = f"https://notices.example/a/{TOKEN_PLACEHOLDER}".encode()
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=1, released=True))
        tx.ledger.plan([row])
        tx.ledger.put_letters([(written(row)[0], letter(row), prepared)])
        tx.duties.put([duty(0).model_copy(update={"discharge": Discharge.ACKNOWLEDGED})])
        (taken,) = tx.ledger.claim(WAVE, 0, 1, 1, AT).rows
        tx.ledger.put([taken.notice.model_copy(update={"state": NoticeState.ACCEPTED})])
    return taken.notice, taken.prepared.decode().rpartition("/")[2]


async def ask(url: str, path: str, how: str = "GET") -> tuple[int, str, dict[str, str]]:
    """Ask and return status, words and headers."""
    async with aiohttp.ClientSession() as http, http.request(how, f"{url}{path}") as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, await answer.text(), headers


def test_only_the_hash_of_a_token_is_kept(store: SqlStore, vault: Vault) -> None:
    """The letter that leaves holds a token; the stored one keeps the placeholder, and each attempt has another."""
    row, token = claimed(store)
    assert is_token(token)
    with store.writing() as tx:
        assert TOKEN_PLACEHOLDER.encode() in (tx.ledger.prepared(row.notice_id) or b"")
        found = tx.ledger.linked(hashlib.sha256(token.encode()).hexdigest())
        assert found is not None
        assert found.notice_id == row.notice_id
        assert tx.ledger.linked(token) is None


async def test_a_link_shows_its_notice_and_a_press_acknowledges_it(store: SqlStore, vault: Vault) -> None:
    """Looking changes nothing, as scanners look; pressing ends the duty, wakes the wave and says what it proves."""
    row, token = claimed(store)
    door = Nudged()
    async with listening(at := desk(store, vault, door=door)) as url:
        status, page, headers = await ask(url, f"/a/{token}")
        assert (status, row_of(store, row).state) == (200, NoticeState.ACCEPTED)
        assert "N-ABCD-EFGH" in page
        assert "2 March 2026" in page
        assert "Processor Ltd" in page
        assert "a holder of this link pressed" in page
        status, page, _ = await ask(url, f"/a/{token}", "POST")
        assert (status, "is confirmed" in page) == (200, True)
        await at.nudge()
    assert row_of(store, row).state is NoticeState.ACKNOWLEDGED
    with store.reading() as tx:
        (ended,) = tx.duties.of(INCIDENT)
        (said,) = tx.receipts.of([row.notice_id])
    assert ended.proof == "notice N-ABCD-EFGH acknowledged"
    assert said.detail == "a holder of the link pressed"
    assert door.waves == [(WAVE, 0)]
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_a_page_holds_nothing_but_the_recipients_own_notice(store: SqlStore, vault: Vault) -> None:
    """No party, no address, no word of the letter, no script and nothing from elsewhere."""
    row, token = claimed(store)
    async with listening(desk(store, vault)) as url:
        _, page, _ = await ask(url, f"/a/{token}")
    words = letter(row)
    for secret in (words.to_name, words.to_address, words.subject, words.text, INCIDENT, row.notice_id, token):
        assert secret not in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["/icon.svg", "/style.css"]


async def test_a_late_press_is_recorded(store: SqlStore, vault: Vault) -> None:
    """Whatever became of the notice, a press is kept, and moves it if it still can."""
    row, token = claimed(store)
    with store.writing() as tx:
        now = tx.ledger.by_id([row.notice_id])[0]
        tx.ledger.put([now.model_copy(update={"state": NoticeState.REPLACED})])
    async with listening(desk(store, vault)) as url:
        assert (await ask(url, f"/a/{token}", "POST"))[0] == 200
    assert row_of(store, row).state is NoticeState.ACKNOWLEDGED


@pytest.mark.parametrize("path", [f"/a/{UNKNOWN}", "/a/short", "/a/%00", f"/a/{'y' * 500}", "/a/ä"])
async def test_a_wrong_link_is_a_plain_404(store: SqlStore, vault: Vault, path: str) -> None:
    """Every wrong token gives the same answer, looked at or pressed."""
    async with listening(desk(store, vault)) as url:
        answers = {(await ask(url, path, how))[:2] for how in ("GET", "POST")}
    assert answers == {(404, "There is no such page.\n")}


async def test_a_number_is_genuine_or_not_and_no_more(store: SqlStore, vault: Vault) -> None:
    """Known and unknown numbers answer alike; one that was only drafted is not known."""
    claimed(store)
    drafted = notice(1).model_copy(update={"number": "N-AAAA-BBBB"})
    with store.writing() as tx:
        tx.ledger.plan([drafted])
    async with listening(desk(store, vault)) as url:
        known, unknown, draft, by_form = [
            await ask(url, path)
            for path in ("/n/N-ABCD-EFGH", "/n/N-ZZZZ-ZZZZ", "/n/N-AAAA-BBBB", "/n?number=n-abcd-efgh")
        ]
        hostile = await ask(url, "/n/%3Cscript%3Ealert(1)")
    assert {answer[0] for answer in (known, unknown, draft, by_form)} == {200}
    assert "Yes: Processor Ltd sent a notice with the number N-ABCD-EFGH" in known[1]
    assert known[1] == by_form[1]
    assert "knows of no notice" in unknown[1]
    assert draft[1] == unknown[1].replace("N-ZZZZ-ZZZZ", "N-AAAA-BBBB")
    assert set(known[2]) == set(unknown[2])
    assert "<script" not in hostile[1]


async def test_a_genuine_number_costs_no_more_than_another(store: SqlStore, vault: Vault) -> None:
    """The same statements are asked for either number, and the answers differ in the one line that says which it is."""
    claimed(store, ROW.model_copy(update={"number": "N-QRST-UVWX"}))
    asked: list[str] = []
    said: list[list[str]] = []

    def note(*call: Any) -> None:
        if "notices" in call[2]:
            asked.append(call[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with listening(desk(store, vault)) as url:
            for number in ("N-QRST-UVWX", "N-ZZZZ-ZZZZ"):
                answer = await ask(url, f"/n/{number}")
                said.append([*asked, *sorted(answer[2]), *answer[1].replace(number, "").splitlines()])
                asked.clear()
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert [len(one) for one in said] == [len(said[0])] * 2
    ((yes, no),) = [pair for pair in zip(*said, strict=True) if pair[0] != pair[1]]
    assert ("Yes: " in yes, "No: " in no) == (True, True)
    assert sum("notices" in line for line in said[0]) == 1


async def test_asking_too_often_is_refused(store: SqlStore, vault: Vault) -> None:
    """Numbers and tokens cannot be tried out: after a burst a source has to wait."""
    async with listening(desk(store, vault, monotonic=lambda: 0.0)) as url:
        answers = [(await ask(url, f"/n/N-AAAA-AAA{n % 8}"))[0] for n in range(22)]
    assert answers == [200] * 20 + [429] * 2


async def test_the_console_shows_no_documents_of_itself(store: SqlStore, vault: Vault) -> None:
    """What is public is what recipients need."""
    async with listening(desk(store, vault)) as url:
        statuses = [(await ask(url, path))[0] for path in ("/docs", "/openapi.json", "/redoc", "/", "/healthz")]
    assert statuses == [404, 404, 404, 404, 200]
    assert datetime.now(UTC) > AT


async def test_the_notice_page_is_for_everybody(store: SqlStore, vault: Vault, tmp_path: Path) -> None:
    """What was posted is shown with its feeds under /notices, and no other file of the folder or beside it."""
    page = Posting(tmp_path / "posting", Site(owner="Processor Ltd", domain="processor.example"))
    await page.send(page.prepare(public()), AT)
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "posting" / "secret.html").write_text("secret")
    async with listening(desk(store, vault, posted=tmp_path / "posting")) as url:
        status, index, headers = await ask(url, "/notices")  # it leads to the address with the slash
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert headers["x-robots-tag"] == "all"
        name = re.search(r"[0-9a-f]{20}\.html", index)
        assert name is not None
        assert "A bucket was open." in (await ask(url, f"/notices/{name[0]}"))[1]
        assert (await ask(url, "/notices/feed.json"))[2]["content-type"] == "application/feed+json"
        assert (await ask(url, "/notices/feed.atom"))[2]["content-type"] == "application/atom+xml"
        for other in ("secret.html", "..%2Fsecret.html", "entries", ".lock", "0" * 20 + ".html"):
            assert (await ask(url, f"/notices/{other}"))[0] == 404
    async with listening(desk(store, vault)) as url:
        assert (await ask(url, "/notices/"))[1] == "Nothing is posted here.\n"
