"""The pages of what became of each notice, over real HTTP: filter, cursor, export, chain, and a new notice by hand."""

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ports.drafted import FIRST, drafted, rows_of, told
from tests.ports.office import Counter
from tests.ports.story import INCIDENT, agreement
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import AddNote, Draft
from tocsin.domain.notice import Notice, NoticeState, WaveKind

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
HERE = f"/incidents/{INCIDENT}"


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with a wave that its channel took; of one notice it says that it bounced."""
    async with drafted(store, vault, keyring, tmp_path) as it:
        told(it)
        with store.writing() as tx:
            row = tx.ledger.notices(FIRST)[0]
            tx.ledger.put([row.model_copy(update={"state": NoticeState.BOUNCED, "detail": "=no such mailbox"})])
        yield it


def numbers_in(page: str, rows: list[Notice]) -> list[str]:
    """Return the numbers that a page lists, in order."""
    known = {row.number for row in rows}
    return [number for number in re.findall(r'class="number"[^>]*>(N-[A-Z2-7-]+)<', page) if number in known]


async def test_the_filter_and_the_pages(at: Counter) -> None:
    """All notices come once over the pages; a state, a party or a channel leaves those that are so."""
    dara, rows = await at.signed_in("dara"), rows_of(at)
    one = (await dara.get(f"{HERE}/delivery")).text
    onward = re.search(r'href="([^"]*after=[^"]*)"', one)
    assert onward
    two = (await dara.get(onward[1].replace("&amp;", "&"))).text
    assert numbers_in(one, rows) + numbers_in(two, rows) == [row.number for row in rows]
    assert "Next page" not in two
    bounced = (await dara.get(f"{HERE}/delivery?state=bounced")).text
    assert (numbers_in(bounced, rows), "it bounced" in bounced) == ([rows[0].number], True)
    party = (await dara.get(f"{HERE}/delivery?party={agreement(7).reference}")).text
    assert numbers_in(party, rows) == [rows[7].number]
    assert numbers_in((await dara.get(f"{HERE}/delivery?channel=smtp")).text, rows) == []
    assert len(numbers_in((await dara.get(f"{HERE}/delivery?state=nonsense")).text, rows)) == 50


async def test_the_export_has_them_all(at: Counter) -> None:
    """The CSV has a line for each notice that the filter lets through, and no cell of it is a formula."""
    noor, rows = await at.signed_in("noor"), rows_of(at)
    answer = await noor.get(f"{HERE}/delivery.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["number"] for line in lines] == [row.number for row in rows]
    assert (lines[0]["detail"], lines[0]["address"]) == ("'=no such mailbox", agreement(0).chain[0].email)
    filtered = (await noor.get(f"{HERE}/delivery.csv?state=accepted")).text
    assert len(list(csv.DictReader(io.StringIO(filtered)))) == len(rows) - 1


async def test_one_notice_with_its_chain_and_its_duty(at: Counter) -> None:
    """A notice shows what proves it, whom it falls to, and the duty that it answers; another's is not there."""
    noor, row = await at.signed_in("noor"), rows_of(at)[0]
    page = (await noor.get(f"{HERE}/notices/{row.notice_id}")).text
    for words in ("It bounced", "=no such mailbox", "Fallback chain", agreement(0).chain[0].email, "72 h from confirm"):
        assert words in page, words
    assert "/again" not in page
    assert (await noor.get(f"{HERE}/notices/ntc-nowhere")).status_code == 404


async def test_written_to_again_is_a_new_notice(at: Counter) -> None:
    """Asha drafts a wave to the one party, with her reason; while the engine is at it, nobody may."""
    asha, rows = await at.signed_in("asha"), rows_of(at)
    empty = await asha.post(f"{HERE}/notices/{rows[0].notice_id}/again", data={"reason": " "})
    assert (empty.status_code, at.door.envelopes) == (409, [])
    for row, kind in ((rows[0], WaveKind.INITIAL), (rows[1], WaveKind.FOLLOW_UP)):
        at.door.envelopes.clear()
        done = await asha.post(f"{HERE}/notices/{row.notice_id}/again", data={"reason": "they asked for it"})
        assert done.status_code == 303
        drafted_, noted = (envelope.act.deed for envelope in at.door.envelopes)
        assert drafted_ == Draft(wave_kind=kind, agreements=(row.agreement_id,))
        assert isinstance(noted, AddNote)
        assert (row.number in noted.text, "they asked for it" in noted.text) == (True, True)
    with at.office.store.writing() as tx:
        again = rows[0].model_copy(update={"state": NoticeState.RELEASED})
        tx.ledger.put([again])
    refused = await asha.post(f"{HERE}/notices/{rows[0].notice_id}/again", data={"reason": "once more"})
    assert (refused.status_code, "tell them twice" in refused.text) == (409, True)
