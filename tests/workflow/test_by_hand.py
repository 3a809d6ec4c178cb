"""The next contact, and a person where there is none."""

from datetime import timedelta

import pytest

from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, Story, police
from tocsin.domain.act import AddAffected, Draft, TaskDone
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.notice import NoticeState, wave_digest
from tocsin.domain.task import Task, TaskKind
from tocsin.ports import Verdict

REJECTED = [Verdict.REJECTED]


def by_hand(story: Story) -> list[Task]:
    """Return the notices that a person must deliver."""
    return [task for task in story.house.tasks(story.incident).values() if task.kind is TaskKind.NOTICE]


async def test_no_usable_contact(story: Story) -> None:
    """A party without a contact becomes a person's task; only its proof discharges the duty and ends the clock."""
    await story.confirmed()
    await story.asha(AddAffected(agreements=(story.house.agreement("ELM-1"),)))
    await story.tell()
    await story.rest()
    (task,) = by_hand(story)
    assert "no usable contact" in task.title
    assert len(story.house.pages("A notice needs a person")) == 1
    duty = story.duties_of("ELM-1")[FROM_CONFIRMATION]
    assert (duty.state, set(story.state.clocks)) == (DutyState.OPEN, {duty.clock_id})

    with pytest.raises(Refused, match="give --proof"):
        await story.asha(TaskDone(task_id=task.task_id, outcome="told them"))
    with pytest.raises(Refused, match="no attachment of this incident"):
        await story.asha(TaskDone(task_id=task.task_id, outcome="told them", proof="protocol.pdf"))
    assert task == story.task(task.task_id)
    await story.asha(TaskDone(task_id=task.task_id, outcome="told them", proof="call 17 to +44 20 0000 0000"))
    await story.rest()
    told = story.duties_of("ELM-1")[FROM_CONFIRMATION]
    assert (told.state, told.proved_by) == (DutyState.DISCHARGED, task.notice_id)
    assert not story.state.clocks
    assert [row.state for row in story.house.notices(story.incident, "ELM-1")] == [NoticeState.TOLD_BY_HAND]


async def test_what_a_person_says_was_released(story: Story) -> None:
    """The text that a person delivers is stored when it is drafted, and the digest that is released binds it."""
    await story.confirmed()
    await story.asha(AddAffected(agreements=(story.house.agreement("ELM-1"),)))
    drafted = await story.draft()
    (row,) = story.house.notices(story.incident, "ELM-1")
    with story.house.store.reading() as tx:
        letter, rows = tx.ledger.letter(row.notice_id), tx.ledger.notices(drafted.wave)
    assert letter is not None
    assert (letter.fingerprint(), letter.to_name, letter.to_address) == (row.letter_sha256, "Elm Logistics", "")
    assert drafted.digest == wave_digest(rows)
    other = row.model_copy(update={"letter_sha256": "0" * 64})
    assert drafted.digest != wave_digest([other if one.notice_id == row.notice_id else one for one in rows])


async def test_not_by_hand_under_a_hold(story: Story) -> None:
    """A hold forbids telling by hand, too; once it is lifted the same task is done."""
    await story.confirmed()
    await story.asha(AddAffected(agreements=(story.house.agreement("ELM-1"),)))
    await story.tell()
    await story.until(lambda: by_hand(story))
    (task,) = by_hand(story)
    await story.dara(police())
    done = TaskDone(task_id=task.task_id, outcome="told them", proof="call 17")
    with pytest.raises(Refused, match="forbids telling this party; lift it first"):
        await story.asha(done)
    assert story.duties_of("ELM-1")[FROM_CONFIRMATION].state is DutyState.OPEN
    await story.dara(Lift(hold_id=story.state.holds[0]))
    await story.asha(done)
    await story.rest()
    assert story.duties_of("ELM-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED


async def test_next_contact(story: Story) -> None:
    """Where the first contact's address is rejected the deputy is told at once, and that discharges the duties."""
    for address in ("cem@cedar.example", "copy@cedar.example"):
        story.post.answers[address] = list(REJECTED)
    await story.confirmed()
    began = story.now
    await story.tell(Draft(agreements=(story.house.agreement("CEDAR-1"),)))
    assert story.post.at["dee@cedar.example"] - began < timedelta(seconds=50)
    await story.rest()
    rows = {row.chain_position: row for row in story.house.notices(story.incident, "CEDAR-1") if row.duty_ids}
    assert [rows[place].state for place in (0, 1)] == [NoticeState.REPLACED, NoticeState.ACCEPTED]
    assert story.duties_of("CEDAR-1")[FROM_AWARENESS].proved_by == rows[1].notice_id
    assert story.post.handed["dee@cedar.example"] == 1
    assert not by_hand(story)


async def test_nobody_of_the_chain(story: Story) -> None:
    """Where the whole chain is rejected a person is asked, and the clock waits for them."""
    for address in ("cem@cedar.example", "dee@cedar.example"):
        story.post.answers[address] = list(REJECTED)
    await story.confirmed()
    await story.tell()
    await story.rest()
    (task,) = by_hand(story)
    assert "no contact of the chain was reached" in task.title
    assert story.clock(FROM_AWARENESS).spec.clock_id in story.state.clocks
    await story.finish(task)
    await story.rest()
    assert story.duties_of("CEDAR-1")[FROM_AWARENESS].state is DutyState.DISCHARGED
    assert not story.state.clocks


async def test_copy_rejected(story: Story) -> None:
    """A copy that cannot be delivered calls nobody and keeps nothing open."""
    story.post.answers["copy@cedar.example"] = list(REJECTED)
    await story.confirmed()
    await story.tell()
    await story.rest()
    assert not by_hand(story)
    assert not story.house.pages("A notice needs a person")
    assert not story.state.clocks
    (copy,) = [row for row in story.house.notices(story.incident, "CEDAR-1") if not row.duty_ids]
    assert (copy.state, (copy.detail or "")[:18]) == (NoticeState.REPLACED, "copy not delivered")
