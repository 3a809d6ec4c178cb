"""What letters promise: whatever was "not yet known" is told as soon as it is known, and a person is reminded of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tocsin.domain.notice import WaveKind
from tocsin.domain.task import Task, TaskKind, TaskState, task_id_of
from tocsin.domain.values import IncidentId, Value, WaveId

REMIND_EVERY = timedelta(hours=24)
"""Internal target for the next letter, and how often its owner is reminded after that. No law sets it."""
OWNER = "responder"

_GO_ON = {WaveKind.FOLLOW_UP, WaveKind.CORRECTION, WaveKind.FINAL, WaveKind.WITHDRAWAL}
"""Kinds that tell those who were told before: what such a wave to all of them says is not owed any more."""
_LAST = {WaveKind.FINAL, WaveKind.WITHDRAWAL}
"""Kinds that promise nothing further."""


class Promise(Value):
    """A wave that was released, with the names of what its letters could not say yet."""

    wave_id: WaveId
    kind: WaveKind
    to_all: bool = True
    """False for a wave to some of those who were told: it keeps no promise that was made to the others."""
    unknowns: tuple[str, ...] = ()


def promise_key(wave_id: WaveId) -> str:
    """Return the key of the task that keeps a wave's promise."""
    return f"promise:{wave_id}"


def after_release(tasks: Iterable[Task], promise: Promise, incident_id: IncidentId, now: datetime) -> tuple[Task, ...]:
    """Return the tasks that a released wave changes: promises that it keeps are done, its own is opened."""
    known = tuple(tasks)
    open_ = [task for task in known if task.kind is TaskKind.PROMISE and task.state is not TaskState.DONE]
    kept = open_ if promise.kind in _GO_ON and promise.to_all else []
    done = {"state": TaskState.DONE, "outcome": f"wave {promise.wave_id} told them", "done_at": now}
    changed = tuple(task.model_copy(update=done) for task in kept)
    # What one party is still owed after a wave of its own, it is owed by the promise that stands already.
    stands = bool(open_) and not promise.to_all
    owes = promise.unknowns and promise.kind not in _LAST and not stands
    known_already = any(task.key == promise_key(promise.wave_id) for task in known)
    return changed if known_already or not owes else (*changed, _task(promise, incident_id, now))


def reminded(task: Task, now: datetime) -> Task:
    """Return the task after its owner was reminded: once, but of a promise again and again until it is kept."""
    if task.kind is TaskKind.PROMISE:
        return task.model_copy(update={"due_at": now + REMIND_EVERY})
    return task.model_copy(update={"reminded": True})


def in_words(names: Iterable[str]) -> str:
    """Return names of facts as they are written in a sentence."""
    return ", ".join(name.removesuffix("_at").replace("_", " ") for name in names)


def _task(promise: Promise, incident_id: IncidentId, now: datetime) -> Task:
    key = promise_key(promise.wave_id)
    return Task(
        task_id=task_id_of(incident_id, key),
        incident_id=incident_id,
        kind=TaskKind.PROMISE,
        key=key,
        title=f"tell them what was not yet known: {in_words(promise.unknowns)}",
        owner=OWNER,
        due_at=now + REMIND_EVERY,
    )
