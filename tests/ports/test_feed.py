"""The calendar feed over real HTTP: by its own secret address, of what its person may see, and of nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from icalendar import Calendar

from tests.ports.office import Counter, counter
from tests.ports.story import AT, CLOCK, HOUR, INCIDENT, OTHER_INCIDENT, facts, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.clock import ClockSpec
from tocsin.domain.incident import Trigger
from tocsin.domain.task import Task, TaskKind
from tocsin.domain.values import ActId, ClockId, IncidentId, TaskId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


def clock(incident_id: IncidentId, number: int) -> ClockSpec:
    """Return a clock of an incident."""
    return ClockSpec(
        clock_id=ClockId(f"{CLOCK}-{number}"),
        incident_id=incident_id,
        rule_id="contract:72h",
        title="72 h from confirmation",
        trigger=Trigger.CONFIRMATION,
        trigger_at=AT,
        deadline_at=AT + 72 * HOUR,
        target_at=AT + 72 * HOUR,
    )


def task(number: int, owner: str, incident_id: IncidentId = INCIDENT) -> Task:
    """Return an open task of somebody."""
    return Task(
        task_id=TaskId(f"tsk-{number}"),
        incident_id=incident_id,
        key=f"k{number}",
        title="Call Bea Birch at home",
        kind=TaskKind.INVESTIGATION,
        owner=owner,
        due_at=AT + number * HOUR,
    )


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with two incidents; Asha is on the team of the first."""
    async with counter(store, vault, keyring, tmp_path) as it:
        with store.writing() as tx:
            for number, incident_id in enumerate((INCIDENT, OTHER_INCIDENT)):
                spec = clock(incident_id, number)
                found = state(incident_id=incident_id).model_copy(update={"clocks": {spec.clock_id: spec}})
                tx.incidents.put_state(found, AT)
                tx.incidents.put_facts(incident_id, facts(f"incident {number}"), AT, ActId(f"act-{number}"))
            tx.incidents.join(INCIDENT, [it.office.person_id("asha")], AT)
            tx.tasks.put([task(1, "asha"), task(2, "dara")], 1)
        yield it


async def address(at: Counter, user: str, scopes: list[str]) -> tuple[str, str]:
    """Let somebody make a token; return where its calendar would be, and the token's id."""
    browser = await at.signed_in(user)
    made = (await browser.post("/api/v1/me/tokens", json={"scopes": scopes})).json()
    return f"/calendar/{made['token']}.ics", made["token_id"]


async def test_deadlines_that_one_may_see(at: Counter) -> None:
    """A responder's feed has the clocks of their teams and their own tasks; an approver's has every clock."""
    where, _ = await address(at, "asha", ["feed"])
    answer = await at.browser().get(where)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    events = {str(event["uid"]): event for event in Calendar.from_ical(answer.text).walk("VEVENT")}
    assert set(events) == {f"{CLOCK}-0@tocsin", "tsk-1@tocsin"}
    assert events[f"{CLOCK}-0@tocsin"].decoded("dtstart") == AT + 72 * HOUR
    assert "Bea" not in answer.text
    assert "Asha" not in answer.text
    where, _ = await address(at, "dara", ["feed"])
    everything = Calendar.from_ical((await at.browser().get(where)).text).walk("VEVENT")
    assert {str(event["uid"]) for event in everything} == {f"{CLOCK}-0@tocsin", f"{CLOCK}-1@tocsin", "tsk-2@tocsin"}


async def test_an_address_is_good_for_the_feed_only(at: Counter) -> None:
    """A feed's secret opens nothing else, no other token opens a feed, and a revoked one is as good as none."""
    where, token_id = await address(at, "asha", ["feed"])
    secret = where.removeprefix("/calendar/").removesuffix(".ics")
    program = at.browser()
    assert (await program.get("/api/v1/incidents", headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    other, _ = await address(at, "asha", ["read"])
    assert (await program.get(other)).status_code == 404
    both = await (await at.signed_in("asha")).post("/api/v1/me/tokens", json={"scopes": ["feed", "read"]})
    assert both.status_code == 409
    assert (await program.get(where)).status_code == 200
    await (await at.signed_in("asha")).delete(f"/api/v1/me/tokens/{token_id}")
    gone, never = await program.get(where), await program.get("/calendar/tocsin_nothing.ics")
    assert (gone.status_code, gone.content) == (never.status_code, never.content) == (404, never.content)
