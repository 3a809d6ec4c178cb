"""The same alert twice, before and after the end of its incident; reopening; what goes on after closing."""

import asyncio

from temporalio.client import WorkflowExecutionStatus

from tests.house import ASHA
from tests.workflow.story import FROM_AWARENESS, H, Story
from tocsin.domain.act import AddNote, Dismiss, Reopen, TaskAdd
from tocsin.domain.incident import Status
from tocsin.domain.task import TaskKind, TaskState

WEEK = 7 * 24 * H


async def test_same_alert_while_it_is_open(story: Story) -> None:
    """The same alert joins the incident that it opened: one incident, one set of clocks and tasks."""
    first = await story.report()
    assert await story.report() == first
    await story.rest()
    assert len(story.house.log("act.report")) == 1
    assert len(story.house.log("tasks.opened")) == 1
    assert len(story.clocks()) == 3


async def test_same_alert_at_the_same_time(story: Story) -> None:
    """The same alert five times at once is one incident."""
    ids = await asyncio.gather(*(story.house.report(story.now, key=story.alert) for _ in range(5)))
    story.incident = ids[0]
    await story.rest()
    assert len(set(ids)) == 1
    assert len(story.house.log("act.report")) == 1
    assert len(story.clocks()) == 3


async def test_same_alert_after_the_end(story: Story) -> None:
    """The same alert after closure opens a new incident that names the closed one, with clocks of its own."""
    await story.closed()
    closed = story.incident
    again = await story.report()
    assert again != closed
    assert story.state.linked_to == closed
    assert story.state.status is Status.REPORTED
    assert len(story.state.clocks) == 3
    assert story.house.state(closed).status is Status.CLOSED


async def test_same_alert_after_a_dismissal_and_its_end(story: Story) -> None:
    """A third alert after two ended incidents links to the second."""
    first = await story.report()
    await story.asha(Dismiss(reason="a drill"))
    second = await story.report()
    await story.asha(Dismiss(reason="a drill"))
    third = await story.report()
    assert len({first, second, third}) == 3
    assert story.state.linked_to == second


async def test_improvement_outlives_the_incident(story: Story) -> None:
    """After closing only the improvements go on; they can be added to, and finishing the last ends the work."""
    await story.closed()
    left = [task for task in story.house.tasks(story.incident).values() if task.state is not TaskState.DONE]
    assert {task.kind for task in left} == {TaskKind.IMPROVEMENT}
    assert (await story.response().describe()).status is WorkflowExecutionStatus.RUNNING
    added = await story.asha(TaskAdd(title="Drill it", task_kind=TaskKind.IMPROVEMENT, owner="dara", due_in=WEEK))
    for task in left:
        await story.finish(task)
    assert (await story.response().describe()).status is WorkflowExecutionStatus.RUNNING
    (drill,) = [task for task in story.house.tasks(story.incident).values() if task.task_id == added.ids["task"]]
    await story.finish(drill)
    await story.response().result()
    assert story.state.status is Status.CLOSED


async def test_nothing_else_is_added_after_closing(story: Story) -> None:
    """A closed incident takes no new investigation step: nobody would wait for it."""
    await story.closed()
    step = TaskAdd(title="Look", task_kind=TaskKind.INVESTIGATION, owner="asha", due_in=WEEK)
    await story.refuses(ASHA, step, "reopen it first")


async def test_reopened_after_closing(story: Story) -> None:
    """Reopening goes on with the same tasks, sequence and log; the duties that were discharged stay so."""
    await story.closed()
    tasks = story.house.tasks(story.incident)
    duties = story.duties
    receipt = await story.asha(Reopen(reason="the authority asks"))
    assert receipt.status == Status.CONFIRMED
    await story.rest()
    assert story.house.tasks(story.incident) == tasks
    assert story.duties == duties
    assert not story.state.clocks
    step = TaskAdd(title="Answer", task_kind=TaskKind.INVESTIGATION, owner="asha", due_in=WEEK)
    added = await story.asha(step)
    await story.until(lambda: story.state.blocking_tasks == 1)
    (task,) = [task for task in story.house.tasks(story.incident).values() if task.task_id == added.ids["task"]]
    await story.finish(task)
    await story.until(lambda: story.state.blocking_tasks == 0)
    assert (await story.close()).status == Status.CLOSED
    sequences = story.sequences()
    assert len(sequences) > 10
    assert sequences == sorted(set(sequences))


async def test_reopened_after_the_tasks_had_ended(story: Story) -> None:
    """When the tasks had ended with the incident, reopening starts them again where they stood."""
    await story.report()
    tasks = story.house.tasks(story.incident)
    await story.asha(Dismiss(reason="a drill"))
    await story.response().result()
    await story.asha(Reopen(reason="it was none"))
    await story.rest()
    assert (await story.response().describe()).status is WorkflowExecutionStatus.RUNNING
    assert story.house.tasks(story.incident) == tasks
    await story.finish(tasks["scope"])
    assert story.house.tasks(story.incident)["scope"].state is TaskState.DONE


async def test_note_beside_the_end(story: Story) -> None:
    """Notes that come while an incident is being dismissed are all kept, whichever run takes them."""
    await story.report()
    dismissing = story.asha(Dismiss(reason="a drill"))
    await asyncio.gather(dismissing, *(story.asha(AddNote(text=f"note {n}")) for n in range(6)))
    await story.run().result()
    assert len(story.house.log("act.note")) == 6
    assert story.state.status is Status.DISMISSED
    await story.until(lambda: story.clock(FROM_AWARENESS).ended_at)
