"""Tasks: what opens when, what may be finished, who is reminded, and what keeps an incident open."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.errors import Refused
from tocsin.domain.task import (
    Playbook,
    Step,
    Task,
    TaskKind,
    TaskState,
    due_unreminded,
    finish,
    next_due_at,
    open_playbook,
    reassign,
    refuse_unproved,
    task_id_of,
)
from tocsin.domain.values import ActId, IncidentId, TaskId

INCIDENT = IncidentId("inc-1")
NOW = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)
H = timedelta(hours=1)
ACT = ActId("act-1")
PLAYBOOK = Playbook(
    kind="general",
    title="Security incident",
    steps=(
        Step(key="scope", kind=TaskKind.INVESTIGATION, title="What happened", due_after=2 * H),
        Step(key="contain", kind=TaskKind.MITIGATION, title="Stop it", due_after=4 * H),
        Step(key="fix", kind=TaskKind.MITIGATION, title="Fix it", due_after=24 * H, depends_on=("scope", "contain")),
        Step(key="learn", kind=TaskKind.IMPROVEMENT, title="Review", due_after=72 * H, depends_on=("fix",)),
    ),
)
TASKS = open_playbook(PLAYBOOK, INCIDENT, NOW)


def named(key: str) -> TaskId:
    """Return the id of a task by its key."""
    return task_id_of(INCIDENT, key)


def states(tasks: tuple[Task, ...]) -> dict[str, TaskState]:
    """Return how each task stands, by key."""
    return {task.key: task.state for task in tasks}


def done(tasks: tuple[Task, ...], *keys: str) -> tuple[Task, ...]:
    """Return the tasks after these were finished, in this order."""
    for key in keys:
        tasks = finish(tasks, named(key), "as planned", None, NOW, ACT)
    return tasks


def by_hand() -> Task:
    """Return the task to tell a controller without a usable contact."""
    return Task(
        task_id=named("tell"),
        incident_id=INCIDENT,
        kind=TaskKind.NOTICE,
        key="tell",
        title="Tell Quince Foods",
        owner="responder",
        due_at=NOW + H,
    )


def test_playbook_opened() -> None:
    """Due times count from the report, and a step with dependencies waits."""
    assert [task.due_at - NOW for task in TASKS] == [2 * H, 4 * H, 24 * H, 72 * H]
    assert states(TASKS) == {
        "scope": TaskState.OPEN,
        "contain": TaskState.OPEN,
        "fix": TaskState.WAITING,
        "learn": TaskState.WAITING,
    }


def test_task_opens_when_all_it_waits_for_is_done() -> None:
    """A task opens with the last of its dependencies, not with the first."""
    assert states(done(TASKS, "scope"))["fix"] is TaskState.WAITING
    assert states(done(TASKS, "scope", "contain"))["fix"] is TaskState.OPEN
    assert states(done(TASKS, "scope", "contain"))["learn"] is TaskState.WAITING


def test_finished_task_keeps_its_outcome() -> None:
    """A finished task says what came of it, when, by which act."""
    task = done(TASKS, "scope")[0]
    assert (task.state, task.outcome, task.done_at, task.done_by) == (TaskState.DONE, "as planned", NOW, ACT)


@pytest.mark.parametrize(
    ("finished", "key", "reason"),
    [
        (("scope",), "scope", "is done already"),
        (("scope",), "fix", f"still waits for {named('contain')}; finish that first"),
        ((), "dance", "there is no task .*; `tocsin task list INCIDENT`"),
        ((), "tell", "give --proof, a reference number or an attachment"),
    ],
)
def test_refused_finishing(finished: tuple[str, ...], key: str, reason: str) -> None:
    """A task that is done, waits, does not exist, or lacks its proof cannot be finished."""
    with pytest.raises(Refused, match=reason):
        finish((*done(TASKS, *finished), by_hand()), named(key), "done", None, NOW, ACT)


def test_task_that_waits_for_a_stranger() -> None:
    """A task that waits for one that is not there is refused like any other that waits."""
    lost = TASKS[2].model_copy(update={"depends_on": (TaskId("tsk-lost"),)})
    with pytest.raises(Refused, match="still waits for tsk-lost"):
        finish([lost], lost.task_id, "done", None, NOW, ACT)


def test_notice_by_hand_needs_its_proof() -> None:
    """Telling a controller by hand is finished with a reference that proves it."""
    (task,) = finish([by_hand()], named("tell"), "told Quentin on the phone", "call 4711", NOW, ACT)
    assert (task.state, task.proof) == (TaskState.DONE, "call 4711")


def test_only_improvements_outlive_the_incident() -> None:
    """Whatever is not done keeps the incident open, except improvements."""
    assert [task.key for task in TASKS if task.blocks_closing] == ["scope", "contain", "fix"]
    assert not any(task.blocks_closing for task in done(TASKS, "scope", "contain", "fix"))


def test_reminders_are_due_and_not_yet_sent() -> None:
    """Every task that is due and not done is reminded of once, however late one looks."""
    late = NOW + 5 * H
    assert [task.key for task in due_unreminded(TASKS, late)] == ["scope", "contain"]
    assert [task.key for task in due_unreminded(done(TASKS, "scope"), late)] == ["contain"]
    reminded = tuple(task.model_copy(update={"reminded": True}) for task in TASKS)
    assert due_unreminded(reminded, late) == ()


def test_next_reminder() -> None:
    """The next reminder is the earliest due time of what is neither done nor reminded of, or none."""
    assert next_due_at(TASKS) == NOW + 2 * H
    assert next_due_at(done(TASKS, "scope")) == NOW + 4 * H
    assert next_due_at(()) is None


def test_new_owner_is_reminded_anew() -> None:
    """A task given to somebody else is theirs, and they have not been reminded."""
    reminded = TASKS[0].model_copy(update={"reminded": True})
    (task,) = reassign([reminded], named("scope"), "dara")
    assert (task.owner, task.reminded) == ("dara", False)


def test_refused_reassigning() -> None:
    """A task that is done, or does not exist, is not given to anybody."""
    with pytest.raises(Refused, match="nobody needs to own it"):
        reassign(done(TASKS, "scope"), named("scope"), "dara")
    with pytest.raises(Refused, match="there is no task"):
        reassign(TASKS, named("dance"), "dara")


@pytest.mark.parametrize(
    "proof", ["RR 123 456 789 DE", "call 17", "protocol.PDF", f" {'a' * 64}", "ticket INC-00012, portal"]
)
def test_what_proves_a_delivery_by_hand(proof: str) -> None:
    """A number to ask back with does, and so does a file of the incident, by its name or its digest."""
    refuse_unproved(TaskId("tsk-1"), proof, ["protocol.pdf", "a" * 64])


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ("other.pdf", "attach it first"),
        ("b" * 64, "attach it first"),
        ("scan of 17 July.jpeg", "attach it first"),
        ("told them", "give a reference number"),
        ("yes", "give a reference number"),
    ],
)
def test_what_proves_nothing(proof: str, words: str) -> None:
    """A file that the incident does not have is no proof, and neither are words without a number."""
    with pytest.raises(Refused, match=words):
        refuse_unproved(TaskId("tsk-1"), proof, ["protocol.pdf", "a" * 64])
