"""Tasks."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import tasks
from tocsin.domain.task import Task
from tocsin.domain.values import IncidentId, TaskId


class SqlTasks:
    """Keeps `tocsin.ports.Tasks`. A task is sealed whole: any of its words may name a person."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def put(self, tasks_: Iterable[Task], sequence: int) -> None:
        """Insert or replace by task id; a lower sequence than the stored one changes nothing."""
        self._session.upsert(tasks, (self._values(task, sequence) for task in tasks_), guard="sequence")

    def of(self, incident_id: IncidentId) -> list[Task]:
        """Return an incident's tasks by due time."""
        query = select(tasks).where(tasks.c.incident_id == incident_id).order_by(tasks.c.due_at, tasks.c.task_id)
        return [self._task(row) for row in self._connection.execute(query)]

    def one(self, task_id: TaskId) -> Task | None:
        """Return one task, or None."""
        row = self._connection.execute(select(tasks).where(tasks.c.task_id == task_id)).one_or_none()
        return self._task(row) if row is not None else None

    def _values(self, task: Task, sequence: int) -> Values:
        return {
            "task_id": task.task_id,
            "incident_id": task.incident_id,
            "sequence": sequence,
            "due_at": task.due_at,
            "body": self._session.seal(task.incident_id, task.model_dump_json(), "tasks", "body", task.task_id),
        }

    def _task(self, row: Any) -> Task:
        return Task.model_validate_json(self._session.open(row.incident_id, row.body, "tasks", "body", row.task_id))
