"""How often pages ask the store: few times, and no more often for many incidents, many readers or many listeners."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.ports.office import Counter, counter
from tests.ports.story import AT, agreement, clock, duty, entry, facts, notice, state, task, wave
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.cli.standing import read_standing
from tocsin.cli.todo import Me, waiting_for
from tocsin.cli.views import read_incident
from tocsin.console import board, house
from tocsin.console.office import ActDoor
from tocsin.domain.act import Role
from tocsin.domain.incident import Status
from tocsin.domain.register import Affected
from tocsin.domain.values import ActId, ClockId, DutyId, IncidentId, NoticeId, PersonId, TaskId, WaveId
from tocsin.ports import Transaction

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
NOW, INCIDENT = 9, 11
"""Statements of a page that was opened before, with who asks, and SQLite's two for each transaction, counted in."""
TO_KNOW = 9
"""Statements by which a console that starts knows what waits for whom in one incident."""
LISTENERS = 200


@contextmanager
def statements(store: SqlStore) -> Iterator[list[str]]:
    """Yield the statements that a store runs meanwhile."""
    ran: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        ran.append(statement)

    engine: Engine = store._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(engine, "before_cursor_execute", note)


def put(tx: Transaction, vault: Vault, count: int) -> None:
    """Put so many incidents into the store, each with a clock, duties, a wave, tasks and a note in the log."""
    parties = [agreement(number) for number in range(3)]
    tx.register.publish(parties, AT)
    for number in range(count):
        key = IncidentId(f"inc-{number:04}")
        spec = clock(ClockId(f"clk-{number}")).spec.model_copy(update={"incident_id": key})
        known = {"status": Status.CONFIRMED, "audience_known": number % 2 == 0}
        one = state(incident_id=key).model_copy(update={"clocks": {spec.clock_id: spec}, **known})
        tx.incidents.put_state(one, AT)
        tx.incidents.put_facts(key, facts(f"Odd logins {number}"), AT, ActId(f"act-{number}"))
        tx.register.pin(key, [Affected(agreement=party, revision=1) for party in parties])
        tx.duties.put_clock(clock(spec.clock_id).model_copy(update={"spec": spec}))
        own = {"incident_id": key, "clock_id": spec.clock_id}
        tx.duties.put(
            duty(n).model_copy(update=own | {"duty_id": DutyId(f"dty-{number}-{n}")}) for n in range(len(parties))
        )
        sent = wave(WaveId(f"wav-{number}")).model_copy(update={"incident_id": key})
        tx.ledger.put_wave(sent)
        ours = {"incident_id": key, "notice_id": NoticeId(f"ntc-{number}"), "number": f"N-{number}"}
        tx.ledger.plan([notice(0, wave_id=sent.wave_id).model_copy(update=ours)])
        tx.tasks.put([task("one").model_copy(update={"incident_id": key, "task_id": TaskId(f"tsk-{number}")})], 1)
        tx.log.append([entry(f"first-{number}", incident_id=key)])


async def no_engine() -> ActDoor:
    """Fail: nothing that only shows may ask Temporal."""
    raise AssertionError("somebody who only looks has Temporal asked")


@asynccontextmanager
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, folder: Path, count: int) -> AsyncIterator[Counter]:
    """Serve a console over so many incidents."""
    for number in range(count):
        vault.ensure(IncidentId(f"inc-{number:04}"))
    with store.writing() as tx:
        put(tx, vault, count)
    async with counter(store, vault, keyring, folder, engine=no_engine) as it:
        yield it


async def asked(it: Counter, path: str, user: str = "dara") -> int:
    """Return how many statements a page takes that was opened before."""
    browser = await it.signed_in(user)
    assert (await browser.get(path)).status_code == 200
    assert isinstance(it.office.store, SqlStore)
    with statements(it.office.store) as ran:
        assert (await browser.get(path)).status_code == 200
    return len(ran)


@pytest.mark.parametrize("count", [5, 50])
async def test_pages_ask_as_often_for_many_incidents(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path, count: int
) -> None:
    """Now and Incident take the same few statements with 5 and with 50 open incidents; somebody's first look too."""
    async with at(store, vault, keyring, tmp_path, count) as it:
        assert await asked(it, "/") <= NOW
        assert await asked(it, "/incidents/inc-0001") <= INCIDENT
        noor = await it.signed_in("noor")
        with statements(store) as ran:
            assert (await noor.get("/incidents/inc-0001")).status_code == 200
        assert not [one for one in ran if "FROM duties" in one], "a look has the incident read again"


async def test_a_console_that_starts_knows_soon(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path
) -> None:
    """The first page asks a fixed few times for each incident, and opens no notice."""
    async with at(store, vault, keyring, tmp_path, 40) as it:
        dara = await it.signed_in("dara")
        with statements(store) as ran:
            page = await dara.get("/")
    assert "still being read" not in page.text
    assert len(ran) <= NOW + 40 * TO_KNOW
    assert not [one for one in ran if "notices.address" in one or "letters" in one]


async def test_the_little_says_the_same_as_the_whole(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path
) -> None:
    """What waits for whom follows from the little that is read of many incidents as it does from the whole of one."""
    async with at(store, vault, keyring, tmp_path, 4):
        with store.reading() as tx:
            for one in tx.incidents.all():
                for role in Role:
                    me = Me(user="dara", name="Dara", person_id=PersonId("per-dara"), roles=frozenset({role}))
                    little = list(waiting_for(me, read_standing(tx, one), AT))
                    assert little == list(waiting_for(me, read_incident(tx, one.incident_id, AT), AT))
                    assert little or role is Role.AUDITOR


async def test_listeners_cost_no_look_each(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> None:
    """200 pages that listen hear of a change, and neither the store nor Temporal is asked once more for it."""
    async with at(store, vault, keyring, tmp_path, 2) as it, AsyncExitStack() as stack:
        browsers = [await it.signed_in(user) for user in ("dara", "noor", "dara", "noor")]
        lines = []
        for number in range(LISTENERS):
            browser = browsers[number % len(browsers)]
            asking = browser.stream("GET", "/live", headers={"Accept": "text/event-stream"})
            lines.append((await stack.enter_async_context(asking)).aiter_lines())
        with statements(store) as ran:
            with store.writing() as tx:
                tx.log.append([entry("second", incident_id=IncidentId("inc-0001"))])
            written = len(ran)
            await asyncio.wait_for(asyncio.gather(*(_changed(one) for one in lines)), 30)
            looked = len(ran) - written
    assert looked <= LISTENERS / 10, ran


async def _changed(lines: AsyncIterator[str]) -> None:
    async for line in lines:
        if line.startswith("data: ") and "inc-0001" in line:
            return


async def test_what_is_kept_has_an_end(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many incidents are opened, no more explanations and pages are kept than there is room for."""
    monkeypatch.setattr(house, "EXPLAINED", 2)
    monkeypatch.setattr(board, "DETAILS", 3)
    houses: list[house.House] = []
    monkeypatch.setattr(house.House, "__init__", _noted(house.House.__init__, houses))
    async with at(store, vault, keyring, tmp_path, 6) as it:
        dara = await it.signed_in("dara")
        for number in range(6):
            assert (await dara.get(f"/incidents/inc-{number:04}")).status_code == 200
    (it_is,) = houses
    assert (len(it_is._explained), len(it_is.board._details)) == (2, 3)


def _noted(made: Any, houses: list[house.House]) -> Any:
    def noted(self: house.House, *words: Any) -> None:
        made(self, *words)
        houses.append(self)

    return noted
