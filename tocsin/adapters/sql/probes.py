"""Rounds in which the register's contacts are asked. Whom they ask is pinned and sealed as of an incident."""

from sqlalchemy import RowMapping, select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import probes
from tocsin.domain.probing import Round
from tocsin.domain.values import IncidentId


class SqlProbes:
    """Keeps `tocsin.ports.Probes`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def put(self, round_: Round) -> None:
        """Insert or replace by round id."""
        self._session.upsert(probes, [round_.model_dump() | {"answer_by": round_.answer_by.isoformat()}])

    def one(self, round_id: IncidentId) -> Round | None:
        """Return a round, or None."""
        query = select(probes).where(probes.c.round_id == round_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return _round(row) if row is not None else None

    def all(self, *, open_only: bool = False) -> list[Round]:
        """Return the rounds, newest first; `open_only`: those that are not closed."""
        query = select(probes).order_by(probes.c.opened_at.desc(), probes.c.round_id)
        if open_only:
            query = query.where(probes.c.closed_at.is_(None))
        return [_round(row) for row in self._connection.execute(query).mappings()]


def _round(row: RowMapping) -> Round:
    return Round.model_validate(dict(row))
