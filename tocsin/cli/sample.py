"""Packs of a period, for an auditor who takes samples: one for each incident reported in it, and the register."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path

import typer

from tocsin.adapters.breach_register import as_csv, read_breaches
from tocsin.adapters.evidence import write_evidence
from tocsin.adapters.evidence.folder import refuse_taken
from tocsin.cli.session import Session
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction

REGISTER = "breaches.csv"


class Sampled(StrEnum):
    """Which incidents of a period are wanted."""

    LATE = "late"
    OPEN = "open"
    CLOSED = "closed"
    DISMISSED = "dismissed"


def write_sample(
    work: Session, first: date | None, last: date | None, status: Sampled | None, folder: Path
) -> list[IncidentId]:
    """Write a pack for each incident reported in these days, in UTC, and the register of breaches; return which.

    Raises:
        Refused: if there is none, or the folder is not new or empty.
    """
    refuse_taken(folder)
    begin, end = _start(first), _start(last + timedelta(days=1)) if last else None
    with work.store.reading() as tx:
        states = [
            state
            for state in tx.incidents.all()
            if not state.drill and _reported_in(state, begin, end) and _is(tx, state, status)
        ]
        register = as_csv(read_breaches(tx, begin, end))
    if not states:
        raise Refused("no incident of the kind was reported in these days; `tocsin list` shows those that were")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for state in states:
        means = work.means._replace(histories=_histories(work, state.incident_id))
        write_evidence(work.store, means, state.incident_id, folder / f"{state.incident_id}.zip")
    (folder / REGISTER).write_bytes(register)
    return [state.incident_id for state in states]


def day(text: str) -> date:
    """Read a day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2026-11-21") from error


def _histories(work: Session, incident_id: IncidentId) -> dict[str, bytes]:
    try:
        return work.histories(incident_id)
    except Deferred:
        return {}


def _reported_in(state: IncidentState, begin: datetime | None, end: datetime | None) -> bool:
    at = state.triggers[Trigger.REPORT].at
    return (begin is None or at >= begin) and (end is None or at < end)


def _is(tx: Transaction, state: IncidentState, status: Sampled | None) -> bool:
    match status:
        case None:
            return True
        case Sampled.LATE:
            late = any(row.late for row in tx.duties.clocks(state.incident_id))
            return late or any(duty.late for duty in tx.duties.of(state.incident_id))
        case Sampled.OPEN:
            return state.status in {"reported", "confirmed"}
        case _:
            return str(state.status) == str(status)


def _start(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=UTC) if day else None
