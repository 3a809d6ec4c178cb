"""Reviewing and releasing letters in the console, over real HTTP, of waves that the engine's own deeds drafted."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from tests.ports.drafted import FIRST, PARTIES, draft, drafted, rows_of, told, wave_of
from tests.ports.office import Counter
from tests.ports.story import AT, INCIDENT, agreement, entry, facts
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Release
from tocsin.domain.notice import WaveKind
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.values import ActId, WaveId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
HERE = f"/incidents/{INCIDENT}"
SECOND, THIRD = WaveId("wav-second"), WaveId("wav-third")


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with an incident of which the first letters wait; one party is written to in German."""
    async with drafted(store, vault, keyring, tmp_path) as it:
        yield it


async def test_the_letters_as_they_leave(at: Counter) -> None:
    """A reviewer reads the stored words, and the page frames the stored HTML, which may run and load nothing."""
    dara = await at.signed_in("dara")
    moved = await dara.get(f"{HERE}/review")
    assert (moved.status_code, moved.headers["location"]) == (303, f"{HERE}/review/{FIRST}")
    row = rows_of(at)[1]
    with at.office.store.reading() as tx:
        letter, prepared = tx.ledger.letter(row.notice_id), tx.ledger.prepared(row.notice_id)
    assert letter is not None
    page = await dara.get(f"{HERE}/review/{FIRST}?letter={row.notice_id}")
    assert page.status_code == 200, page.text
    assert letter.text.strip() in unescape(page.text)
    assert f'<iframe sandbox title="The letter as HTML" src="{HERE}/letters/{row.notice_id}">' in page.text
    assert wave_of(at).digest in re.findall("[0-9a-f]{64}", page.text)
    assert "of the bytes shown here" in page.text
    framed = await dara.get(f"{HERE}/letters/{row.notice_id}")
    assert framed.text == letter.html
    assert {"sandbox", "default-src 'none'"} <= {
        part.strip() for part in framed.headers["content-security-policy"].split(";")
    }
    assert (await dara.get(f"{HERE}/letters/{row.notice_id}/bytes")).content == prepared
    assert (await dara.get(f"{HERE}/letters/ntc-nowhere")).status_code == 404


async def test_kinds_of_letters_and_english_beside_them(at: Counter) -> None:
    """Letters are grouped by language; beside a German one stands the same letter in English."""
    dara = await at.signed_in("dara")
    page = (await dara.get(f"{HERE}/review/{FIRST}")).text
    assert "Kinds of letters (2)" in page
    kinds = re.findall(
        r'<span class="title">(\w+)</span>\s*<ul>\s*<li><a[^>]*>([^<]+)</a> <span class="small">(\d+)', page
    )
    assert kinds == [("de", "first contact", "1"), ("en", "first contact", str(PARTIES - 1))]
    german = next(row for row in rows_of(at) if row.agreement_id == agreement(0).agreement_id)
    page = unescape((await dara.get(f"{HERE}/review/{FIRST}?letter={german.notice_id}")).text)
    assert "Benachrichtigungsnummer" in page or "Vorfall" in page
    assert "The same letter in English" in page
    assert "gave the stored words" in page


async def test_what_is_new_since_the_last_notice(at: Counter) -> None:
    """A follow-up stands beside what the same contact was told before, line by line."""
    told(at)
    with at.office.store.writing() as tx:
        known = facts("Backup <share> open").model_copy(update={"consequences": "unwanted calls are possible"})
        tx.incidents.put_facts(INCIDENT, known, AT, ActId("act-revise"))
    draft(at.office.store, at.office.home, SECOND, WaveKind.FOLLOW_UP, 20)
    dara = await at.signed_in("dara")
    page = unescape((await dara.get(f"{HERE}/review/{SECOND}")).text)
    assert f"What has changed since {rows_of(at)[1].number}" in page
    assert re.search(r"<ins>[^<]*unwanted calls are possible", page)
    both = (await dara.get(f"{HERE}/review")).text
    assert both.index("Waits for release") < both.index(SECOND) < both.index(FIRST)


async def test_recipients_come_in_pages(at: Counter) -> None:
    """Every recipient is listed once over the pages."""
    dara = await at.signed_in("dara")
    numbers, seen = [row.number for row in rows_of(at)], []
    for after in (0, 25, 50):
        page = (await dara.get(f"{HERE}/review/{FIRST}?after={after}")).text
        table = page.partition('id="recipients"')[2]
        shown = [number for number in numbers if f">{number}<" in table]
        assert shown == numbers[after : after + 25]
        assert ("Next 25" in table) is (after < 50)
        seen += shown
    assert seen == numbers


async def test_release_is_bound_to_what_was_read(at: Counter) -> None:
    """Dara's press is an act with the digest of the page; Asha, who is no approver, has no button and no right."""
    dara, asha = await at.signed_in("dara"), await at.signed_in("asha")
    digest = wave_of(at).digest
    assert 'action="/incidents/inc-backupshare/do/release"' not in (await asha.get(f"{HERE}/review/{FIRST}")).text
    fields = {"wave": FIRST, f"digest.{FIRST}": digest}
    assert (await asha.post(f"{HERE}/do/release", data=fields)).status_code == 403
    assert (await dara.post(f"{HERE}/do/release", data={f"digest.{FIRST}": digest})).status_code == 409
    assert f'name="digest.{FIRST}" value="{digest}"' in (await dara.get(f"{HERE}/review/{FIRST}")).text
    done = await dara.post(f"{HERE}/do/release", data=fields)
    assert (done.status_code, done.headers["location"]) == (303, HERE)
    (envelope,) = at.door.envelopes
    assert envelope.act.deed == Release(wave_id=FIRST, digest=str(digest))


async def test_several_waves_and_sending_back(at: Counter) -> None:
    """What is ticked is released by one act; letters that are sent back bear the comment and can still be released."""
    told(at)
    for number, wave_id in enumerate((SECOND, THIRD)):
        draft(at.office.store, at.office.home, wave_id, WaveKind.FOLLOW_UP, 20 + 2 * number)
    dara = await at.signed_in("dara")
    digests = {wave_id: str(wave_of(at, wave_id).digest) for wave_id in (SECOND, THIRD)}
    fields = {"wave": [SECOND, THIRD]} | {f"digest.{wave_id}": [digest] for wave_id, digest in digests.items()}
    assert (await dara.post(f"{HERE}/do/release", data=fields)).status_code == 303
    empty = await dara.post(f"{HERE}/do/send_back", data={"wave_id": SECOND, "digest": digests[SECOND]})
    assert (empty.status_code, "the comment is missing" in empty.text) == (409, True)
    said = {"wave_id": SECOND, "digest": digests[SECOND], "comment": "say <b>which</b> tables"}
    assert (await dara.post(f"{HERE}/do/send_back", data=said)).status_code == 303
    release, back = (envelope.act.deed for envelope in at.door.envelopes)
    assert release == Release(
        wave_id=SECOND, digest=digests[SECOND], also=(Approved(wave_id=THIRD, digest=digests[THIRD]),)
    )
    assert back == SendBack(wave_id=SECOND, digest=digests[SECOND], comment=said["comment"])
    with at.office.store.writing() as tx:
        tx.incidents.add_act(at.door.envelopes[1], 30)
        tx.log.append([entry("third")])
    page = (await dara.get(f"{HERE}/review/{SECOND}")).text
    assert ("Dara Okafor sent them back" in page, "say &lt;b&gt;which&lt;/b&gt; tables" in page) == (True, True)
    assert "/do/release" in page


async def test_whoever_drafted_is_told_that_another_releases(at: Counter) -> None:
    """Whoever drafted the letters, or changed them, sees no button."""
    with at.office.store.writing() as tx:
        drafted = wave_of(at).model_copy(update={"drafter": at.office.person_id("dara")})
        tx.ledger.put_wave(drafted)
        tx.log.append([entry("second")])
    page = (await (await at.signed_in("dara")).get(f"{HERE}/review/{FIRST}")).text
    assert "another approver releases them" in page
    assert "/do/release" not in page
