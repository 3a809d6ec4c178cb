"""Duties, clocks and holds."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from sqlalchemy import bindparam, case, delete, func, insert, select, tuple_

from tocsin.adapters.sql.columns import INSTANT
from tocsin.adapters.sql.session import CHUNK, Session, chunks
from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.tables import clocks, duties, hold_scopes, holds, waves
from tocsin.domain.clock import ClockRow, ClockState
from tocsin.domain.duty import OWED_TO_US, Duty, DutyState
from tocsin.domain.hold import Hold
from tocsin.domain.values import AgreementId, ClockId, IncidentId

_COLUMNS = ("duty_id", "incident_id", "clock_id", "state", "target_at", "body", "proof")
_COUNTED = {"open_duties", "total_duties"}


class SqlDuties:
    """Keeps `tocsin.ports.Duties`. What proved a duty may name people: it is sealed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def put(self, duties_: Iterable[Duty]) -> None:
        """Insert or replace by duty id."""
        for chunk in chunks(duties_):
            last = {duty.duty_id: duty for duty in chunk}
            self._session.many.replace(duties, _COLUMNS, [self._duty_row(duty) for duty in last.values()])

    def of(self, incident_id: IncidentId, *, clock_id: ClockId | None = None, open_only: bool = False) -> list[Duty]:
        """Return duties by target, then id."""
        query = select(duties).where(duties.c.incident_id == incident_id)
        if clock_id is not None:
            query = query.where(duties.c.clock_id == clock_id)
        if open_only:
            query = query.where(duties.c.state == DutyState.OPEN)
        query = query.order_by(duties.c.target_at, duties.c.duty_id)
        return [self._duty(row) for row in self._connection.execute(query)]

    def owed(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements under which a duty of ours is open."""
        query = select(duties.c.body).where(duties.c.incident_id == incident_id, duties.c.state == DutyState.OPEN)
        bodies = map(orjson.loads, self._connection.scalars(query))
        ours = (body.get("agreement_id") for body in bodies if not body["rule_id"].startswith(OWED_TO_US))
        return {AgreementId(one) for one in ours if one}

    def each_open(self, incident_id: IncidentId) -> Iterator[Duty]:
        """Yield the open duties in the same order, of which few lie in memory at a time."""
        query = select(duties).where(duties.c.incident_id == incident_id, duties.c.state == DutyState.OPEN)
        page = query.order_by(duties.c.target_at, duties.c.duty_id).limit(CHUNK)
        rows = self._connection.execute(page).all()
        while rows:
            yield from map(self._duty, rows)
            last = tuple_(bindparam("at", rows[-1].target_at, INSTANT), bindparam("key", rows[-1].duty_id))
            rows = self._connection.execute(page.where(tuple_(duties.c.target_at, duties.c.duty_id) > last)).all()

    def each(self, incident_id: IncidentId) -> Iterator[Duty]:
        """Yield all duties by id, of which few lie in memory at a time."""
        page = select(duties).where(duties.c.incident_id == incident_id).order_by(duties.c.duty_id).limit(CHUNK)
        rows = self._connection.execute(page).all()
        while rows:
            yield from map(self._duty, rows)
            rows = self._connection.execute(page.where(duties.c.duty_id > rows[-1].duty_id)).all()

    def by_id(self, duty_ids: Iterable[str]) -> list[Duty]:
        """Return the duties with these ids."""
        found: list[Duty] = []
        for chunk in chunks(duty_ids):
            rows = self._session.many.select(
                (duties.c.duty_id, duties.c.body, duties.c.proof), chunk, " ORDER BY duty_id"
            )
            found += [self._duty(row) for row in rows]
        return found

    def put_clock(self, row: ClockRow) -> None:
        """Insert or replace by clock id. `open_duties` and `total_duties` are not stored but counted on reading."""
        spec = row.spec
        values = {
            "clock_id": spec.clock_id,
            "incident_id": spec.incident_id,
            "state": row.state.value,
            "target_at": spec.target_at,
            "body": row.model_dump_json(exclude=_COUNTED),
        }
        self._session.upsert(clocks, [values])

    def clock(self, clock_id: ClockId) -> ClockRow | None:
        """Return one clock with its duties counted, or None."""
        return next(iter(self._clocks(clocks.c.clock_id == clock_id)), None)

    def clocks(self, incident_id: IncidentId) -> list[ClockRow]:
        """Return an incident's clocks by target, with their duties counted."""
        return self._clocks(clocks.c.incident_id == incident_id)

    def running_clocks(self) -> list[ClockRow]:
        """Return the running clocks of all incidents by target."""
        return self._clocks(clocks.c.state == ClockState.RUNNING)

    def put_hold(self, incident_id: IncidentId, hold: Hold) -> None:
        """Insert or replace by hold id, sealed. It waits for claims that are being made, and later ones see it."""
        gate = select(waves.c.wave_id).where(waves.c.incident_id == incident_id).order_by(waves.c.wave_id)
        self._connection.execute(gate.with_for_update()).all()
        self._session.upsert(holds, [self._hold_row(incident_id, hold)])
        self._connection.execute(delete(hold_scopes).where(hold_scopes.c.hold_id == hold.hold_id))
        for chunk in chunks(hold.scope or ()):
            rows = [{"hold_id": hold.hold_id, "agreement_id": agreement_id} for agreement_id in chunk]
            self._connection.execute(insert(hold_scopes), rows)

    def holds(self, incident_id: IncidentId) -> list[Hold]:
        """Return all holds, lifted ones included, by `placed_at`."""
        query = select(holds).where(holds.c.incident_id == incident_id).order_by(holds.c.placed_at, holds.c.hold_id)
        rows = self._connection.execute(query)
        return [
            Hold.model_validate_json(self._session.open(incident_id, row.body, "holds", "body", row.hold_id))
            for row in rows
        ]

    def _hold_row(self, incident_id: IncidentId, hold: Hold) -> Values:
        return {
            "hold_id": hold.hold_id,
            "incident_id": incident_id,
            "placed_at": hold.placed_at,
            "lifted_at": hold.lifted_at,
            "covers_all": hold.scope is None,
            "body": self._session.seal(incident_id, hold.model_dump_json(), "holds", "body", hold.hold_id),
        }

    def _duty_row(self, duty: Duty) -> tuple[Any, ...]:
        key, incident_id, proof = duty.duty_id, duty.incident_id, None
        if duty.proof is not None:
            proof = self._session.seal(incident_id, duty.proof, "duties", "proof", key)
        body = duty.model_dump_json(exclude={"proof"})
        return (key, incident_id, duty.clock_id, duty.state.value, duty.target_at, body, proof)

    def _duty(self, row: Any) -> Duty:
        duty = Duty.model_validate_json(row.body)
        if row.proof is None:
            return duty
        proof = self._session.open(duty.incident_id, row.proof, "duties", "proof", duty.duty_id)
        return duty.model_copy(update={"proof": proof.decode()})

    def _clocks(self, which: Any) -> list[ClockRow]:
        still_open = func.count(case((duties.c.state == DutyState.OPEN, 1)))
        query = (
            select(clocks, still_open.label("open_duties"), func.count(duties.c.duty_id).label("total_duties"))
            .outerjoin(duties, duties.c.clock_id == clocks.c.clock_id)
            .where(which)
            .group_by(clocks.c.clock_id)
            .order_by(clocks.c.target_at, clocks.c.clock_id)
        )
        return [_clock(row) for row in self._connection.execute(query)]


def _clock(row: Any) -> ClockRow:
    clock = ClockRow.model_validate_json(row.body)
    return clock.model_copy(update={"open_duties": row.open_duties, "total_duties": row.total_duties})
