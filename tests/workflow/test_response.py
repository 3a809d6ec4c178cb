"""Investigation steps and mitigation tasks: who owns them, what comes first, and who is reminded."""

import asyncio
from datetime import timedelta

import pytest

from tests.house import ASHA
from tests.workflow.story import H, Story
from tocsin import wire
from tocsin.domain.act import TaskAdd, TaskAssign, TaskDone
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import IncidentId, NoticeId, TaskId

MINUTE = timedelta(minutes=1)


def step(title: str = "Look", due_in: timedelta = H, **more: object) -> TaskAdd:
    """Return a new investigation step of Asha's."""
    fields = {"title": title, "task_kind": TaskKind.INVESTIGATION, "owner": "asha", "due_in": due_in, **more}
    return TaskAdd.model_validate(fields)


async def opened(story: Story) -> dict[str, Task]:
    """Report, and wait until the playbook is open."""
    await story.report()
    await story.until(lambda: story.house.tasks(story.incident))
    await story.rest()
    return story.house.tasks(story.incident)


async def test_playbook_and_what_comes_first(story: Story) -> None:
    """A step opens when all that it waits for is done, and cannot be done before."""
    tasks = await opened(story)
    assert story.state.blocking_tasks == 7
    with pytest.raises(Refused, match="still waits for"):
        await story.finish(tasks["root_cause"])
    await story.finish(tasks["scope"])
    assert story.house.tasks(story.incident)["root_cause"].state is TaskState.WAITING
    assert story.house.tasks(story.incident)["affected"].state is TaskState.OPEN
    await story.finish(tasks["preserve"])
    assert story.house.tasks(story.incident)["root_cause"].state is TaskState.OPEN
    await story.until(lambda: story.state.blocking_tasks == 5)
    with pytest.raises(Refused, match="is done already"):
        await story.finish(tasks["scope"])


async def test_reminded_once_per_owner(story: Story) -> None:
    """A task that falls due reminds its owner once; a new owner is reminded, too, and one of a done task is not."""
    tasks = await opened(story)
    await story.finish(tasks["preserve"])
    await story.server.fast_forward(story.response(), 2 * H - MINUTE)
    assert not story.house.pages("Task due")
    await story.server.fast_forward(story.response(), H)
    await story.rest()
    assert len(story.house.pages("Task due")) == 1
    later = await story.server.get_current_time(story.response())
    assign = TaskAssign(task_id=tasks["scope"].task_id, owner="dara")
    await story.house.do(story.incident, ASHA, assign, later)
    await story.rest()
    assert len(story.house.pages("Task due")) == 2
    assert "owner: dara" in "".join(page.text for page in story.house.pages("Task due"))
    await story.server.fast_forward(story.response(), MINUTE)
    await story.rest()
    assert len(story.house.pages("Task due")) == 2


async def test_added_with_what_it_waits_for(story: Story) -> None:
    """A step can be added behind another one, but not behind one that does not exist."""
    tasks = await opened(story)
    with pytest.raises(Refused, match="it cannot depend on tsk-none"):
        await story.asha(step(depends_on=("tsk-none",)))
    added = (await story.asha(step(depends_on=(tasks["scope"].task_id,)))).ids["task"]
    assert story.task(added).state is TaskState.WAITING
    await story.until(lambda: story.state.blocking_tasks == 8)
    await story.finish(tasks["scope"])
    assert story.task(added).state is TaskState.OPEN


async def test_given_away_while_the_reminder_is_under_way(story: Story) -> None:
    """A task that changes hands while its owner is being paged still reminds the new owner."""
    await opened(story)
    story.paging.shut()
    task_id = TaskId((await story.asha(step(due_in=timedelta(0)))).ids["task"])
    await story.paging.arrived(1)
    await story.asha(TaskAssign(task_id=task_id, owner="dara"))
    story.paging.open()
    await story.until(lambda: len(story.house.pages("Task due")) == 2)
    await story.rest()
    assert sorted("dara" in page.text for page in story.house.pages("Task due")) == [False, True]
    assert story.task(task_id).reminded


async def test_done_by_two_at_once(story: Story) -> None:
    """Two people who finish the same task at the same moment: one is refused."""
    tasks = await opened(story)
    done = TaskDone(task_id=tasks["scope"].task_id, outcome="done")
    answers = await asyncio.gather(story.asha(done), story.dara(done), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Refused) == 1
    assert len(story.house.log("act.task_done")) == 1


async def test_told_before_it_has_opened(story: Story) -> None:
    """A notice handed over, and the end of the incident, are kept although they come before the playbook is open."""
    story.incident = IncidentId("inc-early")
    story.house.vault.ensure(story.incident)
    by_hand = Task(
        task_id=TaskId("tsk-early"),
        incident_id=story.incident,
        kind=TaskKind.NOTICE,
        key="notice:ntc-early",
        title="Deliver notice N-EARLY by hand",
        owner="approver",
        due_at=story.now + 4 * H,
        notice_id=NoticeId("ntc-early"),
    )
    handle = await story.house.client.start_workflow(
        wire.RESPONSE,
        wire.ResponseInput(incident_id=story.incident, tempo=story.house.tempo, kind="general"),
        id=wire.response_workflow(story.incident),
        task_queue=story.house.queue,
        start_signal=wire.BY_HAND,
        start_signal_args=[wire.NoticeByHand(tasks=(by_hand, by_hand))],
    )
    await handle.signal(wire.INCIDENT_OVER, wire.IncidentOver(status=Status.CLOSED))
    await story.until(lambda: "notice:ntc-early" in story.house.tasks(story.incident))
    await story.until(lambda: story.house.pages("A notice needs a person"))
    assert len(story.house.tasks(story.incident)) == 9
    assert len(await handle.query(wire.STATUS)) == 9
