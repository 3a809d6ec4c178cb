"""A worker that is restarted every half minute while reports keep coming: none is lost, and nothing is stuck."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.worker import Replayer

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.house import House
from tocsin import wire
from tocsin.client import Underway, Unreachable
from tocsin.domain.values import IncidentId
from workflows.every import WORKFLOWS

SECONDS, EVERY, PAUSE = 600.0, 30.0, 1.5


async def reported(house: House, number: int) -> IncidentId:
    """Report, again and again until it was taken; the same alert is the same incident."""
    while True:
        try:
            return await house.report(datetime.now(UTC), key=f"steady-{number}")
        except (Unreachable, Underway):
            await asyncio.sleep(0.5)


async def steady(house: House, until: float) -> list[IncidentId]:
    """Keep reporting until that moment; nobody waits for the one before."""
    asked: list[asyncio.Task[IncidentId]] = []
    while time.monotonic() < until:
        asked.append(asyncio.create_task(reported(house, len(asked))))
        await asyncio.sleep(PAUSE)
    return list(await asyncio.gather(*asked))


async def running(house: House, ids: list[str]) -> AsyncIterator[WorkflowHistory]:
    """Yield the history of each workflow, which must run and wait for nothing of ours."""
    for workflow_id in ids:
        handle = house.client.get_workflow_handle(workflow_id)
        described = await handle.describe()
        assert described.status is WorkflowExecutionStatus.RUNNING, workflow_id
        assert not described.raw_description.HasField("pending_workflow_task"), workflow_id
        yield await handle.fetch_history()


@pytest.mark.soak
@pytest.mark.timeout(1500)
async def test_restarted_every_half_minute(install: Install) -> None:
    """Ten minutes of reports with a worker that is stopped, or killed, every 30 s: all run, all histories replay."""
    installation = install()
    await asyncio.to_thread(installation.set_up, one())
    house = await installation.house()
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    until = time.monotonic() + SECONDS
    reports = asyncio.create_task(steady(house, until))
    restarts = 0
    while time.monotonic() < until:
        await asyncio.sleep(EVERY)
        await asyncio.to_thread(worker.kill if restarts % 2 else worker.stop)
        worker = installation.start_worker()
        await asyncio.to_thread(worker.ready)
        restarts += 1
    incidents = await reports
    assert len(set(incidents)) == len(incidents)
    with house.store.reading() as tx:
        known = {state.incident_id for state in tx.incidents.all()}
        clocks = tx.duties.running_clocks()
    assert set(incidents) == known
    assert {row.spec.incident_id for row in clocks} == known
    ids = [wire.incident_workflow(one_) for one_ in incidents]
    ids += [wire.response_workflow(one_) for one_ in incidents]
    ids += [wire.clock_workflow(row.spec.incident_id, row.spec.clock_id) for row in clocks]
    replayer = Replayer(workflows=WORKFLOWS, data_converter=house.client.data_converter)
    await replayer.replay_workflows(running(house, ids), raise_on_replay_failure=True)
    print(f"{restarts} restarts, {len(incidents)} reports, {len(ids)} histories replayed")
