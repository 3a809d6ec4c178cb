"""What the store says, as far as a visitor may see it."""

from datetime import datetime

from tocsin.console.gate import sees_all
from tocsin.console.office import Visitor
from tocsin.domain.incident import Severity, Status, Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import IncidentId, Instant, PersonId, Value
from tocsin.ports import Transaction


class IncidentLine(Value):
    """One incident in a list."""

    incident_id: IncidentId
    title: str
    status: Status
    severity: Severity | None
    owner: PersonId | None
    reported_at: Instant | None
    nearest_at: Instant | None
    """The nearest deadline, or target, of its running clocks."""


def states_for(tx: Transaction, visitor: Visitor, *, open_only: bool = False) -> list[IncidentState]:
    """Return the states of the incidents that a visitor may see, newest report first."""
    states = tx.incidents.all(open_only=open_only)
    if sees_all(visitor):
        return states
    teams = tx.incidents.teams_of(visitor.person_id)
    return [state for state in states if state.incident_id in teams]


def incidents_for(
    tx: Transaction, visitor: Visitor, *, open_only: bool = False, after: str | None = None, limit: int | None = None
) -> list[IncidentLine]:
    """Return the incidents that a visitor may see, newest report first, after the one with an id."""
    states = states_for(tx, visitor, open_only=open_only)
    if after is not None:
        ids = [state.incident_id for state in states]
        states = states[ids.index(IncidentId(after)) + 1 :] if after in ids else []
    return [_line(tx, state) for state in states[:limit]]


def _line(tx: Transaction, state: IncidentState) -> IncidentLine:
    facts, reported = tx.incidents.facts(state.incident_id), state.triggers.get(Trigger.REPORT)
    return IncidentLine(
        incident_id=state.incident_id,
        title=facts.title if facts else "(no facts yet)",
        status=state.status,
        severity=facts.severity if facts else None,
        owner=state.owner,
        reported_at=reported.at if reported else None,
        nearest_at=nearest(state),
    )


def nearest(state: IncidentState) -> datetime | None:
    """Return the nearest target of the clocks that run."""
    return min((spec.target_at for spec in state.clocks.values()), default=None)
