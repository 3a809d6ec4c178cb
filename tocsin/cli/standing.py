"""What of an incident decides what waits for whom: little enough to be read of a thousand incidents at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from tocsin.cli.views import DecisionView, SentBack, comments_on, decision_of, to_draft
from tocsin.domain.audience import MayBeAffected, may_be_affected
from tocsin.domain.breaking_glass import Glass
from tocsin.domain.clock import ClockSpec, ClockState
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.task import Task
from tocsin.domain.values import IncidentId, WaveId
from tocsin.ports import Transaction, WaveRow


class ClockStanding(Protocol):
    """How a clock stands."""

    @property
    def spec(self) -> ClockSpec:
        """What it runs towards."""

    @property
    def state(self) -> ClockState:
        """Whether it runs."""

    @property
    def reason_owed(self) -> bool:
        """Whether somebody must still say why it was missed."""


class WaveStanding(Protocol):
    """How a wave stands."""

    @property
    def wave(self) -> WaveRow:
        """Its row."""

    @property
    def sent_back(self) -> Sequence[SentBack]:
        """What approvers said who sent its letters back."""


class Standing(Protocol):
    """How an incident stands. `IncidentView` keeps this, and says more."""

    @property
    def incident_id(self) -> IncidentId:
        """Which one."""

    @property
    def status(self) -> Status:
        """How far it is."""

    @property
    def audience_known(self) -> bool:
        """Whether somebody has said who is affected."""

    @property
    def may_be_affected(self) -> MayBeAffected | None:
        """While nobody has: how many may be."""

    @property
    def decision(self) -> DecisionView | None:
        """Whom the GDPR wants told, as a person decided it last."""

    @property
    def clocks(self) -> Sequence[ClockStanding]:
        """Its clocks."""

    @property
    def to_draft(self) -> int:
        """Agreements with open duties that no wave has written to, or is about to."""

    @property
    def waves(self) -> Sequence[WaveStanding]:
        """Its waves."""

    @property
    def tasks(self) -> Sequence[Task]:
        """Its tasks."""

    @property
    def holds(self) -> Sequence[Hold]:
        """Orders not to tell, lifted ones included."""

    @property
    def glass(self) -> Mapping[WaveId, Glass]:
        """Break-glass releases that wait to leave, or for their review."""


class Clock(NamedTuple):
    """A clock, as far as it decides that."""

    spec: ClockSpec
    state: ClockState
    reason_owed: bool


class Wave(NamedTuple):
    """A wave, as far as it decides that."""

    wave: WaveRow
    sent_back: tuple[SentBack, ...]


class Stands(NamedTuple):
    """An open incident, as far as it decides that."""

    incident_id: IncidentId
    status: Status
    audience_known: bool
    may_be_affected: MayBeAffected | None
    decision: DecisionView | None
    clocks: tuple[Clock, ...]
    to_draft: int
    waves: tuple[Wave, ...]
    tasks: tuple[Task, ...]
    holds: tuple[Hold, ...]
    glass: dict[WaveId, Glass]


def read_standing(tx: Transaction, state: IncidentState) -> Stands:
    """Read how an open incident stands, and no more: no notice is opened, and no duty but those that are counted."""
    key, owed = state.incident_id, frozenset(state.reasons_owed)
    rows = tx.ledger.waves(key)
    said = comments_on(tx, key, rows)
    return Stands(
        incident_id=key,
        status=state.status,
        audience_known=state.audience_known,
        may_be_affected=None if state.audience_known else may_be_affected(tx.register.pinned(key)),
        decision=decision_of(tx, state.decision),
        clocks=tuple(Clock(row.spec, row.state, row.spec.clock_id in owed) for row in tx.duties.clocks(key)),
        to_draft=to_draft(tx, state) if state.audience_known else 0,
        waves=tuple(Wave(row, said.get(row.wave_id, ())) for row in rows),
        tasks=tuple(tx.tasks.of(key)),
        holds=tuple(tx.duties.holds(key)),
        glass=state.glass,
    )
