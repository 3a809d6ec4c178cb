"""Continuing as new with everything running: nothing ends that should run, and nothing is forgotten."""

import asyncio

import pytest

from tests.house import ASHA, DARA
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Story, police
from tocsin import wire
from tocsin.domain.act import AddAffected, AddNote, Confirm, Draft, Release, TaskAdd, TaskAssign
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Status
from tocsin.domain.task import TaskKind

LIMIT = 60
"""Events after which the incident continues as new: an act or two."""


async def run_id(story: Story) -> str:
    """Return the current run of the incident."""
    return (await story.run().describe()).run_id or ""


async def into_another_run(story: Story) -> None:
    """Add notes until the incident has continued as new."""
    before = await run_id(story)
    async with asyncio.timeout(60):
        while await run_id(story) == before:
            await story.asha(AddNote(text="still looking"))


async def test_clocks_run_on_and_are_heard(story: Story) -> None:
    """An incident continued as new keeps its clocks running, hears each of their ends, and numbers its writes on."""
    await story.report(history_limit=LIMIT)
    first = await run_id(story)
    await story.asha(Confirm())
    await into_another_run(story)
    await into_another_run(story)
    assert await run_id(story) != first
    running = [row for row in story.clocks() if row.state is ClockState.RUNNING]
    assert len(running) == 3
    assert {row.spec.clock_id for row in running} == set(story.state.clocks)
    assert all([await story.runs(row) for row in running])
    await story.tell()
    await story.rest()
    assert not story.state.clocks
    assert {row.state for row in story.clocks()} == {ClockState.ENDED}
    sequences = story.sequences()
    assert len(sequences) > 10
    assert sequences == sorted(set(sequences))
    assert story.state.sequence == sequences[-1]


async def test_missed_is_heard_by_a_later_run(story: Story) -> None:
    """A deadline that passes after the incident has continued as new is heard: the reason is owed."""
    await story.report(history_limit=LIMIT)
    await story.asha(Confirm())
    await into_another_run(story)
    await story.lapse(FROM_AWARENESS, 37 * H)
    assert story.state.reasons_owed == (story.clock(FROM_AWARENESS).spec.clock_id,)


async def test_the_whole_life(story: Story) -> None:
    """An incident that continues as new after every act or two is confirmed, held, told, and closed all the same."""
    await story.report(history_limit=LIMIT)
    await story.asha(Confirm())
    await story.dara(police())
    drafted = await story.draft()
    await into_another_run(story)
    wave = await story.release(drafted)
    await into_another_run(story)
    assert not story.post.handed
    await story.dara(Lift(hold_id=story.state.holds[0]))
    await story.wave(wave).result()
    await story.asha(AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),)))
    await story.tell()
    await story.finish_tasks()
    await story.rest()
    assert set(story.post.handed.values()) == {1}
    assert len(story.post.handed) == 4
    assert (await story.close()).status == Status.CLOSED
    assert await story.run().result() == Status.CLOSED


async def test_rules_hold_in_a_later_run(story: Story) -> None:
    """What was so before is so in a later run: confirmed once, and a draft is not released by its drafter."""
    await story.report(history_limit=LIMIT)
    await story.asha(Confirm())
    drafted = await story.draft()
    await into_another_run(story)
    await story.refuses(ASHA, Confirm(), "it was confirmed already")
    await story.refuses(DARA, Release(wave_id=drafted.wave, digest="0" * 64), "changed since you reviewed them")
    await story.release(drafted)
    await story.wave(drafted.wave).result()


async def test_the_same_act_twice(story: Story) -> None:
    """The same act sent twice is one act, in the same run and in a later one."""
    await story.report(history_limit=LIMIT)
    envelope = story.house.envelope(story.incident, ASHA, AddNote(text="once"), story.now)
    first = await story.house.engine.act(envelope)
    assert (await story.house.engine.act(envelope)).act_id == first.act_id
    await into_another_run(story)
    again = await story.house.engine.act(envelope)
    assert again.already
    ids = [entry["data"]["act"] for entry in story.house.log("act.note")]
    assert ids.count(envelope.act.act_id) == 1


async def test_the_same_draft_twice(story: Story) -> None:
    """A draft whose answer was lost, sent again to a later run, answers with the same wave and digest."""
    await story.report(history_limit=LIMIT)
    envelope = story.house.envelope(story.incident, ASHA, Draft(), story.now)
    first = await story.house.engine.act(envelope)
    await into_another_run(story)
    again = await story.house.engine.act(envelope)
    assert (again.already, again.ids) == (True, first.ids)
    assert len(story.state.waves) == 1


async def test_acts_that_come_in_the_middle(story: Story) -> None:
    """Acts and events that arrive from all sides while the incident continues as new are each heard once."""
    await story.report(history_limit=LIMIT)
    for round_ in range(8):
        events = (wire.TasksChanged(blocking=100 * round_ + n) for n in range(8))
        notes = (story.asha(AddNote(text="from all sides")) for _ in range(6))
        await asyncio.gather(*notes, *(story.run().signal(wire.TASKS_CHANGED, event) for event in events))
    await story.run().signal(wire.TASKS_CHANGED, wire.TasksChanged(blocking=4711))
    await story.until(lambda: story.state.blocking_tasks == 4711)
    assert len(story.house.log("act.note")) == 48
    sequences = story.sequences()
    assert sequences == list(range(1, len(sequences) + 1))


async def test_clocks_waves_and_tasks_continue_too(forgetful_story: Story) -> None:
    """Clocks, waves and tasks that continue as new warn, send and remind as if nothing had happened."""
    story = forgetful_story
    await story.confirmed()
    await story.dara(police())
    await story.asha(AddAffected(agreements=(story.house.agreement("ELM-1"),)))
    wave = await story.release(await story.draft())
    firsts = {row.spec.clock_id: (await story.clock_run(row).describe()).run_id for row in story.clocks()}
    step = TaskAdd(title="Look", task_kind=TaskKind.INVESTIGATION, owner="asha", due_in=H)
    added = (await story.asha(step)).ids["task"]
    for hours in (36, 18, 11):
        await story.lapse(FROM_CONFIRMATION, hours * H)
    for number in range(12):
        await story.asha(TaskAssign(task_id=story.task(added).task_id, owner=f"owner-{number}"))
    assert len(story.warnings(FROM_CONFIRMATION)) == 3
    assert not story.post.handed
    await story.dara(Lift(hold_id=story.state.holds[0]))
    await story.wave(wave).result()
    await story.rest()
    assert set(story.post.handed.values()) == {1}
    (by_hand,) = [task for task in story.house.tasks(story.incident).values() if task.kind is TaskKind.NOTICE]
    await story.finish(by_hand)
    await story.finish_tasks()
    await story.until(lambda: not story.state.clocks)
    assert {duty.state for duty in story.duties} == {DutyState.DISCHARGED}
    lasts = {row.spec.clock_id: (await story.clock_run(row).describe()).run_id for row in story.clocks()}
    assert any(firsts[key] != lasts[key] for key in firsts)
    assert not any(task.blocks_closing for task in story.house.tasks(story.incident).values())
    assert (await story.close()).status == Status.CLOSED


async def test_reopened_in_a_later_run(forgetful_story: Story) -> None:
    """Where every workflow continues as new, a closed incident refuses acts and is reopened all the same."""
    story = forgetful_story
    await story.closed()
    with pytest.raises(Refused, match="reopen it first"):
        await story.asha(Confirm())
    await story.asha(AddNote(text="late"))
    assert len(story.house.log("act.note")) == 1
