"""Who reads privileged words: whoever works on the incident; everybody else that something was left out."""

from pathlib import Path

import pytest

from tests.ports.office import counter
from tests.ports.story import AT, INCIDENT, facts, note, state, task
from tests.ports.test_console_rights import routes_of
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.privilege import LEFT_OUT, MARK, digest_of
from tocsin.domain.values import ActId
from tocsin.domain.word_deeds import Privilege

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
WORDS = "Counsel Quillfeather holds that we knew on Sunday."
OUTCOME = "Asked Quillfeather"


async def test_no_page_and_no_answer_tells_a_stranger(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path
) -> None:
    """Whatever an auditor asks of an incident, privileged words are left out; an approver and the team read them."""
    mark = note("act-mark")
    deed = Privilege(paragraphs=(digest_of(OUTCOME),))
    mark = mark.model_copy(update={"act": mark.act.model_copy(update={"deed": deed})})
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts().model_copy(update={"summary": f"{MARK} {WORDS}"}), AT, ActId("act-r"))
        tx.incidents.add_act(note("act-note", f"At noon.\n\n{MARK} {WORDS}"), 1)
        tx.incidents.add_act(mark, 2)
        tx.tasks.put([task("one").model_copy(update={"outcome": OUTCOME})], 2)
    async with counter(store, vault, keyring, tmp_path) as at:
        auditor, approver, responder = [await at.signed_in(user) for user in ("noor", "dara", "asha")]
        with store.writing() as tx:
            tx.incidents.join(INCIDENT, [at.office.person_id("asha")], AT)
        left_out = 0
        for route in routes_of(at):
            if route.method != "GET" or "{incident_id}" not in route.path:
                continue
            answer = await auditor.get(route.path.replace("{incident_id}", INCIDENT))
            assert "Quillfeather" not in answer.text, route.path
            left_out += LEFT_OUT in answer.text
        assert left_out >= 4
        for browser in (approver, responder):
            for path in ("", "/acts", "/tasks"):
                assert "Quillfeather" in (await browser.get(f"/api/v1/incidents/{INCIDENT}{path}")).text, path
            assert WORDS in (await browser.get(f"/incidents/{INCIDENT}")).text
