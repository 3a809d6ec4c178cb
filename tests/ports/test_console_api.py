"""The API over real HTTP: problems, keys that make a POST safe to repeat, pages, tokens, files, its own description."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from tests.ports.office import Counter, counter
from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, agreement, facts, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.console.api.acts import DEEDS
from tocsin.domain.act import Deed
from tocsin.domain.values import ActId, IncidentId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
NOTE = f"/api/v1/incidents/{INCIDENT}/acts/note"
LATER: list[timedelta] = []


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with two incidents; Asha is on the team of the first."""
    LATER[:] = []
    now = lambda: datetime.now(UTC) + sum(LATER, timedelta())  # noqa: E731
    async with counter(store, vault, keyring, tmp_path, now=now) as it:
        with store.writing() as tx:
            for number, incident_id in enumerate((INCIDENT, OTHER_INCIDENT)):
                tx.incidents.put_state(state(incident_id=incident_id, reported_at=AT + number * HOUR), AT)
                tx.incidents.put_facts(incident_id, facts(f"incident {number}"), AT, ActId(f"act-{number}"))
            tx.incidents.join(INCIDENT, [it.office.person_id("asha")], AT)
            tx.register.publish([agreement(number) for number in range(3)], AT)
        yield it


async def test_every_error_is_a_problem(at: Counter) -> None:
    """Whatever is wrong, the answer is problem details with its status in it."""
    asha = await at.signed_in("asha")
    wrong = {
        404: ("GET", "/api/v1/nothing", None),
        405: ("DELETE", "/api/v1/incidents", None),
        403: ("POST", f"/api/v1/incidents/{INCIDENT}/acts/lift", {"hold_id": "h"}),
        422: ("POST", NOTE, {"text": 7, "more": 1}),
    }
    for status, (method, path, said) in wrong.items():
        answer = await asha.request(method, path, json=said)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status
    assert {one["where"] for one in answer.json()["mistakes"]} == {"body.text", "body.more"}


async def test_what_the_log_cannot_write_is_refused(at: Counter) -> None:
    """Half a character, a number beyond all counting and a text without end are named; no act of them is made."""
    asha = await at.signed_in("asha")
    json = {"Content-Type": "application/json"}
    wrong = {b'{"text": "\\ud800"}': "half a character", b'{"text": "%s"}' % (b"a" * 100_001): "shorten it to 100000"}
    for body, says in wrong.items():
        answer = await asha.post(NOTE, content=body, headers=json)
        assert answer.status_code in {409, 422}, answer.text
        assert says in answer.text
    answer = await asha.post("/api/v1/incidents", json={"facts": {"title": "x", "people_affected": 10**20}})
    assert answer.status_code == 422
    assert at.door.envelopes == []


async def test_a_key_makes_a_post_safe_to_repeat(at: Counter) -> None:
    """The same request under one key is done once; with another body, or by another person, the key is not theirs."""
    asha = await at.signed_in("asha")
    key = {"Idempotency-Key": "note-000001"}
    answers = [await asha.post(NOTE, json={"text": "one"}, headers=key) for _ in range(2)]
    assert len(at.door.envelopes) == 1
    assert answers[0].content == answers[1].content
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert (await asha.post(NOTE, json={"text": "two"}, headers=key)).status_code == 422
    dara = await at.signed_in("dara")
    assert (await dara.post(NOTE, json={"text": "one"}, headers=key)).status_code == 200
    assert (await asha.post(NOTE, json={"text": "x"}, headers={"Idempotency-Key": "short"})).status_code == 422
    LATER.append(timedelta(hours=49))
    asha = await at.signed_in("asha")
    assert (await asha.post(NOTE, json={"text": "one"}, headers=key)).status_code == 200
    mine = [one.act.act_id for one in at.door.envelopes if one.act.actor.name == "Asha Rao"]
    assert len(mine) == 2
    assert len(set(mine)) == 1, "the engine takes the second for the first, too"


async def test_a_refused_post_may_be_repeated(at: Counter) -> None:
    """A request that came to nothing leaves its key free."""
    asha = await at.signed_in("asha")
    key = {"Idempotency-Key": "note-000002"}
    assert (await asha.post(NOTE, json={}, headers=key)).status_code == 422
    assert (await asha.post(NOTE, json={"text": "now"}, headers=key)).status_code == 200


async def test_lists_come_in_pages(at: Counter) -> None:
    """Following `next` gives everything once, in order, and nobody more than they may see."""
    dara, asha = await at.signed_in("dara"), await at.signed_in("asha")
    for path, count in {"/incidents": 2, "/register": 3}.items():
        found, after = [], None
        while True:
            params = {"limit": "1"} | ({"after": after} if after else {})
            page = (await dara.get(f"/api/v1{path}", params=params)).json()
            found += page["items"]
            if (after := page["next"]) is None:
                break
        assert len(found) == count
        assert found == (await dara.get(f"/api/v1{path}")).json()["items"]
    mine = (await asha.get("/api/v1/incidents")).json()["items"]
    assert [IncidentId(line["incident_id"]) for line in mine] == [INCIDENT]


async def test_a_token_is_good_for_its_scopes(at: Counter) -> None:
    """A token reads if it may read and acts if it may act, until it ends; in a page's address it is nothing."""
    asha, program = await at.signed_in("asha"), at.browser()
    made = (await asha.post("/api/v1/me/tokens", json={"scopes": ["read"], "life": "PT1H"})).json()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    assert (await program.get(f"/api/v1/incidents/{INCIDENT}")).status_code == 200
    assert (await program.get(f"/api/v1/incidents/{OTHER_INCIDENT}")).status_code == 404
    assert (await program.post(NOTE, json={"text": "x"})).status_code == 401
    assert (await program.get("/")).status_code == 303
    other = (await asha.post("/api/v1/me/tokens", json={"scopes": ["act"]})).json()
    program.headers["Authorization"] = f"Bearer {other['token']}"
    assert (await program.post(NOTE, json={"text": "x"})).status_code == 200
    assert at.door.envelopes[-1].act.actor.authenticated == f"token {other['token_id']}"
    assert (await program.post("/api/v1/me/tokens", json={"scopes": ["act"]})).status_code == 403
    listed = (await asha.get("/api/v1/me/tokens")).json()
    assert [line["last_used_at"] is not None for line in listed] == [True, True]
    assert (await asha.delete(f"/api/v1/me/tokens/{other['token_id']}")).status_code == 204
    assert (await program.post(NOTE, json={"text": "x"})).status_code == 401
    program.headers["Authorization"] = f"Bearer {made['token']}"
    LATER.append(timedelta(hours=1))
    assert (await program.get(f"/api/v1/incidents/{INCIDENT}")).status_code == 401


async def test_a_file_comes_back_as_it_was(at: Counter) -> None:
    """An attached file is kept sealed, said in an act, and comes back only as a download."""
    asha = await at.signed_in("asha")
    to, script = f"/api/v1/incidents/{INCIDENT}/attachments", b"<script>alert(1)</script>"
    sent = await asha.post(f"{to}?name=x.html", content=script, headers={"Content-Type": "text/html"})
    assert sent.status_code == 201, sent.text
    (kept,) = (await asha.get(to)).json()
    got = await asha.get(f"{to}/{kept['sha256']}")
    assert got.content == script
    assert got.headers["content-disposition"].startswith("attachment")
    assert "html" not in got.headers["content-type"]
    assert at.door.envelopes[-1].act.deed.kind == "attach"
    assert (await asha.post(f"{to}?name=x", content=b"")).status_code == 422


async def test_nobody_reaches_through_one_incident_into_another(at: Counter) -> None:
    """Asha cannot merge hers with one she does not see, nor split from it, nor read its letters by way of hers."""
    asha = await at.signed_in("asha")
    here = f"/api/v1/incidents/{INCIDENT}"
    absorb = {"source": OTHER_INCIDENT, "triggers": {}, "audience_known": False}
    assert (await asha.post(f"{here}/acts/absorb", json=absorb)).status_code == 404
    assert (await asha.post(f"{here}/acts/merge_into", json={"target": OTHER_INCIDENT})).status_code == 404
    split = {"facts": {"title": "x"}, "split_from": OTHER_INCIDENT}
    assert (await asha.post("/api/v1/incidents", json=split)).status_code == 404
    assert (await asha.get(f"{here}/waves/wav-other/notices")).status_code == 404
    assert (await asha.get(f"{here}/notices/ntc-other/letter")).status_code == 404
    assert at.door.envelopes == []


async def test_a_closed_account_is_out_at_once(at: Counter) -> None:
    """An admin closes Asha's account: her session and her token end, the list says so, and an invitation reopens it."""
    ada, asha, program = await at.signed_in("ada"), await at.signed_in("asha"), at.browser()
    made = (await asha.post("/api/v1/me/tokens", json={"scopes": ["read"]})).json()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    me = (await program.get("/api/v1/me")).json()["person_id"]
    assert (await asha.delete(f"/api/v1/access/{me}")).status_code == 403
    assert (await ada.delete(f"/api/v1/access/{me}")).status_code == 204
    assert [(await one.get("/api/v1/me")).status_code for one in (asha, program)] == [401, 401]
    standing = {line["user"]: line["standing"] for line in (await ada.get("/api/v1/access")).json()}
    assert standing["asha"] == "closed"
    assert (await ada.post("/api/v1/access/review")).json()["lines"] == len(standing)
    link = (await ada.post("/api/v1/access/asha/invitation")).json()["link"]
    assert (await at.browser().get(link)).status_code == 200


async def test_the_api_describes_itself(at: Counter) -> None:
    """The published document has every act, and says of each route how it fails."""
    document = (await at.browser().get("/api/v1/openapi.json")).json()
    kinds = {deed.model_fields["kind"].default for deed in get_args(get_args(Deed)[0])}
    acts = {path.rpartition("/")[2] for path in document["paths"] if "/acts/" in path}
    assert acts == kinds - {"report", "attach", "probe", "erase_ask", "erase_confirm"} == set(DEEDS)
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for said in methods.values():
            assert {"401", "403", "404", "422"} <= said["responses"].keys()
            assert "application/problem+json" in said["responses"]["404"]["content"]
