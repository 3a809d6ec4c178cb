"""From the version before this one to this one, with an incident in flight and a wave half sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from temporalio.client import WorkflowExecutionStatus
from temporalio.worker import Replayer

from benchmarks.installed import Standin
from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.released import released
from tests.acceptance.stack import ROOT, Installation, wait_for
from tests.house import House
from tocsin import __version__, wire
from tocsin.adapters.codec import data_converter
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import ClockId, IncidentId, WaveId
from workflows.every import WORKFLOWS

CONTROLLERS = 160
"""One at a time, fifty milliseconds each: eight seconds in which to change horses."""


@pytest.fixture
def standin() -> Iterator[Standin]:
    """A stand-in for the mail provider, that remembers what it took."""
    one = Standin()
    yield one
    one.stop()


def rows(installation: Installation, question: str) -> list[tuple[Any, ...]]:
    """Ask the store, whatever version its tables are of."""
    engine = create_engine(f"sqlite:///{installation.home / 'store.sqlite'}")
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(question))]
    engine.dispose()
    return found


def deadlines(installation: Installation) -> list[tuple[Any, ...]]:
    """Return every clock with its target, as the store holds them."""
    return rows(installation, "SELECT clock_id, incident_id, target_at FROM clocks ORDER BY clock_id")


async def histories(house: House) -> AsyncIterator[Any]:
    """Yield the history of every workflow of the namespace but the sweeps, which end within a second."""
    async for one in house.client.list_workflows("WorkflowType != 'tocsin.Sweep'"):
        yield await house.client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()


async def replayed(house: House) -> Counter[str]:
    """Let today's code take the decisions of every history again; return how many of each kind there were."""
    converter = data_converter(house.vault, house.client.namespace)
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converter)
    kinds: Counter[str] = Counter()
    async for history in histories(house):
        await replayer.replay_workflow(history)
        kinds[history.events[0].workflow_execution_started_event_attributes.workflow_type.name] += 1
    return kinds


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_upgrade_in_mid_wave(install: Install, standin: Standin, tmp_path: Path) -> None:
    """The old worker goes on with new tables; the new one takes over, keeps each deadline and sends nothing twice."""
    version, tree = released(tmp_path)
    sendgrid = {"CHANNEL": "sendgrid", "SENDGRID_API_KEY": "SG.upgrade", "SENDGRID_BASE_URL": standin.url}
    installation = install(SENDS_IN_FLIGHT="1", **sendgrid)
    installation.tree = tree
    incident, wave = await asyncio.to_thread(half_sent, installation)
    assert version != __version__
    before = deadlines(installation)

    # Today's migration beside yesterday's worker, which goes on sending and takes acts.
    installation.tree = ROOT
    await asyncio.to_thread(installation.does, "migrate")
    sent = len(await standin.record())
    await asyncio.sleep(1)
    installation.tree = tree
    old = installation._workers[0]
    assert len(await standin.record()) > sent, "the old worker stopped at the new tables"
    old.stop()
    assert old.ended() in {0, -2}, old.out.read_text()
    assert len(await standin.record()) < CONTROLLERS, "the wave was over before the new worker came"

    installation.tree = ROOT
    worker = installation.start_worker(SENDS_IN_FLIGHT="16")
    await asyncio.to_thread(worker.ready)
    house = await installation.house()
    await asyncio.to_thread(wait_for, lambda: is_over(house, wave), 60)
    with house.store.reading() as tx:
        ledger = tx.ledger.notices(wave)
    took = Counter(one["notice_id"] for one in await standin.record())
    assert {row.notice_id: 1 for row in ledger} == took
    assert len(ledger) == CONTROLLERS
    assert before == deadlines(installation)
    async with asyncio.timeout(60):
        for clock, _, target in before:
            await as_it_should(house, incident, ClockId(clock), datetime.fromisoformat(target))
    kinds = await replayed(house)
    assert kinds.keys() >= {"tocsin.Incident", "tocsin.Clock", "tocsin.Wave", "tocsin.Response"}
    await asyncio.to_thread(installation.does, "note", incident, "seen by the new version")
    await asyncio.to_thread(installation.does, "log", "verify")


def half_sent(installation: Installation) -> tuple[IncidentId, WaveId]:
    """Bring an incident to a wave of which some letters are out, by the commands of the installation's tree."""
    installation.set_up(many(CONTROLLERS))
    installation.start_worker().ready()
    report = installation.does("report", "Odd logins", "--service", "records-api", "--json").json
    incident = report["receipt"]["incident_id"]
    installation.does("confirm", incident)
    drafted = installation.does("draft", incident, "--json").json
    wave, digest = drafted["wave"]["wave_id"], drafted["wave"]["digest"]
    installation.does("release", incident, wave, "--digest", digest, user="dara")
    sent = f"SELECT count(*) FROM notices WHERE state = '{NoticeState.ACCEPTED}'"
    wait_for(lambda: rows(installation, sent)[0][0] > 0)
    return IncidentId(incident), WaveId(wave)


def is_over(house: House, wave: WaveId) -> bool:
    """Say whether nothing of a wave is left to be done."""
    with house.store.reading() as tx:
        return tx.ledger.counts(wave).unsettled == 0


async def as_it_should(house: House, incident: IncidentId, clock: ClockId, target: datetime) -> None:
    """Wait until a clock runs towards the same target, or has ended because all of its duties were told."""
    handle = house.client.get_workflow_handle(wire.clock_workflow(incident, clock))
    while True:
        status = (await handle.describe()).status
        with house.store.reading() as tx:
            row = tx.duties.clock(clock)
        assert row is not None
        assert row.spec.target_at == target
        if status is (WorkflowExecutionStatus.RUNNING if row.open_duties else WorkflowExecutionStatus.COMPLETED):
            return
        await asyncio.sleep(0.2)
