"""Within how long a person hears of a fault, where time is skipped: a store that refuses, a lost key, a reset."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import event
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from tests.house import House
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Story
from tests.workflow.test_watching import sweep
from tocsin.adapters.reconciler import Reconciler
from tocsin.domain.clock import Mark
from tocsin.ports import Verdict
from workflows import options

MIN = timedelta(minutes=1)


@contextmanager
def read_only(house: House) -> Iterator[None]:
    """Let every connection of the house's store be one on a file that nobody may write."""
    engine, path = house.store._engine, house.home / "store.sqlite"

    def connect(*_: object) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)

    event.listen(engine, "do_connect", connect)
    engine.dispose()
    yield
    event.remove(engine, "do_connect", connect)
    engine.dispose()


async def test_read_only_store(story: Story) -> None:
    """A store that nobody may write keeps no warning back, and its refusal is paged within two minutes of trying."""
    await story.confirmed()
    await story.rest()
    half_at = story.clock(FROM_CONFIRMATION).spec.mark_at(Mark.HALF)
    with read_only(story.house):
        clock = story.clock_run(story.clock(FROM_CONFIRMATION))
        await story.server.fast_forward(clock, 36 * H + options.GIVE_UP_AFTER + MIN)
        await story.until(lambda: story.house.pages("cannot go on"))
        (warned,) = story.warnings(FROM_CONFIRMATION)
        assert abs(warned.at - half_at) < MIN
        told = [page.at for page in story.house.pages("cannot go on")]
        assert half_at < min(told) <= half_at + options.GIVE_UP_AFTER + MIN
        # The page is no write: after a restore nobody takes the store for older than the clock because of it.
        house = story.house
        seen = await Reconciler(house.store, house.client, {}, lambda _: False, store_is_old=False).look(story.now)
        assert [sight for sight, _ in seen.workflows if sight.incident_id == story.incident] == []
    await story.server.fast_forward(clock, 3 * MIN)
    await story.until(lambda: story.clock(FROM_CONFIRMATION).sent)
    assert story.clock(FROM_CONFIRMATION).sent == (Mark.HALF,)
    assert len(story.warnings(FROM_CONFIRMATION)) == 1


async def test_revoked_key(story: Story) -> None:
    """A provider that takes nothing from us any more is paged with the first letter that it refuses, once."""
    await story.confirmed()
    for address in ("bea@birch.example", "cem@cedar.example", "copy@cedar.example"):
        story.post.answers[address] = [Verdict.CHANNEL_DOWN] * 100
    began_at = story.now
    await story.release(await story.draft())
    await story.until(lambda: story.house.pages("Notices cannot be sent"))
    (page,) = story.house.pages("Notices cannot be sent")
    assert page.at - began_at < MIN
    assert "Mend the channel" in page.text


async def test_clock_that_was_reset_by_hand(story: Story) -> None:
    """A clock that somebody set back is paged by the next sweep, once; terminated, it runs again where it stood."""
    await story.confirmed(40 * H)
    await story.rest()
    run = story.clock_run(story.clock(FROM_AWARENESS))
    described = await run.describe()
    history = [e async for e in run.fetch_history_events()]
    first = next(e.event_id for e in history if e.HasField("workflow_task_completed_event_attributes"))
    client = story.house.client
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=described.run_id),
            reason="by hand",
            workflow_task_finish_event_id=first,
            request_id="by-hand",
        )
    )
    for _ in range(2):
        await sweep(story)
    (page,) = story.house.pages("was reset by hand")
    assert "terminate it" in page.text
    assert [entry["data"] for entry in story.house.log("sweep.reset")] == [{"workflow": run.id}]
    sent = story.clock(FROM_AWARENESS).sent
    await client.get_workflow_handle(run.id).terminate("as the page says")
    assert (await sweep(story))["started_again"] == 1
    await story.rest()
    assert await story.runs(story.clock(FROM_AWARENESS))
    assert story.clock(FROM_AWARENESS).sent == sent
