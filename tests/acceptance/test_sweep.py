"""The sweep: a schedule that finds what a timer missed."""

import asyncio
from datetime import UTC, datetime

import orjson
from temporalio.client import ScheduleHandle, WorkflowExecutionStatus

from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation, wait_for
from tests.house import House
from tocsin import wire


def reported(house: House) -> list[str]:
    """Return the workflows that a sweep has found missing, from the log."""
    with house.store.reading() as tx:
        entries = [orjson.loads(entry.body) for entry in tx.log.entries()]
    return [entry["data"]["workflow"] for entry in entries if entry["kind"] == "sweep.missing"]


async def _reach(sweeps: ScheduleHandle, actions: int) -> None:
    while (await sweeps.describe()).info.num_actions < actions:  # noqa: ASYNC110 - a server's count has no event
        await asyncio.sleep(0.2)


async def test_terminated_clock_is_reported(installation: Installation) -> None:
    """A clock that somebody terminated is paged, logged and started again by the next sweep, and by no later one."""
    await asyncio.to_thread(installation.set_up, one())
    house = await installation.house()
    first = installation.start_worker()
    await asyncio.to_thread(first.ready)
    incident = await house.report(datetime.now(UTC))
    with house.store.reading() as tx:
        clock_id = tx.duties.running_clocks()[0].spec.clock_id
    clock = wire.clock_workflow(incident, clock_id)
    await house.client.get_workflow_handle(clock).terminate("by hand")
    first.stop()
    # The next worker finds the schedule that the first one made, and brings its interval up to date.
    second = installation.start_worker(SWEEP_EVERY_SECONDS="1")
    await asyncio.to_thread(second.ready)
    await asyncio.to_thread(wait_for, lambda: bool(reported(house)))
    sweeps = house.client.get_schedule_handle(wire.SWEEP_SCHEDULE)
    seen = (await sweeps.describe()).info.num_actions
    await asyncio.wait_for(_reach(sweeps, seen + 2), 60)
    assert [clock] == reported(house)
    described = await house.client.get_workflow_handle(clock).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    assert sum("is not running" in page and clock in page for page in installation.pages()) == 1
