"""What the rules forbid is refused at once, with the reason, and leaves nothing behind."""

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from tests.house import ASHA, DARA, MALLORY, NOOR
from tests.workflow.story import H, Story, police
from tocsin.domain.act import (
    AddAffected,
    AddNote,
    Close,
    Confirm,
    Dismiss,
    Handover,
    Reopen,
    Revise,
    Stop,
    TaskAdd,
    TaskAssign,
)
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Status, Trigger
from tocsin.domain.task import TaskKind
from tocsin.domain.values import ClockId, HoldId, IncidentId, TaskId, WaveId

CLOSING = Close(cause="a stolen key", lessons="rotate them")
NEW_TASK = TaskAdd(title="Look", task_kind=TaskKind.INVESTIGATION, owner="asha", due_in=H)


async def test_nothing_is_left_of_a_refused_act(story: Story) -> None:
    """Each act that cannot happen to a confirmed incident is refused at once and leaves no history and no entry."""
    await story.confirmed()
    await story.refuses(ASHA, Confirm(), "it was confirmed already, at")
    await story.refuses(ASHA, Dismiss(reason="no"), "a confirmed incident is closed, not dismissed")
    await story.refuses(ASHA, Reopen(reason="no"), "there is nothing to reopen")
    await story.refuses(ASHA, Stop(wave_id=WaveId("wav-none"), reason="no"), "there is no wave wav-none")
    await story.refuses(DARA, Lift(hold_id=HoldId("hld-none")), "hold hld-none is not in force")
    await story.refuses(ASHA, AddNote(text="why", clock_id=ClockId("clk-none")), "clock clk-none owes no reason")
    await story.refuses(ASHA, AddNote(text=" \n"), "the note is empty; write what you saw")
    await story.refuses(ASHA, CLOSING, "it cannot be closed yet: 3 clock")
    await story.refuses(ASHA, TaskAssign(task_id=TaskId("tsk-none"), owner="dara"), "there is no task tsk-none")


async def test_who_may_act(story: Story) -> None:
    """An auditor changes nothing, and whoever has no role does nothing, to the incident and to its tasks."""
    await story.report()
    for deed in (Confirm(), AddNote(text="hm"), NEW_TASK):
        await story.refuses(NOOR, deed, "an auditor reads and changes nothing; Noor may not")
        await story.refuses(MALLORY, deed, "Mallory has no role here and may not")


async def test_the_future(story: Story) -> None:
    """An instant in the future is refused, in whichever act it is stated."""
    await story.report()
    ahead = story.now + timedelta(minutes=10)
    await story.refuses(ASHA, Confirm(confirmed_at=ahead), "confirmation at .* lies in the future")
    await story.refuses(ASHA, Revise(triggers={Trigger.DISCOVERY: ahead}), "discovery at .* lies in the future")
    await story.refuses(ASHA, AddAffected(everyone=True, known_affected_at=ahead), "known affected at .* lies in the")


async def test_a_time_without_a_zone() -> None:
    """A time without a zone does not get past the border."""
    naive = datetime(2026, 3, 2, 1, 0)  # noqa: DTZ001 - that is what is refused
    with pytest.raises(ValidationError, match="has no time zone; add one"):
        Confirm(confirmed_at=naive)


async def test_closing_waits_for_everything(story: Story) -> None:
    """Each thing that keeps an incident open is named: clocks, a wave, a hold, tasks."""
    await story.confirmed()
    await story.dara(police())
    wave = await story.release(await story.draft())
    for words in ("3 clock", f"wave.s. still being sent: {wave}", "hold.s. still in force", "8 task.s. still open"):
        await story.refuses(ASHA, CLOSING, words)


async def test_a_closed_incident(story: Story) -> None:
    """A closed incident refuses what would change it, and takes a note or a handover without being reopened."""
    await story.closed()
    for deed in (Confirm(), Revise(facts={"people_affected": 1}), AddAffected(everyone=True), CLOSING):
        with pytest.raises(Refused, match="has ended; reopen it first: tocsin reopen"):
            await story.asha(deed)
    note = await story.asha(AddNote(text="the authority thanked us"))
    assert note.status == Status.CLOSED
    await story.asha(Handover(to=DARA.person_id, to_name="Dara"))
    await story.run().result()
    assert (story.state.status, story.state.owner) == (Status.CLOSED, DARA.person_id)
    assert len(story.house.log("act.note")) == 1


async def test_a_dismissed_incident(story: Story) -> None:
    """A dismissed incident cannot be confirmed, closed or dismissed again before it is reopened."""
    await story.report()
    await story.asha(Dismiss(reason="a drill"))
    for deed in (Confirm(), Dismiss(reason="again"), CLOSING):
        with pytest.raises(Refused, match="reopen it first"):
            await story.asha(deed)


async def test_an_unknown_incident(story: Story) -> None:
    """No act, early or late, brings an incident into being that nobody reported."""
    story.incident = IncidentId("inc-none")
    for deed in (Confirm(), AddNote(text="hm"), Reopen(reason="hm"), NEW_TASK):
        with pytest.raises(Refused, match="there is no incident inc-none"):
            await story.asha(deed)
    with story.house.store.reading() as tx:
        assert tx.incidents.state(story.incident) is None
        assert tx.log.head().size == 0
