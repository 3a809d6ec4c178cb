"""What a wave still waits for once everything has left: deliveries that are due, presses, and a channel's silence."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.notice import Notice, NoticeState, WaveCounts
from tocsin.domain.receipt import overdue_at
from tocsin.domain.register import Discharge
from tocsin.domain.values import DutyId, WaveId
from tocsin.ports import Transaction

Duties = dict[DutyId, Duty]


def with_awaited(tx: Transaction, wave_id: WaveId, within: timedelta | None) -> WaveCounts:
    """Count a wave's rows by state, with what it still waits for."""
    counts, awaiting, look_at = tx.ledger.counts(wave_id), 0, None
    for rows in tx.ledger.awaiting(wave_id):
        duties = _duties(tx, rows)
        dues = [due for row in rows if (due := _due_at(row, duties, within)) is not None]
        awaiting += len(dues) + sum(not _to_be_delivered(row) and _to_be_pressed(row, duties) for row in rows)
        look_at = min([*dues, *([look_at] if look_at else [])], default=None)
    if not awaiting:
        return counts
    silent = tx.ledger.silent_since(wave_id)
    return counts.model_copy(update={"awaiting": awaiting, "look_at": look_at, "silent_since": silent})


def overdue(tx: Transaction, wave_id: WaveId, at: datetime, within: timedelta | None) -> list[Notice]:
    """Return the notices that left, and have stayed undelivered for too long."""
    late: list[Notice] = []
    for page in tx.ledger.awaiting(wave_id):
        rows = [row for row in page if _to_be_delivered(row)]
        duties = _duties(tx, rows)
        late += [row for row in rows if (due := _due_at(row, duties, within)) is not None and due <= at]
    return late


def _duties(tx: Transaction, rows: Iterable[Notice]) -> Duties:
    return {duty.duty_id: duty for duty in tx.duties.by_id({key for row in rows for key in row.duty_ids})}


def _to_be_delivered(row: Notice) -> bool:
    # Silence means something only where the channel speaks.
    return row.reports and row.state in {NoticeState.ACCEPTED, NoticeState.DEFERRED}


def _to_be_pressed(row: Notice, duties: Duties) -> bool:
    owed = (duties[key] for key in row.duty_ids if key in duties)
    return row.linked and any(d.state is DutyState.OPEN and d.discharge is Discharge.ACKNOWLEDGED for d in owed)


def _due_at(row: Notice, duties: Duties, within: timedelta | None) -> datetime | None:
    if not _to_be_delivered(row) or row.claimed_at is None:
        return None
    owed = [duties[key] for key in row.duty_ids if key in duties]
    nearest = min((duty.deadline_at for duty in owed if duty.deadline_at is not None), default=None)
    agreed = min((duty.delivered_within for duty in owed if duty.delivered_within is not None), default=None)
    return overdue_at(row.claimed_at, nearest, within, agreed)
