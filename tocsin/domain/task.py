"""Investigation steps, mitigation tasks, and the other work that an incident hands to people."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.errors import Refused
from tocsin.domain.values import ActId, IncidentId, Instant, NoticeId, TaskId, Value, derived_id

_FILE = re.compile(r"[^/\\]+\.[A-Za-z][A-Za-z0-9]{1,4}|[0-9a-fA-F]{64}")
"""What is the name of a file, or its digest, and no reference number."""


class TaskKind(StrEnum):
    """What a task is for. An improvement outlives the incident; every other kind must end before it closes."""

    INVESTIGATION = "investigation"
    MITIGATION = "mitigation"
    NOTICE = "notice"
    IMPROVEMENT = "improvement"
    PROMISE = "promise"
    """A letter said "not yet known": the rest is owed to whoever got it."""


class TaskState(StrEnum):
    """How a task stands; one whose dependencies are not done waits."""

    WAITING = "waiting"
    OPEN = "open"
    DONE = "done"


class Task(Value):
    """One piece of work with an owner, a due time, what must come first, and its outcome."""

    task_id: TaskId
    incident_id: IncidentId
    kind: TaskKind
    key: str
    """Names the task within its playbook; unique within the incident."""
    title: str
    owner: str
    due_at: Instant
    depends_on: tuple[TaskId, ...] = ()
    state: TaskState = TaskState.OPEN
    outcome: str | None = None
    proof: str | None = None
    notice_id: NoticeId | None = None
    """For kind `notice`: the notice to deliver by hand."""
    reminded: bool = False
    done_at: Instant | None = None
    done_by: ActId | None = None

    @property
    def blocks_closing(self) -> bool:
        """Say whether the incident must stay open for this task."""
        return self.kind is not TaskKind.IMPROVEMENT and self.state is not TaskState.DONE


class Step(Value):
    """One line of a playbook: who should do what within how long of the report."""

    key: str
    kind: TaskKind
    title: str
    owner: str = "responder"
    due_after: timedelta
    depends_on: tuple[str, ...] = ()


class Playbook(Value):
    """The steps and tasks for one kind of incident."""

    kind: str
    title: str
    steps: tuple[Step, ...]


def task_id_of(incident_id: IncidentId, key: str) -> TaskId:
    """Return the id of the task `key` of an incident."""
    return TaskId(derived_id("tsk", incident_id, key))


def open_playbook(playbook: Playbook, incident_id: IncidentId, reported_at: datetime) -> tuple[Task, ...]:
    """Return the tasks that a playbook sets for an incident reported at `reported_at`."""
    return tuple(
        Task(
            task_id=task_id_of(incident_id, step.key),
            incident_id=incident_id,
            kind=step.kind,
            key=step.key,
            title=step.title,
            owner=step.owner,
            due_at=reported_at + step.due_after,
            depends_on=tuple(task_id_of(incident_id, key) for key in step.depends_on),
            state=TaskState.WAITING if step.depends_on else TaskState.OPEN,
        )
        for step in playbook.steps
    )


def finish(
    tasks: Iterable[Task], task_id: TaskId, outcome: str, proof: str | None, at: datetime, act_id: ActId
) -> tuple[Task, ...]:
    """Return the tasks after `task_id` was done, with those that only waited for it opened.

    Raises:
        Refused: if there is no such task, it is done already, it still waits, or a notice by hand lacks its proof.
    """
    known = {task.task_id: task for task in tasks}
    task = _existing(known, task_id)
    if task.state is TaskState.DONE:
        raise Refused(f"task {task_id} is done already")
    if task.state is TaskState.WAITING:
        waits_for = ", ".join(n for n in task.depends_on if n not in known or known[n].state is not TaskState.DONE)
        raise Refused(f"task {task_id} still waits for {waits_for}; finish that first")
    if task.kind is TaskKind.NOTICE and not proof:
        raise Refused(f"task {task_id} delivers a notice by hand; give --proof, a reference number or an attachment")
    done = {"state": TaskState.DONE, "outcome": outcome, "proof": proof, "done_at": at, "done_by": act_id}
    known[task_id] = task.model_copy(update=done)
    return tuple(_opened(other, known) for other in known.values())


def refuse_unproved(task_id: TaskId, proof: str, attached: Iterable[str]) -> None:
    """Check what proves that a notice was delivered by hand: a file of this incident, or a number to ask back with.

    `attached` holds the names and the SHA-256 of the incident's files. What looks like either must be one of them.

    Raises:
        Refused: if it is neither.
    """
    if proof.strip().casefold() in {known.casefold() for known in attached}:
        return
    if _FILE.fullmatch(proof.strip()):
        raise Refused(
            f"{proof!r} is no attachment of this incident; attach it first (tocsin attach INCIDENT FILE), then finish "
            f"task {task_id} again"
        )
    if not any(letter.isdigit() for letter in proof):
        raise Refused(
            f"{proof!r} proves nothing for task {task_id}; give a reference number (of a parcel, a call, a ticket), "
            "or the name of an attachment of this incident"
        )


def reassign(tasks: Iterable[Task], task_id: TaskId, owner: str) -> tuple[Task, ...]:
    """Return the tasks with `task_id` given to `owner`. Raises Refused if it does not exist or is done."""
    known = {task.task_id: task for task in tasks}
    if _existing(known, task_id).state is TaskState.DONE:
        raise Refused(f"task {task_id} is done; nobody needs to own it any more")
    known[task_id] = known[task_id].model_copy(update={"owner": owner, "reminded": False})
    return tuple(known.values())


def moved_to(incident_id: IncidentId, tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Return the tasks that are not done as those of another incident; what one of them waited for goes with it.

    A step that the other incident's playbook has as well keeps its key, so that it is not set twice.
    """
    known = {task.task_id: task for task in tasks}
    ids = {task.task_id: task_id_of(incident_id, task.key) for task in known.values()}
    return tuple(
        task.model_copy(
            update={
                "task_id": ids[task.task_id],
                "incident_id": incident_id,
                "depends_on": tuple(ids[need] for need in task.depends_on if not _is_done(known, need)),
            }
        )
        for task in known.values()
        if task.state is not TaskState.DONE
    )


def _is_done(known: dict[TaskId, Task], task_id: TaskId) -> bool:
    return task_id not in known or known[task_id].state is TaskState.DONE


def due_unreminded(tasks: Iterable[Task], now: datetime) -> tuple[Task, ...]:
    """Return the tasks that are due, not done, and whose owner has not been reminded."""
    return tuple(t for t in tasks if t.state is not TaskState.DONE and not t.reminded and t.due_at <= now)


def next_due_at(tasks: Iterable[Task]) -> datetime | None:
    """Return when the next reminder falls due, or None."""
    return min((t.due_at for t in tasks if t.state is not TaskState.DONE and not t.reminded), default=None)


def _existing(known: dict[TaskId, Task], task_id: TaskId) -> Task:
    if task_id not in known:
        raise Refused(f"there is no task {task_id}; `tocsin task list INCIDENT` shows those that exist")
    return known[task_id]


def _opened(task: Task, known: dict[TaskId, Task]) -> Task:
    ready = all(known[need].state is TaskState.DONE for need in task.depends_on if need in known)
    if task.state is TaskState.WAITING and ready:
        return task.model_copy(update={"state": TaskState.OPEN})
    return task
