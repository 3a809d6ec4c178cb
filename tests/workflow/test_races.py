"""Things that happen at the same time, at the worst time."""

import asyncio
from datetime import timedelta

from tests.workflow.story import FROM_CONFIRMATION, H, Story
from tocsin.domain.act import AddAffected, Confirm, Deed, Draft, Revise
from tocsin.domain.clock import ClockState
from tocsin.domain.incident import Trigger
from tocsin.ports import Verdict

MINUTE = timedelta(minutes=1)
ON_CALL = "on-call@processor.example"
TRIES = 6
"""In how many steps a page that is taken again must have gone out."""


async def test_deadline_moves_while_the_page_is_under_way(story: Story) -> None:
    """A warning about the old deadline does not count as one about the new."""
    story.paging.shut()
    await story.confirmed(40 * H)
    await story.paging.arrived(1)
    await story.asha(Revise(triggers={Trigger.CONFIRMATION: story.now}))
    story.paging.open()
    await story.rest()
    assert story.clock(FROM_CONFIRMATION).sent == ()
    before = len(story.warnings(FROM_CONFIRMATION))
    await story.lapse(FROM_CONFIRMATION, 36 * H + MINUTE)
    assert len(story.warnings(FROM_CONFIRMATION)) == before + 1


async def test_deadline_moves_while_the_pager_is_down(story: Story) -> None:
    """A page that is no longer due leaves a clock waiting, not spinning."""
    story.paging.answers[ON_CALL] = [Verdict.NOT_SENT] * 500
    await story.confirmed(40 * H)
    await story.paging.arrived(1)
    clock = story.clock_run(story.clock(FROM_CONFIRMATION))
    await story.server.fast_forward(clock, 6 * MINUTE)
    before = await clock.describe()
    await story.asha(Revise(triggers={Trigger.CONFIRMATION: story.now}))
    await story.server.fast_forward(clock, 30 * MINUTE)
    story.paging.answers[ON_CALL] = []
    await story.rest()
    after = await clock.describe()
    assert after.run_id == before.run_id
    assert after.history_length < before.history_length + 60


async def test_pager_down_for_a_while(story: Story) -> None:
    """A clock whose pages are not taken for a quarter of an hour tries again until they are, and then warns once."""
    story.paging.answers[ON_CALL] = [Verdict.NOT_SENT] * 500
    await story.confirmed(40 * H)
    clock = story.clock_run(story.clock(FROM_CONFIRMATION))
    await story.server.fast_forward(clock, 15 * MINUTE)
    assert not story.warnings(FROM_CONFIRMATION)
    assert await story.runs(story.clock(FROM_CONFIRMATION))
    story.paging.answers[ON_CALL] = []
    # In steps: on a busy machine the server may skip over a whole round of tries before the worker is asked for one.
    for _ in range(TRIES):
        if story.warnings(FROM_CONFIRMATION):
            break
        await story.server.fast_forward(clock, 6 * MINUTE)
        await story.rest()
    assert len(story.warnings(FROM_CONFIRMATION)) == 1


async def test_duty_added_while_its_clock_ends(story: Story) -> None:
    """Parties found while the last notice goes out have a clock that runs, whether the old one had ended or not."""
    await story.confirmed()
    drafted = await story.draft(Draft())
    found = AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),), known_affected_at=story.now - H)
    story.post.shut()
    wave = await story.release(drafted)
    await story.post.arrived(3)
    story.post.open()
    await asyncio.gather(story.wave(wave).result(), story.asha(found))
    await story.rest()
    duty = story.duties_of("DOGWOOD-1")[FROM_CONFIRMATION]
    row = next(row for row in story.clocks() if row.spec.clock_id == duty.clock_id)
    assert (row.state, row.open_duties) == (ClockState.RUNNING, 1)
    assert await story.runs(row)
    assert set(story.state.clocks) == {duty.clock_id}


async def test_everything_at_once(story: Story) -> None:
    """Acts from all sides at one moment are taken one after the other; the log has each once and no gap."""
    await story.report()
    acts: list[Deed] = [
        Confirm(),
        AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),)),
        AddAffected(agreements=(story.house.agreement("ELM-1"),)),
        Revise(facts={"people_affected": 3}),
        Draft(),
    ]
    await asyncio.gather(*(story.asha(act) for act in acts))
    await story.rest()
    assert len(story.house.log("act.")) == 6
    sequences = story.sequences()
    assert sequences == sorted(set(sequences))
    running = [row for row in story.clocks() if row.state is ClockState.RUNNING]
    assert {row.spec.clock_id for row in running} == set(story.state.clocks)
    assert all([await story.runs(row) for row in running])
