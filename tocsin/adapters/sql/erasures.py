"""Erasures: who asked, who confirmed, what was reached; and the rows that hold what was said of an incident."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from tocsin.adapters.sql.receipts import NAMESPACE
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import (
    acts,
    attachments,
    duties,
    erasures,
    facts,
    hold_scopes,
    holds,
    incidents,
    letters,
    notice_links,
    notices,
    receipts,
    receipts_assigned,
    receipts_waiting,
    tasks,
    wave_nudges,
    waves,
    writes,
)
from tocsin.domain.clause import Method
from tocsin.domain.erasure import Copy, Erasure, Fate
from tocsin.domain.incident import OVER
from tocsin.domain.values import IncidentId
from tocsin.ports import Left

STORE = "the store"


class SqlErasures:
    """Keeps `tocsin.ports.Erasures`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def put(self, erasure: Erasure) -> None:
        """Insert or replace by incident."""
        key, confirmed = erasure.incident_id, erasure.confirmed
        row = {
            "incident_id": key,
            "asked_at": erasure.asked.act.at,
            "confirmed_at": confirmed.act.at if confirmed else None,
            "completed_at": erasure.completed_at,
            "body": self._session.seal(NAMESPACE, erasure.model_dump_json(), "erasures", "body", key),
        }
        self._session.upsert(erasures, [row])

    def of(self, incident_id: IncidentId) -> Erasure | None:
        """Return what was asked for an incident, or None."""
        found = self._read(select(erasures).where(erasures.c.incident_id == incident_id))
        return found[0] if found else None

    def all(self) -> list[Erasure]:
        """Return all, oldest request first."""
        return self._read(select(erasures).order_by(erasures.c.asked_at, erasures.c.incident_id))

    def sealed_off(self) -> set[IncidentId]:
        """Return the incidents of which nothing may be read any more: erased, or being erased."""
        query = select(erasures.c.incident_id).where(erasures.c.confirmed_at.is_not(None))
        return {IncidentId(key) for key in self._connection.scalars(query)}

    def due(self, changed_before: datetime) -> list[IncidentId]:
        """Return the incidents that are over, last changed then or earlier, and not erased; the oldest first."""
        done = select(erasures.c.incident_id).where(erasures.c.confirmed_at.is_not(None))
        query = (
            select(incidents.c.incident_id)
            .where(incidents.c.status.in_(OVER), incidents.c.changed_at <= changed_before)
            .where(incidents.c.incident_id.not_in(done))
            .order_by(incidents.c.changed_at, incidents.c.incident_id)
        )
        return [IncidentId(key) for key in self._connection.scalars(query)]

    def changed_at(self, incident_id: IncidentId) -> datetime | None:
        """Return when an incident's state was last written, or None."""
        at: datetime | None = self._connection.scalar(
            select(incidents.c.changed_at).where(incidents.c.incident_id == incident_id)
        )
        return at

    def kept(self, incident_id: IncidentId) -> list[Copy]:
        """Return what the store holds of what was said, and what becomes of each."""
        found = [
            *((Fate.DESTROYED, what, self._count(table, where)) for what, table, where in _said(incident_id)),
            *((Fate.UNREADABLE, what, self._count(table, where)) for what, table, where in _sealed(incident_id)),
            (Fate.OUT_OF_REACH, PARKED, self._count(receipts_assigned, _parked(incident_id))),
        ]
        key = Copy(what="the incident's key", where=STORE, fate=Fate.DESTROYED, count=1)
        here = [Copy(what=what, where=STORE, fate=fate, count=count) for fate, what, count in found if count]
        return [key, *here] + [copy for name, count in self._carried(incident_id) for copy in _gone_by(name, count)]

    def left(self, incident_id: IncidentId) -> Left:
        """Return by what the files of an incident are known."""
        query = select(notices.c.message_id, notices.c.channel, notices.c.provider_id)
        rows = self._connection.execute(query.where(notices.c.incident_id == incident_id)).all()
        posted = {row.provider_id for row in rows if row.channel == Method.POSTING and row.provider_id}
        return Left(message_ids=tuple(row.message_id for row in rows), postings=tuple(sorted(posted)))

    def forget(self, incident_id: IncidentId) -> None:
        """Delete what was said; ids, states and instants stay, and so does what is only ever added to."""
        own = select(notices.c.notice_id).where(notices.c.incident_id == incident_id)
        held = select(holds.c.hold_id).where(holds.c.incident_id == incident_id)
        self._connection.execute(delete(hold_scopes).where(hold_scopes.c.hold_id.in_(held)))
        for table in (letters, notice_links, receipts_waiting):
            self._connection.execute(delete(table).where(table.c.notice_id.in_(own)))
        for table in (facts, acts, attachments, tasks, holds, wave_nudges):
            self._connection.execute(delete(table).where(table.c.incident_id == incident_id))
        for table, column in ((waves, "said"), (notices, "detail"), (duties, "proof")):
            self._connection.execute(update(table).where(table.c.incident_id == incident_id).values({column: None}))

    def _carried(self, incident_id: IncidentId) -> list[tuple[str, int]]:
        query = select(notices.c.channel, func.count().label("rows")).group_by(notices.c.channel)
        left = query.where(notices.c.incident_id == incident_id, notices.c.attempts > 0).order_by(notices.c.channel)
        return [(row.channel, row.rows) for row in self._connection.execute(left)]

    def _count(self, table: Table, where: ColumnElement[bool]) -> int:
        return self._connection.scalar(select(func.count()).select_from(table).where(where)) or 0

    def _read(self, query: Select[Any]) -> list[Erasure]:
        rows: Iterable[Any] = self._connection.execute(query)
        return [
            Erasure.model_validate_json(self._session.open(NAMESPACE, row.body, "erasures", "body", row.incident_id))
            for row in rows
        ]


PARKED = "receipts that came without our ids and a person assigned: only ever added to, under the namespace's key"
CARRIED = {
    "outbox": "whoever read the outbox's folder and carried the letters on",
    "sendgrid": "SendGrid: addresses, subjects, and our notice ids as custom arguments, for as long as it keeps them",
    "smtp": "the mail server that took them, and those behind it",
}
_Part = tuple[str, Table, ColumnElement[bool]]


def _gone_by(channel: str, count: int) -> Iterator[Copy]:
    if channel != Method.POSTING:
        where = CARRIED.get(channel, channel)
        yield Copy(what="letters that left", where=where, fate=Fate.OUT_OF_REACH, count=count)
        yield Copy(what="letters that left", where="their recipients", fate=Fate.OUT_OF_REACH, count=count)


def _said(incident_id: IncidentId) -> tuple[_Part, ...]:
    own = select(notices.c.notice_id).where(notices.c.incident_id == incident_id)
    return (
        ("versions of the facts", facts, facts.c.incident_id == incident_id),
        ("acts of people", acts, acts.c.incident_id == incident_id),
        ("attached files", attachments, attachments.c.incident_id == incident_id),
        ("letters", letters, letters.c.notice_id.in_(own)),
        ("tasks", tasks, tasks.c.incident_id == incident_id),
        ("orders not to tell", holds, holds.c.incident_id == incident_id),
    )


def _sealed(incident_id: IncidentId) -> tuple[_Part, ...]:
    return (
        ("receipts: only ever added to", receipts, receipts.c.incident_id == incident_id),
        ("results of writes", writes, writes.c.incident_id == incident_id),
    )


def _parked(incident_id: IncidentId) -> ColumnElement[bool]:
    own = select(notices.c.notice_id).where(notices.c.incident_id == incident_id)
    return receipts_assigned.c.notice_id.in_(own)
