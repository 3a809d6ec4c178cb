"""What watches from outside: the sweep, and what Temporal's own pages show."""

import uuid

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.common import SearchAttributeKey

from tests.house import House
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Handle, Story, police
from tocsin import wire
from tocsin.domain.act import AddNote, Confirm, Dismiss, Revise
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Trigger
from tocsin.ports import SWEPT, Verdict
from tocsin.wire import SearchAttribute

STATUS = SearchAttributeKey.for_keyword(SearchAttribute.STATUS)
INCIDENT = SearchAttributeKey.for_keyword(SearchAttribute.INCIDENT)
NEXT_DEADLINE = SearchAttributeKey.for_datetime(SearchAttribute.NEXT_DEADLINE)


async def started(house: House) -> Handle:
    """Start one sweep."""
    return await house.client.start_workflow(
        wire.SWEEP, wire.SweepInput(tempo=house.tempo), id=f"sweep-{uuid.uuid4()}", task_queue=house.queue
    )


async def swept(house: House) -> None:
    """Run one sweep where time is not skipped."""
    await (await started(house)).result()


async def sweep(story: Story) -> dict[str, object]:
    """Run one sweep."""
    handle = await started(story.house)
    await story.server.fast_forward(handle)
    found: dict[str, object] = await handle.result()
    return found


async def details(handle: Handle) -> str:
    """Return the current details as Temporal's Web UI asks for them."""
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_nothing_missing(story: Story) -> None:
    """While everything runs, from report to closure, the sweep compares it all and pages nobody."""
    await story.confirmed()
    await story.dara(police())
    await story.release(await story.draft())
    await story.rest()
    found = await sweep(story)
    # The incident, its tasks, three clocks and a wave; the clock of the decision has ended.
    assert found == {"compared": 6, "missing": [], "started_again": 0}
    assert not story.house.pages("is not running")


async def test_after_a_close(story: Story) -> None:
    """A sweep after an incident has closed comes to its end: it compares, signs the log and keeps the evidence."""
    await story.closed()
    found = await sweep(story)
    assert found["missing"] == []
    with story.house.store.reading() as tx:
        assert tx.beats.last(SWEPT) is not None


async def test_a_terminated_clock(story: Story) -> None:
    """A clock that somebody terminated is paged and logged once, runs again where it stood, and still ends."""
    await story.confirmed()
    await story.rest()
    clock = story.clock_run(story.clock(FROM_AWARENESS))
    await clock.terminate("by mistake")
    found = await sweep(story)
    assert (found["missing"], found["started_again"]) == ([clock.id], 1)
    await story.rest()
    assert await story.runs(story.clock(FROM_AWARENESS))
    assert (await sweep(story))["missing"] == []
    (page,) = story.house.pages("is not running")
    assert "It is started again where it stood" in page.text.replace("\n", " ")
    (entry,) = story.house.log("sweep.missing")
    assert entry["data"] == {"workflow": clock.id}
    await story.tell()
    await story.rest()
    assert story.clock(FROM_AWARENESS).ended_at is not None


async def test_a_terminated_incident(story: Story) -> None:
    """An incident whose own workflow was terminated is started again from the store, and goes on to its end."""
    await story.confirmed()
    await story.rest()
    await story.run().terminate("by mistake")
    assert (await sweep(story))["started_again"] == 1
    await story.rest()
    before = story.sequences()
    await story.tell()
    await story.finish_tasks()
    await story.rest()
    await story.close()
    numbers = story.sequences()
    assert numbers[: len(before)] == before
    assert numbers == sorted(set(numbers)), "no write was numbered twice"


async def test_terminated_tasks_and_wave(story: Story) -> None:
    """Tasks and a wave that were terminated go on: each letter leaves once, each task is there once."""
    await story.confirmed()
    await story.dara(police())
    wave = await story.release(await story.draft())
    await story.rest()
    tasks = story.house.tasks(story.incident)
    await story.response().terminate("by mistake")
    await story.wave(wave).terminate("by mistake")
    assert (await sweep(story))["started_again"] == 2
    await story.rest()
    assert story.house.tasks(story.incident) == tasks
    (hold,) = story.state.holds
    await story.dara(Lift(hold_id=hold))
    await story.wave(wave).result()
    assert set(story.post.handed.values()) == {1}


async def test_a_sweep_whose_page_was_not_taken(story: Story) -> None:
    """A page that was not taken is sent again: it is not forgotten because it was tried."""
    await story.confirmed()
    await story.rest()
    await story.clock_run(story.clock(FROM_AWARENESS)).terminate("by mistake")
    story.paging.answers["on-call@processor.example"] = [Verdict.NOT_SENT]
    await sweep(story)
    assert len(story.house.pages("is not running")) == 1
    assert len(story.house.log("sweep.missing")) == 1


async def test_only_changes_are_written_where_workflows_are_listed(story: Story) -> None:
    """Status and nearest deadline are written anew by an act that changes them, and by no other: each writing costs."""
    await story.confirmed()
    before = await writings(story)
    await story.asha(AddNote(text="seen"))
    assert await writings(story) == before
    await story.asha(Revise(triggers={Trigger.DISCOVERY: story.now - H}))
    assert await writings(story) == before + 1


async def writings(story: Story) -> int:
    """Count how often an incident has written its search attributes."""
    await story.rest()
    events = (await story.run().fetch_history()).events
    written = [event.upsert_workflow_search_attributes_event_attributes.search_attributes for event in events]
    return sum(SearchAttribute.STATUS in one.indexed_fields for one in written)


async def test_what_temporal_shows(story: Story) -> None:
    """The search attributes hold status, incident and the nearest deadline; the details name the clocks."""
    await story.report()
    described = await story.run().describe()
    targets = [spec.target_at for spec in story.state.clocks.values()]
    attributes = described.typed_search_attributes
    assert (attributes[STATUS], attributes[INCIDENT]) == ("reported", story.incident)
    assert abs((attributes[NEXT_DEADLINE] - min(targets)).total_seconds()) < 1
    assert "**reported**, 3 clocks run" in await details(story.run())
    await story.asha(Confirm())
    assert (await story.run().describe()).typed_search_attributes[STATUS] == "confirmed"
    await story.rest()
    assert FROM_CONFIRMATION in await details(story.run())
    assert f"**{FROM_AWARENESS}**: 1 d 11 h left, 1 of 1 duties open" in await details(
        story.clock_run(story.clock(FROM_AWARENESS))
    )
    assert "0 of 8 tasks done" in await details(story.response())
    await story.tell()
    await story.rest()
    attributes = (await story.run().describe()).typed_search_attributes
    assert attributes.get(NEXT_DEADLINE) is None


async def test_status_is_answered(story: Story) -> None:
    """The engine answers how an incident stands, running or ended."""
    await story.report()
    await story.rest()
    assert await story.house.engine.status(story.incident) == story.state
    await story.asha(Dismiss(reason="a drill"))
    await story.run().result()
    assert await story.house.engine.status(story.incident) == story.state


async def test_the_log_is_signed_at_the_close(story: Story) -> None:
    """Closing signs a checkpoint, in the transaction of the act, whose last entry is the close."""
    await story.closed()
    with story.house.store.reading() as tx:
        at_close = tx.checkpoints.newest()
        bodies = [entry.body for entry in tx.log.entries()]
    assert at_close is not None
    assert b"act.close" in bodies[at_close.head.size - 1]
