"""The log's checkpoints, and which witness holds which: both append-only, as the log itself."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, func, select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import log_checkpoints, log_pins
from tocsin.audit.tree import Frontier
from tocsin.ports import CheckpointRow, Pin

_PAGE = 500


class SqlCheckpoints:
    """Keeps `tocsin.ports.Checkpoints`. Triggers in the database refuse to change or delete one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def add(self, row: CheckpointRow) -> None:
        """Append a checkpoint; the one that is there for its size stays."""
        kept = {"size": row.head.size, "at": row.at, "peaks": json.dumps(row.head.peaks), "note": row.note}
        # Asked first: SQLite's guard against replacing refuses even an insert that would do nothing.
        if self._connection.execute(select(log_checkpoints.c.size).filter_by(size=row.head.size)).first() is None:
            self._session.add(log_checkpoints, [kept])

    def newest(self, at_most: int | None = None) -> CheckpointRow | None:
        """Return the checkpoint of most entries, of those with at most so many, or None."""
        query = select(log_checkpoints).order_by(log_checkpoints.c.size.desc()).limit(1)
        if at_most is not None:
            query = query.where(log_checkpoints.c.size <= at_most)
        row = self._connection.execute(query).first()
        return _row(row) if row is not None else None

    def after(self, size: int) -> Iterator[CheckpointRow]:
        """Yield the checkpoints of more than `size` entries, by size, streamed."""
        query = select(log_checkpoints).order_by(log_checkpoints.c.size).limit(_PAGE)
        rows = self._connection.execute(query.where(log_checkpoints.c.size > size)).all()
        while rows:
            yield from map(_row, rows)
            rows = self._connection.execute(query.where(log_checkpoints.c.size > rows[-1].size)).all()

    def add_pin(self, pin: Pin) -> None:
        """Note that a witness took a checkpoint; the first note of it stays."""
        known = select(log_pins.c.size).where(log_pins.c.witness == pin.witness, log_pins.c.size == pin.size)
        if self._connection.execute(known).first() is None:
            self._session.add(log_pins, [pin.model_dump()])

    def pinned(self, witness: str) -> int:
        """Return how many entries the newest checkpoint has that this witness took; 0 for none."""
        query = select(func.max(log_pins.c.size)).where(log_pins.c.witness == witness)
        return self._connection.scalar(query) or 0

    def pins(self, size: int) -> list[Pin]:
        """Return who took the checkpoint of this size, with what they answered, by witness."""
        query = select(log_pins).where(log_pins.c.size == size).order_by(log_pins.c.witness)
        return [_pin(row) for row in self._connection.execute(query)]

    def witnessed(self, size: int, at_most: int) -> list[tuple[CheckpointRow, Pin]]:
        """Return what each witness took of up to `at_most` entries: the first of at least `size`, and the newest."""
        first, newest = func.min(case((log_pins.c.size >= size, log_pins.c.size))), func.max(log_pins.c.size)
        query = select(log_pins.c.witness, first, newest).where(log_pins.c.size <= at_most)
        found = self._connection.execute(query.group_by(log_pins.c.witness).order_by(log_pins.c.witness)).all()
        wanted = [(witness, one) for witness, *sizes in found for one in sorted({*sizes} - {None})]
        return [self._handed(witness, one) for witness, one in wanted]

    def _handed(self, witness: str, size: int) -> tuple[CheckpointRow, Pin]:
        pin = select(log_pins).filter_by(witness=witness, size=size)
        note = select(log_checkpoints).filter_by(size=size)
        return _row(self._connection.execute(note).one()), _pin(self._connection.execute(pin).one())


def _row(row: Any) -> CheckpointRow:
    return CheckpointRow(at=row.at, head=Frontier(size=row.size, peaks=_peaks(row.peaks)), note=str(row.note))


def _peaks(text: object) -> tuple[str, ...]:
    # Whatever an edit left in the cell is read: the signed note beside it tells that it is not what was signed.
    try:
        held = json.loads(str(text))
    except ValueError:
        return ()
    return tuple(str(peak) for peak in held) if isinstance(held, list) else ()


def _pin(row: Any) -> Pin:
    return Pin(witness=row.witness, size=row.size, at=row.at, receipt=bytes(row.receipt))
