"""The 72 hours of the founding contract, on a real server that skips time: warned, told, late, dismissed, undecided."""

from datetime import UTC, timedelta

import pytest

from tests.workflow.story import DECIDE, FROM_AWARENESS, FROM_CONFIRMATION, FROM_DISCOVERY, H, Story
from tocsin.adapters.temporal_runs import TemporalRuns
from tocsin.domain.act import AddNote, Close, Confirm, Dismiss, Reopen, Revise
from tocsin.domain.clock import ClockRow, ClockState, Mark
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status, Trigger
from tocsin.domain.values import IncidentId
from workflows.clock import NEAR

MINUTE = timedelta(minutes=1)


async def said_by_itself(story: Story, row: ClockRow) -> list[str]:
    """Return the signals that a clock's workflow has sent."""
    events = (await story.clock_run(row).fetch_history()).events
    sent = [event.signal_external_workflow_execution_initiated_event_attributes for event in events]
    return [signal.signal_name for signal in sent if signal.signal_name]


async def test_warned_three_times_and_told(replayed_story: Story) -> None:
    """A confirmed incident warns at half, three quarters and nine tenths; told before the deadline, its clocks end."""
    story = replayed_story
    await story.confirmed()
    at = story.clock(FROM_CONFIRMATION).spec.trigger_at
    for hours in (36, 18, 10.8):
        await story.lapse(FROM_CONFIRMATION, hours * H + MINUTE)
    pages = story.warnings(FROM_CONFIRMATION)
    assert [round((page.at - at) / H, 1) for page in pages] == [36.0, 54.0, 64.8]
    assert [page.subject.partition(" left")[0] for page in pages] == ["1 d 11 h", "17 h 59 min", "7 h 11 min"]

    await story.tell()
    await story.rest()
    assert sorted(story.post.handed) == [
        "bea@birch.example",
        "cem@cedar.example",
        "copy@cedar.example",
    ]
    assert all(row.state is ClockState.ENDED for row in story.house.clocks(story.incident).values())
    assert not story.state.clocks
    assert not any(duty.late for duty in story.duties)
    assert len(story.warnings(FROM_CONFIRMATION)) == 3


async def test_trigger_eighty_hours_back(story: Story) -> None:
    """A trigger 80 h back warns once, that it is overdue; the marks that it overtook are not sent."""
    await story.confirmed(80 * H)
    await story.rest()
    pages = story.warnings(FROM_CONFIRMATION)
    assert len(pages) == 1
    assert "8 h overdue" in pages[0].subject
    assert set(story.clock(FROM_CONFIRMATION).sent) == set(Mark)


async def test_late(story: Story) -> None:
    """A missed clock warns once, owes a reason that keeps nothing from being sent, and marks what is told as late."""
    await story.confirmed(80 * H)
    await story.until(lambda: story.state.reasons_owed)
    await story.tell()
    await story.rest()
    birch = story.duties_of("BIRCH-1")
    assert birch[FROM_CONFIRMATION].state is DutyState.DISCHARGED
    assert birch[FROM_CONFIRMATION].late
    assert not birch[FROM_DISCOVERY].late
    row = story.clock(FROM_CONFIRMATION)
    assert (row.state, row.late, row.outcome) == (ClockState.ENDED, True, "discharged, 2 late")
    assert len(story.overdue(FROM_CONFIRMATION)) == 1


async def test_late_reason_lets_it_close(story: Story) -> None:
    """Only the reason for being late, given as a note on the clock, is missing to close; then it closes."""
    await story.confirmed(80 * H)
    await story.tell()
    await story.finish_tasks()
    clock_id = story.clock(FROM_CONFIRMATION).spec.clock_id
    with pytest.raises(Refused, match=f"the reason is missing why {clock_id} passed"):
        await story.asha(Close(cause="a stolen key", lessons="rotate"))
    note = await story.asha(AddNote(text="found on a Monday", clock_id=clock_id))
    assert story.clock(FROM_CONFIRMATION).late_reason == note.act_id
    assert (await story.asha(Close(cause="a stolen key", lessons="rotate"))).status == Status.CLOSED


async def test_missed_while_running(story: Story) -> None:
    """A clock that runs out tells its incident so once, and stays until everyone is told."""
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 36 * H - MINUTE)
    assert not story.overdue(FROM_AWARENESS)
    assert not story.state.reasons_owed
    await story.lapse(FROM_AWARENESS, 2 * MINUTE)
    await story.lapse(FROM_AWARENESS, 200 * H)
    row = story.clock(FROM_AWARENESS)
    assert len(story.overdue(FROM_AWARENESS)) == 1
    assert story.state.reasons_owed == (row.spec.clock_id,)
    assert (row.state, row.late) == (ClockState.RUNNING, True)
    await story.tell()
    await story.until(lambda: row.spec.clock_id not in story.state.clocks)


async def test_a_miss_is_told_by_its_warning(story: Story) -> None:
    """An incident hears of a missed deadline from the warning's own deed, and owes one reason if it hears twice."""
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 36 * H + MINUTE)
    row = story.clock(FROM_AWARENESS)
    assert story.state.reasons_owed == (row.spec.clock_id,)
    assert not await said_by_itself(story, row)
    runs = TemporalRuns(story.house.client)
    assert await runs.tell_missed(story.incident, row.spec.clock_id)
    await story.rest()
    assert story.state.reasons_owed == (row.spec.clock_id,)
    assert not await runs.tell_missed(IncidentId("inc-none"), row.spec.clock_id)


async def test_a_miss_that_was_not_heard_is_told_by_the_clock(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the warning's deed does not get through to the incident, the clock itself tells it."""

    async def unheard(*_: object) -> bool:
        return False

    monkeypatch.setattr(TemporalRuns, "tell_missed", unheard)
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 36 * H + MINUTE)
    row = story.clock(FROM_AWARENESS)
    assert story.state.reasons_owed == (row.spec.clock_id,)
    assert await said_by_itself(story, row) == ["clock_missed"]


async def test_last_timer_is_set_near_the_deadline(story: Story) -> None:
    """A clock sets its last timer in the last seconds: what goes on when the long one is set makes no warning late."""
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 36 * H + MINUTE)
    row = story.clock(FROM_AWARENESS)
    events = (await story.clock_run(row).fetch_history()).events
    set_at = [event.event_time.ToDatetime(UTC) for event in events if event.HasField("timer_started_event_attributes")]
    before = [row.spec.target_at - at for at in set_at]
    assert timedelta(0) < before[-1] <= NEAR
    assert before[-2] > 3 * H, "the one before it was set at the mark before it"


async def test_no_number_is_never_missed(story: Story) -> None:
    """A duty without a number warns about our own target, but no reason is owed and nothing is called late."""
    await story.report()
    await story.lapse(FROM_DISCOVERY, 5 * H)
    assert len(story.overdue(FROM_DISCOVERY)) == 1
    assert "Internal target (the clause has no number)" in story.overdue(FROM_DISCOVERY)[0].text
    assert not story.state.reasons_owed
    assert not story.clock(FROM_DISCOVERY).late


async def test_undecided(story: Story) -> None:
    """A report that nobody decides about warns by a clock of its own, which confirming ends."""
    await story.report()
    assert FROM_CONFIRMATION not in story.house.clocks(story.incident)
    await story.lapse(DECIDE, 6 * H + MINUTE)
    assert len(story.warnings(DECIDE)) == 1
    await story.asha(Confirm())
    await story.until(lambda: story.clock(DECIDE).state is ClockState.ENDED)
    await story.rest()
    assert story.clock(DECIDE).spec.clock_id not in story.state.clocks
    assert FROM_CONFIRMATION in {spec.title for spec in story.state.clocks.values()}
    assert len(story.warnings(DECIDE)) == 1


async def test_dismissed_and_reopened(story: Story) -> None:
    """Dismissing ends the clocks as not owed; reopening revives the duties with their deadlines, on new clocks."""
    await story.report()
    before = story.duties_of("CEDAR-1")[FROM_AWARENESS]
    await story.asha(Dismiss(reason="a drill of the hosting company"))
    await story.run().result()
    await story.until(lambda: story.clock(FROM_AWARENESS).state is ClockState.ENDED)
    assert story.clock(FROM_AWARENESS).outcome == "not_owed"
    assert story.duties_of("CEDAR-1")[FROM_AWARENESS].state is DutyState.NOT_OWED
    ended = story.clock(FROM_AWARENESS).spec.clock_id

    await story.asha(Reopen(reason="the hosting company was wrong"))
    await story.rest()
    revived = story.duties_of("CEDAR-1")[FROM_AWARENESS]
    assert (revived.state, revived.deadline_at, revived.proof) == (DutyState.OPEN, before.deadline_at, None)
    again = story.clock(FROM_AWARENESS)
    assert (again.state, again.spec.target_at) == (ClockState.RUNNING, before.deadline_at)
    assert again.spec.clock_id != ended
    assert {spec.title for spec in story.state.clocks.values()} == {DECIDE, FROM_AWARENESS, FROM_DISCOVERY}
    await story.lapse(FROM_AWARENESS, 18 * H + MINUTE)
    assert len(story.warnings(FROM_AWARENESS)) == 1


async def test_dismissed_and_reopened_at_once(story: Story) -> None:
    """Reopening before the clocks have heard of the dismissal leaves exactly one running clock per promise."""
    await story.report()
    await story.asha(Dismiss(reason="a mistake"))
    await story.asha(Reopen(reason="another mistake"))
    await story.rest()
    with story.house.store.reading() as tx:
        running = [row for row in tx.duties.running_clocks() if row.spec.incident_id == story.incident]
    assert sorted(row.spec.title for row in running) == sorted([DECIDE, FROM_AWARENESS, FROM_DISCOVERY])
    assert {row.spec.clock_id for row in running} == set(story.state.clocks)
    assert all([await story.runs(row) for row in running])


async def test_revised_to_an_earlier_trigger(story: Story) -> None:
    """An earlier trigger moves the deadline earlier on the same clock, which warns about the new one."""
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 18 * H + MINUTE)
    was = story.clock(FROM_AWARENESS).spec
    lines = (await story.asha(Revise(triggers={Trigger.AWARENESS: was.trigger_at - 17 * H}))).lines
    assert "1 moved" in lines[0]
    await story.rest()
    row = story.clock(FROM_AWARENESS)
    assert (row.spec.clock_id, was.target_at - row.spec.target_at) == (was.clock_id, 17 * H)
    # 18 h and 17 h have passed since the new trigger: nine tenths.
    assert row.sent == (Mark.HALF, Mark.THREE_QUARTERS, Mark.NINE_TENTHS)
    assert len(story.warnings(FROM_AWARENESS)) == 2


async def test_revised_into_the_past(story: Story) -> None:
    """A trigger so early that the deadline has passed warns once, and the reason is owed."""
    await story.confirmed()
    earlier = story.clock(FROM_AWARENESS).spec.trigger_at - 80 * H
    await story.asha(Revise(triggers={Trigger.AWARENESS: earlier}))
    await story.until(lambda: story.state.reasons_owed)
    await story.rest()
    assert ["overdue" in page.subject for page in story.warnings(FROM_AWARENESS)] == [True]
    assert story.state.reasons_owed == (story.clock(FROM_AWARENESS).spec.clock_id,)


async def test_revised_to_a_later_trigger(story: Story) -> None:
    """A later trigger moves the deadline later, and the warnings begin again for it."""
    await story.confirmed(60 * H)
    await story.rest()
    assert len(story.warnings(FROM_CONFIRMATION)) == 1
    await story.asha(Revise(triggers={Trigger.CONFIRMATION: story.now}))
    await story.rest()
    assert story.clock(FROM_CONFIRMATION).sent == ()
    await story.lapse(FROM_CONFIRMATION, 35 * H)
    assert len(story.warnings(FROM_CONFIRMATION)) == 1
    await story.lapse(FROM_CONFIRMATION, 2 * H)
    assert len(story.warnings(FROM_CONFIRMATION)) == 2


async def test_pager_down(story: Story) -> None:
    """While no page is taken the clock keeps going; once the pager is back it warns, once."""
    story.paging.shut()
    await story.confirmed(40 * H)
    await story.paging.arrived(1)
    assert not story.house.pages()
    story.paging.open()
    await story.until(lambda: story.warnings(FROM_CONFIRMATION))
    await story.rest()
    assert len(story.warnings(FROM_CONFIRMATION)) == 1
