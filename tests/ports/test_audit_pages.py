"""The auditor's pages, over real HTTP: what happened, the fixed questions, the checked evidence, the log."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from tests.ports.drafted import drafted, told
from tests.ports.office import Counter
from tests.ports.story import AT, INCIDENT, OTHER_INCIDENT, entry, note, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.ports import CheckpointRow

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
HERE = f"/incidents/{INCIDENT}/audit"


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with an incident that has a note of Asha's, and a log with a signed checkpoint."""
    async with drafted(store, vault, keyring, tmp_path) as it:
        told(it)
        with store.writing() as tx:
            tx.incidents.add_act(note("act-note"), 5)
            draft = entry("note", data={"act": "act-note"})
            tx.log.append([draft.model_copy(update={"at": AT + timedelta(hours=2)})])
            tx.incidents.put_state(state(incident_id=OTHER_INCIDENT), AT)
            tx.log.append([entry("other", incident_id=OTHER_INCIDENT)])
            head = tx.log.head()
            tx.checkpoints.add(CheckpointRow(at=AT, head=head, note=LogNotary.of(keyring).sign(head)))
        yield it


async def test_what_happened_is_found(at: Counter) -> None:
    """A search by name, kind, words or time leaves what is so; Mallory finds nothing there."""
    noor, mallory = await at.signed_in("noor"), await at.signed_in("mallory")
    assert (await mallory.get(HERE)).status_code == 404
    page = (await noor.get(HERE)).text
    assert ("noted: Dara was called at home" in page, "The letters of the initial wave" in page) == (True, True)
    for asked, found in (
        ("kind=act", True),
        ("actor=asha", True),
        ("text=called at", True),
        ("kind=wave", False),
        ("first=2026-03-02T04:00", True),
        ("last=2026-03-02T04:00", False),
    ):
        assert ("noted: Dara was called at home" in (await noor.get(f"{HERE}?{asked}")).text) is found, asked
    assert "Nothing of the kind happened" in (await noor.get(f"{HERE}?text=unheard-of")).text
    assert f"/namespaces/tocsin/workflows/tocsin%2Fincident%2F{INCIDENT}" in page


async def test_the_questions_and_the_evidence(at: Counter) -> None:
    """Every fixed question has its answer; the evidence is made and checked, and what does not hold is named."""
    noor = await at.signed_in("noor")
    page = unescape((await noor.get(f"{HERE}/questions")).text)
    for words in ("Who approved which bytes?", "Who received what, by which proof?", "72 h from confirmation"):
        assert words in page, words
    checked = await noor.get(f"{HERE}/check")
    assert checked.status_code == 200, checked.text
    # The rows were moved by hand, with no entry in the log: just that is what the check must say.
    assert "do not hold" in checked.text
    assert re.search(r'class="late">[^<]*N-', checked.text)


async def test_the_log_of_the_installation(at: Counter) -> None:
    """Approvers and auditors search the log, and see whether it holds; a responder does not come in."""
    noor, asha = await at.signed_in("noor"), await at.signed_in("asha")
    assert (await asha.get("/audit")).status_code == 403
    page = (await noor.get("/audit")).text
    assert (INCIDENT in page, OTHER_INCIDENT in page, "held by nobody outside" in page) == (True, True, True)
    with at.office.store.writing() as tx:
        tx.log.append([entry(f"more-{number}") for number in range(60)])
    newest, oldest = (await noor.get("/audit")).text, (await noor.get("/audit?after=0")).text
    assert (OTHER_INCIDENT in newest, OTHER_INCIDENT in oldest) == (False, True)
    only = (await noor.get(f"/audit?text={OTHER_INCIDENT}")).text
    assert re.findall(r"/incidents/([\w-]+)/audit", only) == [OTHER_INCIDENT]
    assert "The log holds:" in (await noor.get("/audit?verify=yes")).text
