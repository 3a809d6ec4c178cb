"""The register's rounds at the console and over the API: who begins one, what is shown, and the recipient's page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ports.drafted_round import ASKED, begun
from tests.ports.office import INSTALLER, Counter, counter
from tests.ports.test_public_pages import ask
from tests.ports.webhook import desk, listening
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.cli.register import publish
from tocsin.domain.notice import NoticeState
from tocsin.domain.probe_deed import Probe, is_round

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
LATER = timedelta(days=20)


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console over a register, twenty days after a round of fourteen."""
    now = datetime.now(UTC)
    publish(store, INSTALLER, now, ASKED)
    begun(store, vault, now)
    async with counter(store, vault, keyring, tmp_path, now=lambda: now + LATER) as it:
        yield it


async def test_each_answer_is_shown(at: Counter) -> None:
    """The list counts them, the round's page names each contact, and the register says what silence costs."""
    noor = await at.signed_in("noor")
    page = (await noor.get("/register/rounds")).text
    (seen,) = (await noor.get("/api/v1/register/rounds")).json()
    assert seen["answers"] == {"bounced": 1, "confirmed": 1, "silent": 2}
    assert f"/register/rounds/{seen['round']['round_id']}" in page
    assert "Send the letters" not in page
    one = (await noor.get(f"/register/rounds/{seen['round']['round_id']}")).text
    for words in ("Birch Clinic", "privacy-0@birch-clinic.example", "not reached", "550 no such mailbox", "silent"):
        assert words in one, words
    only = (await noor.get(f"/register/rounds/{seen['round']['round_id']}?answer=silent")).text
    assert ("Dogwood School" in only, "Birch Clinic" in only) == (True, False)
    assert one.index("Cedar Bank") < one.index("Dogwood School") < one.index("Birch Clinic")
    day = seen["round"]["opened_at"][:10]
    found = {one["reference"]: one for one in (await noor.get("/api/v1/register/findings")).json()}
    assert found["CEDAR-1"]["what"].endswith(f"was not reached in the round of {day}: 550 no such mailbox")
    assert found["DOGWOOD-2"]["what"].endswith(f"has not confirmed in the round of {day}")
    agreement = (await noor.get("/register/agreements/agr-00000")).text
    assert "in a round on" in agreement
    assert (await noor.get("/register/rounds/prb-nowhere")).status_code == 404


async def test_dara_begins_a_round(at: Counter) -> None:
    """By a form or over the API the same signed act leaves; who has no such right, and what makes no sense, is told."""
    dara, asha = await at.signed_in("dara"), await at.signed_in("asha")
    last = (at.office.now() + timedelta(days=7)).date()
    done = await dara.post("/register/rounds", data={"answer_by": last.isoformat(), "references": "CEDAR-1, BIRCH-0"})
    asked = {"agreements": ["agr-00001"], "answer_by": last.isoformat()}
    over = await dara.post("/api/v1/register/rounds", json=asked, headers={"Idempotency-Key": "once-and-again"})
    assert (done.status_code, over.status_code) == (409, 200)
    (sent,) = at.door.envelopes
    assert isinstance(sent.act.deed, Probe)
    assert (sent.act.deed.agreements, sent.act.deed.answer_by) == (("agr-00001",), last)
    assert is_round(sent.act.incident_id)
    assert sent.signature is not None
    assert (await asha.post("/register/rounds", data={})).status_code == 403
    wrong = await dara.post("/register/rounds", data={"answer_by": "soon"})
    assert (wrong.status_code, "write it as" in wrong.text) == (409, True)


async def test_the_page_behind_the_link(store: SqlStore, vault: Vault) -> None:
    """It says that there is no incident; looking confirms nothing, pressing does; the number passes for no notice."""
    round_, token = begun(store, vault, datetime.now(UTC))
    async with listening(desk(store, vault)) as url:
        status, page, _ = await ask(url, f"/a/{token}")
        assert (status, "no incident" in page, "Confirm this address" in page) == (200, True, True)
        with store.reading() as tx:
            row = tx.ledger.notices(round_.wave_id)[3]
        assert row.state is NoticeState.ACCEPTED
        _, page, _ = await ask(url, f"/a/{token}", "POST")
        assert "It is confirmed" in page
        with store.reading() as tx:
            assert tx.ledger.notices(round_.wave_id)[3].state is NoticeState.ACKNOWLEDGED
        _, page, _ = await ask(url, f"/n/{row.number}")
        assert "sent a test letter with the number P-" in page
