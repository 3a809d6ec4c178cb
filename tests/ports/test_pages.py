"""The pages for our own people, over real HTTP: what each shows to whom, and that each form becomes a signed act."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.ports.office import Counter, counter, csrf_of
from tests.ports.story import AT, INCIDENT, agreement, clock, duty, entry, facts, state, task
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import AddNote, Confirm, Report
from tocsin.domain.register import Affected
from tocsin.domain.values import ActId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
HERE = f"/incidents/{INCIDENT}"


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with one incident of Asha's, which has a clock and a task."""
    party = agreement(0)
    with store.writing() as tx:
        tx.register.publish([party], AT)
        one = state()
        tx.incidents.put_state(one.model_copy(update={"clocks": {clock().spec.clock_id: clock().spec}}), AT)
        tx.incidents.put_facts(INCIDENT, facts("Backup <share> open"), AT, ActId("act-report"))
        tx.register.pin(INCIDENT, [Affected(agreement=party, revision=1)])
        tx.duties.put([duty(0)])
        tx.duties.put_clock(clock())
        tx.tasks.put([task("records")], 1)
        tx.log.append([entry("first")])
    async with counter(store, vault, keyring, tmp_path) as it:
        with store.writing() as tx:
            tx.incidents.join(INCIDENT, [it.office.person_id("asha")], AT)
        yield it


async def test_now_and_the_incident_show_what_runs(at: Counter) -> None:
    """Both pages show the incident's title, escaped, its clock and how its deadline came about; no script is inline."""
    asha = await at.signed_in("asha")
    for path in ("/", HERE):
        page = await asha.get(path)
        assert page.status_code == 200, page.text
        assert "Backup &lt;share&gt; open" in page.text
        assert "72 h from confirmation" in page.text
        assert "style=" not in page.text
        assert page.text.count("<script") == page.text.count('<script src="/page.js" defer></script>') == 1
    assert "the report names the party as affected" in page.text
    assert "Ask Noor for the access records" in page.text
    assert (await asha.get(f"{HERE}/why")).status_code == 200


async def test_a_change_in_the_log_is_shown_at_once(at: Counter) -> None:
    """What was read before is read again as soon as the log has grown."""
    asha = await at.signed_in("asha")
    assert "Backup" in (await asha.get("/")).text
    with at.office.store.writing() as tx:
        tx.incidents.put_facts(INCIDENT, facts("Archive share open"), AT, ActId("act-revise"))
        tx.log.append([entry("second")])
    assert "Archive share open" in (await asha.get("/")).text
    assert "Archive share open" in (await asha.get(HERE)).text


async def test_a_stranger_sees_no_more_than_nothing(at: Counter) -> None:
    """Mallory's Now is empty, and each page and form of the incident is not there."""
    mallory = await at.signed_in("mallory")
    assert "Backup" not in (await mallory.get("/")).text
    for path in (HERE, f"{HERE}/why"):
        assert (await mallory.get(path)).status_code == 404
    assert (await mallory.post(f"{HERE}/do/note", data={"text": "x"})).status_code == 404
    assert at.door.envelopes == []


async def test_a_form_becomes_a_signed_act(at: Counter) -> None:
    """A form without the page's token is refused; with it, it is an act of whoever is signed in, told on the page."""
    asha = await at.signed_in("asha")
    del asha.headers["X-CSRF-Token"]
    assert (await asha.post(f"{HERE}/do/note", data={"text": "x"})).status_code == 403
    token = csrf_of((await asha.get(HERE)).text)
    done = await asha.post(f"{HERE}/do/note", data={"csrf": token, "text": "Called Dara"})
    assert (done.status_code, done.headers["location"]) == (303, HERE)
    confirmed = await asha.post(f"{HERE}/do/confirm", data={"csrf": token, "confirmed_at": "2026-03-02T04:00"})
    assert confirmed.status_code == 303
    beside = await asha.get(HERE, headers={"Sec-Fetch-Dest": "empty"})  # as a page's script asks, for what has changed
    assert "the incident is confirmed" not in beside.text
    assert "the incident is confirmed" in (await asha.get(HERE)).text
    assert "the incident is confirmed" not in (await asha.get(HERE)).text
    noted, stated = (envelope.act for envelope in at.door.envelopes)
    assert isinstance(noted.deed, AddNote)
    assert (noted.deed.text, noted.actor.name) == ("Called Dara", "Asha Rao")
    assert isinstance(stated.deed, Confirm)
    assert stated.deed.confirmed_at is not None
    assert stated.deed.confirmed_at.isoformat() == "2026-03-02T04:00:00+00:00"
    empty = await asha.post(f"{HERE}/do/dismiss", data={"csrf": token})
    assert (empty.status_code, "the reason is missing" in empty.text) == (409, True)


async def test_a_report_by_form(at: Counter) -> None:
    """A title is enough; an unknown reference is told with what to do."""
    asha = await at.signed_in("asha")
    assert (await asha.get("/report")).status_code == 200
    done = await asha.post("/report", data={"title": "Odd logins", "everyone": "yes"})
    assert done.status_code == 303
    (envelope,) = at.door.envelopes
    assert isinstance(envelope.act.deed, Report)
    assert (envelope.act.deed.facts.title, envelope.act.deed.everyone) == ("Odd logins", True)
    wrong = await asha.post("/report", data={"title": "Odd logins", "references": "NOBODY-1"})
    assert (wrong.status_code, "the register has no NOBODY-1" in wrong.text) == (409, True)


async def _changes(browser: httpx.AsyncClient, into: list[str], heard: asyncio.Event) -> None:
    async with browser.stream("GET", "/live", headers={"Accept": "text/event-stream"}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                heard.set()
            if line.startswith("data: ") and "incidents" in line:
                into.append(line)
                return


async def test_listeners_hear_of_what_they_may_see(at: Counter) -> None:
    """Asha hears that her incident has changed; Mallory, who listens too, hears nothing of it."""
    asha, mallory = await at.signed_in("asha"), await at.signed_in("mallory")
    heard: tuple[list[str], list[str]] = ([], [])
    open_ = (asyncio.Event(), asyncio.Event())
    tasks = [
        asyncio.create_task(_changes(browser, into, event))
        for browser, into, event in zip((asha, mallory), heard, open_, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in open_))
    with at.office.store.writing() as tx:
        tx.log.append([entry("third")])
    await asyncio.wait_for(tasks[0], 60)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert INCIDENT in heard[0][0]
    assert heard[1] == []
