"""Keeping tasks, and recording that a person delivered a notice by hand."""

from collections.abc import Callable

from temporalio import activity

from activities.acts import Recorded, act_entry, engine_entry, joining, refuse_misdirected
from tocsin.domain.act import Attach, Envelope, TaskDone
from tocsin.domain.errors import Refused
from tocsin.domain.notice import NoticeState, step
from tocsin.domain.task import Task, TaskKind, open_playbook, refuse_unproved
from tocsin.domain.values import IncidentId, Value
from tocsin.ports import Door, Playbooks, Sealer, Stamp, Store, Transaction
from tocsin.steps import discharge


class Opening(Value):
    """Open the playbook for a kind of incident."""

    stamp: Stamp
    kind: str


class TaskList(Value):
    """The tasks of an incident."""

    tasks: tuple[Task, ...]


class Keeping(Value):
    """Tasks as they stand after something happened; `envelope` is the act, if a person did it."""

    stamp: Stamp
    tasks: tuple[Task, ...]
    reason: str
    envelope: Envelope | None = None


class Tasks:
    """The deeds around tasks."""

    def __init__(self, store: Store, door: Door, sealer: Sealer, playbooks: Playbooks) -> None:
        self._store = store
        self._door = door
        self._sealer = sealer
        self._playbooks = playbooks

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.open, self.keep]

    @activity.defn(name="tasks.open")
    def open(self, order: Opening) -> TaskList:
        """Set the tasks of the playbook for this kind of incident."""
        return self._store.once(order.stamp, order, lambda tx: self._open(tx, order), TaskList)

    @activity.defn(name="tasks.keep")
    def keep(self, order: Keeping) -> Recorded:
        """Write changed tasks, the act that changed them, and the notice that was delivered by hand, together.

        Raises:
            Refused: if the envelope does not hold, or a hold forbids the notice that was to be delivered.
        """
        if order.envelope is not None:
            refuse_misdirected(order.envelope.act, order.stamp)
            self._door.admit(order.envelope, order.stamp.at)
        return self._store.once(order.stamp, order, lambda tx: self._keep(tx, order), Recorded)

    def _open(self, tx: Transaction, order: Opening) -> TaskList:
        playbook = self._playbooks.for_kind(order.kind)
        tasks = open_playbook(playbook, order.stamp.incident_id, order.stamp.at)
        tx.tasks.put(tasks, order.stamp.sequence)
        data: dict[str, object] = {"playbook": playbook.kind, "tasks": len(tasks)}
        tx.log.append([engine_entry(order.stamp, "tasks.opened", data)])
        return TaskList(tasks=tasks)

    def _keep(self, tx: Transaction, order: Keeping) -> Recorded:
        if order.envelope is None:
            tx.tasks.put(order.tasks, order.stamp.sequence)
            data: dict[str, object] = {"tasks": [task.task_id for task in order.tasks]}
            tx.log.append([engine_entry(order.stamp, f"tasks.{order.reason}", data)])
            return Recorded()
        act = order.envelope.act
        if tx.incidents.act(act.act_id) is not None:
            return Recorded(already=True)
        if isinstance(act.deed, TaskDone):
            _deliver_by_hand(tx, order, act.deed)
        tx.tasks.put(order.tasks, order.stamp.sequence)
        tx.incidents.add_act(order.envelope, order.stamp.sequence)
        tx.incidents.join(act.incident_id, joining(act), order.stamp.at)
        tx.log.append([act_entry(order.stamp, order.envelope, self._sealer)])
        return Recorded()


def _attached(tx: Transaction, incident_id: IncidentId) -> set[str]:
    """Return the names and digests of an incident's files: those whose act was recorded, and no others."""
    deeds = [envelope.act.deed for envelope in tx.incidents.acts(incident_id)]
    return {said for deed in deeds if isinstance(deed, Attach) for said in (deed.name, deed.sha256)}


def _deliver_by_hand(tx: Transaction, order: Keeping, deed: TaskDone) -> None:
    task = next((task for task in order.tasks if task.task_id == deed.task_id), None)
    if task is None or task.kind is not TaskKind.NOTICE or task.notice_id is None:
        return
    row = tx.ledger.notice(task.notice_id)
    if row is None:
        raise Refused(f"task {task.task_id} names notice {task.notice_id}, which is not in the ledger")
    if row.state is NoticeState.WITHDRAWN:
        return  # A dismissal took the notice back; the task may end, and the ledger stays as it is.
    refuse_unproved(task.task_id, deed.proof or "", _attached(tx, row.incident_id))
    for hold in tx.duties.holds(row.incident_id):
        if hold.covers(row.agreement_id):
            raise Refused(f"hold {hold.hold_id} forbids telling this party; lift it first: tocsin lift")
    told = row.model_copy(update={"state": step(row.state, NoticeState.TOLD_BY_HAND), "settled_at": order.stamp.at})
    tx.ledger.put([told])
    discharge(tx, [told], order.stamp.at)
