"""Incidents that turn out to be one, or two: no clock is lost on the way, and nobody is told twice."""

import uuid

import pytest

from tests.house import ASHA, DARA, House
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Story, police
from tocsin.client import EnvelopeFor
from tocsin.domain.act import Absorb, Confirm, Envelope, MergeInto, Report, TaskAdd
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Facts, Status, Trigger
from tocsin.domain.task import TaskKind
from tocsin.domain.values import IncidentId


def absorb(house: House, source: Story) -> Absorb:
    """Return the act that takes another incident in as it stands."""
    state = house.state(source.incident)
    return Absorb(source=source.incident, triggers=state.triggers, audience_known=state.audience_known)


def same_alert(story: Story) -> EnvelopeFor:
    """Return what reports the alert of a story once more."""

    def envelope(generation: int, linked_to: IncidentId | None) -> Envelope:
        assert (generation, linked_to) == (0, None)
        deed = Report(facts=Facts(title="Odd logins"), source_key=story.alert)
        return story.house.envelope(story.incident, ASHA, deed, story.now)

    return envelope


async def two(story: Story) -> tuple[Story, Story]:
    """Report two incidents in one house: the first earlier and told, the second only reported."""
    other = Story(story.server, story.house)
    await story.confirmed(ago=2 * H)
    await other.report(affected=(story.house.agreement("DOGWOOD-1"),))
    return story, other


async def test_earliest_triggers_and_one_notice(story: Story) -> None:
    """Whom the merged incident told is discharged in the other by that notice; the earliest triggers count."""
    first, target = await two(story)
    await first.tell()
    await first.finish_tasks()
    await first.rest()
    await target.asha(absorb(story.house, first))
    await first.asha(MergeInto(target=target.incident))
    await first.rest()
    await target.rest()

    assert target.state.status is Status.CONFIRMED
    assert target.state.triggers[Trigger.CONFIRMATION] == first.state.triggers[Trigger.CONFIRMATION]
    birch = target.duties_of("BIRCH-1")[FROM_CONFIRMATION]
    assert birch.state is DutyState.DISCHARGED
    assert birch.proof is not None
    assert birch.proof.endswith(f"of incident {first.incident}")
    assert target.duties_of("DOGWOOD-1")[FROM_CONFIRMATION].state is DutyState.OPEN
    before = story.post.handed.total()
    await target.tell()
    assert story.post.handed.total() == before + 1, "only Dogwood School was left to tell"


async def test_merged_incident_is_over(story: Story) -> None:
    """The merged incident's open duties end as superseded, its clocks end, and it refuses what would change it."""
    first, target = await two(story)
    await target.asha(absorb(story.house, first))
    await first.asha(MergeInto(target=target.incident))
    await first.run().result()
    await first.rest()

    assert first.state.status is Status.MERGED
    assert {duty.state for duty in first.duties if duty.agreement_id} == {DutyState.SUPERSEDED}
    assert all(row.ended_at for row in first.clocks())
    assert target.duties_of("CEDAR-1")[FROM_AWARENESS].state is DutyState.OPEN
    assert await target.runs(target.clock(FROM_AWARENESS))
    again = await story.house.engine.report(same_alert(story))
    assert (again.incident_id, again.already) == (target.incident, True)


async def test_interrupted_merge_is_taken_up(story: Story) -> None:
    """Between the two halves both incidents keep their clocks; the second half refuses before the first."""
    first, target = await two(story)
    with pytest.raises(Refused, match="has not absorbed this one"):
        await first.asha(MergeInto(target=target.incident))
    deed = absorb(story.house, first)
    await target.asha(deed)
    assert await first.runs(first.clock(FROM_AWARENESS))
    await target.refuses(ASHA, deed, "was merged into this one already")
    await first.asha(MergeInto(target=target.incident))
    assert first.state.merged_into == target.incident


async def test_what_is_half_done_is_refused(story: Story) -> None:
    """An order not to tell, or a decision about an incident that has moved since, keeps a merge from happening."""
    first, target = await two(story)
    stale = absorb(story.house, first)
    await first.dara(police())
    with pytest.raises(Refused, match="place it here, then lift it there"):
        await target.dara(stale)
    with story.house.store.reading() as tx:
        (hold,) = tx.duties.holds(first.incident)
    await first.dara(Lift(hold_id=hold.hold_id))
    await target.refuses(DARA, absorb(story.house, target), "into itself")
    late = stale.model_copy(update={"audience_known": False})
    with pytest.raises(Refused, match="has changed since"):
        await target.dara(late)


async def test_open_tasks_go_along(story: Story) -> None:
    """A task that somebody added to the merged incident goes on in the other; a playbook's step is not set twice."""
    first, target = await two(story)
    deed = TaskAdd(title="Ask the host", task_kind=TaskKind.INVESTIGATION, owner="responder", due_in=4 * H)
    await first.asha(deed)
    steps = len(story.house.tasks(target.incident))
    await target.asha(absorb(story.house, first))
    await first.asha(MergeInto(target=target.incident))
    await target.rest()

    moved = [task for task in story.house.tasks(target.incident).values() if task.title == "Ask the host"]
    assert len(moved) == 1
    assert len(story.house.tasks(target.incident)) == steps + 1


async def test_split(story: Story) -> None:
    """A split-off incident has the same parties in their pinned versions, and does not tell whom the first told."""
    await story.confirmed(ago=2 * H)
    await story.tell()
    part = Story(story.server, story.house)
    part.alert = f"split-{uuid.uuid4()}"
    cedar, birch = story.house.agreement("CEDAR-1"), story.house.agreement("BIRCH-1")
    stated = {Trigger.AWARENESS: story.state.triggers[Trigger.AWARENESS].at}
    await part.report(split_from=story.incident, affected=(cedar, birch), triggers=stated)
    await part.asha(Confirm(confirmed_at=story.state.triggers[Trigger.CONFIRMATION].at))
    await part.rest()

    assert {duty.agreement_id for duty in part.duties if duty.agreement_id} == {cedar, birch}
    assert {duty.state for duty in part.duties if duty.agreement_id} == {DutyState.DISCHARGED}
    with story.house.store.reading() as tx:
        assert [pin.revision for pin in tx.register.pinned(part.incident)] == [1, 1]
