"""What the store says of one incident, put together for reading: the JSON of `show`, and what its pages print."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from tocsin.domain.act import AddNote, Decide
from tocsin.domain.audience import MayBeAffected, may_be_affected
from tocsin.domain.breaking_glass import Glass
from tocsin.domain.clock import ClockRow, ClockSpec, ClockState
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.gdpr_decision import WhomToTell, against, in_words
from tocsin.domain.hold import Hold, deadline_after_lift
from tocsin.domain.incident import OVER, Facts, Status, Triggers
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import FAILED, WRITTEN_TO, Notice, NoticeState
from tocsin.domain.reviewing import SendBack
from tocsin.domain.task import Task
from tocsin.domain.tempo import time_left
from tocsin.domain.values import IncidentId, Instant, PersonId, Value, WaveId
from tocsin.noting import READ
from tocsin.ports import Transaction, WaveRow

NEEDS_A_LOOK = FAILED | {NoticeState.BY_HAND, NoticeState.IN_DOUBT}
LAST_EVENTS = 8
MOST_PROOFS = 200
"""Duties of a clock up to which each proof is listed."""
ROUTINE = {
    "notice.accepted",
    "notice.delivered",
    "receipt.processed",
    "receipt.delivered",
    "clocks.kept",
    "incident.heard",
    "wave.ready",
}
"""Log entries that a page leaves out: fifty thousand accepted notices are one number of their wave."""


class Proof(Value):
    """What ended a duty, and when."""

    proof: str
    at: Instant


class ClockView(Value):
    """A clock, with its duties counted and what holds do to it."""

    spec: ClockSpec
    state: ClockState
    left: str
    told: int
    """Duties that were discharged; one that was waived, withdrawn or not owed told nobody."""
    total: int
    late: bool
    reason: str | None
    reason_owed: bool
    held: int = 0
    """Open duties that a hold forbids to discharge now."""
    if_lifted_now: Instant | None = None
    """The deadline that the held duties would have if every hold ended now."""
    outcome: str | None = None
    proofs: tuple[Proof, ...] = ()
    """What ended its duties, each with its instant; left out where there are very many."""


class SentBack(Value):
    """That an approver sent letters back, and why."""

    by: str
    at: Instant
    comment: str


class WaveView(Value):
    """A wave and how far it came."""

    wave: WaveRow
    told: int
    total: int
    without_contact: int
    by_state: dict[NoticeState, int]
    sent_back: tuple[SentBack, ...] = ()
    """What approvers said who sent its letters back, as they stand now."""


class LookAt(Value):
    """A notice that did not simply go through."""

    number: str
    reference: str
    party: str
    state: NoticeState
    detail: str | None


class Event(Value):
    """An entry of the log."""

    number: int
    at: Instant
    kind: str
    actor: str
    data: dict[str, Any]


class DecisionView(Value):
    """Whom the GDPR wants told, as a person decided it last."""

    authority: bool
    subjects: bool
    words: str
    at: Instant
    by: str
    reason: str
    against: tuple[str, ...]
    """In which parts it goes against what was proposed."""


class IncidentView(Value):
    """Everything that `show` shows."""

    incident_id: IncidentId
    status: Status
    owner: PersonId | None
    linked_to: IncidentId | None
    relatives: tuple[IncidentId, ...]
    merged_into: IncidentId | None
    audience_known: bool
    may_be_affected: MayBeAffected | None
    """While nobody has said who is affected: how many may be."""
    decision: DecisionView | None
    facts: Facts
    unknowns: tuple[str, ...]
    triggers: Triggers
    clocks: tuple[ClockView, ...]
    to_draft: int
    """Agreements with open duties that no wave has written to, or is about to."""
    notices_to_look_at: tuple[LookAt, ...]
    waves: tuple[WaveView, ...]
    tasks: tuple[Task, ...]
    holds: tuple[Hold, ...]
    glass: dict[WaveId, Glass]
    """Break-glass releases that wait to leave, or for their review."""
    attachments: tuple[str, ...]
    events: tuple[Event, ...] = ()


def read_incident(tx: Transaction, incident_id: IncidentId, now: datetime, *, events: bool = False) -> IncidentView:
    """Read an incident that exists. Of one that is over nothing is shown that would wait for somebody."""
    state, facts = tx.incidents.state(incident_id), tx.incidents.facts(incident_id)
    assert state is not None
    facts = facts or Facts(title="(no facts yet)")
    over = state.status in OVER
    rows = [row for row in tx.ledger.waves(incident_id) if row.released_at or not over]
    said = comments_on(tx, incident_id, rows)
    return IncidentView(
        incident_id=incident_id,
        status=state.status,
        owner=state.owner,
        linked_to=state.linked_to,
        relatives=state.relatives,
        merged_into=state.merged_into,
        audience_known=state.audience_known,
        may_be_affected=None if state.audience_known else may_be_affected(tx.register.pinned(incident_id)),
        decision=decision_of(tx, state.decision),
        facts=facts,
        unknowns=facts.unknowns(),
        triggers=state.triggers,
        clocks=_clocks(tx, incident_id, now, frozenset(state.reasons_owed)),
        to_draft=0 if over else to_draft(tx, state),
        notices_to_look_at=() if over else tuple(look for row in rows for look in _looks(tx, row)),
        waves=tuple(_wave(tx, row, said.get(row.wave_id, ())) for row in rows),
        tasks=tuple(task for task in tx.tasks.of(incident_id) if not (over and task.blocks_closing)),
        holds=tuple(tx.duties.holds(incident_id)),
        glass=state.glass,
        attachments=tuple(kept.name for kept in tx.incidents.attachments(incident_id)),
        events=_events(tx, incident_id) if events else (),
    )


def decision_of(tx: Transaction, decided: WhomToTell | None) -> DecisionView | None:
    """Return what was decided last, from its act; None while nobody has."""
    envelope = tx.incidents.act(decided.act_id) if decided else None
    if envelope is None or not isinstance(deed := envelope.act.deed, Decide):
        return None
    return DecisionView(
        authority=deed.authority,
        subjects=deed.subjects,
        words=in_words(deed.authority, deed.subjects),
        at=envelope.act.at,
        by=envelope.act.actor.name,
        reason=deed.reason,
        against=against(deed.proposal, deed.authority, deed.subjects),
    )


def _clocks(
    tx: Transaction, incident_id: IncidentId, now: datetime, reasons_owed: frozenset[str]
) -> tuple[ClockView, ...]:
    holds = [hold for hold in tx.duties.holds(incident_id) if hold.lifted_at is None]
    rows = tx.duties.clocks(incident_id)
    views = []
    for row in rows:
        held = _held(tx, row, holds) if holds and row.state is ClockState.RUNNING else []
        owed = row.spec.clock_id in reasons_owed
        clock = _clock(row, held, now, reason_owed=owed, reason=_reason(tx, row), holds=holds)
        views.append(clock.model_copy(update={"told": _told(tx, row), "proofs": _proofs(tx, row)}))
    return tuple(views)


def _clock(
    row: ClockRow, held: list[Duty], now: datetime, *, reason_owed: bool, reason: str | None, holds: list[Hold]
) -> ClockView:
    ended = row.state is ClockState.ENDED
    return ClockView(
        spec=row.spec,
        state=row.state,
        left=row.outcome or "ended" if ended else time_left(row.spec.target_at, now),
        told=0,
        total=row.total_duties,
        late=row.late,
        reason=reason,
        reason_owed=reason_owed,
        held=len(held),
        if_lifted_now=max((at for at in (_if_lifted(duty, holds, now) for duty in held) if at), default=None),
        outcome=row.outcome,
    )


def _told(tx: Transaction, row: ClockRow) -> int:
    if row.open_duties == row.total_duties:
        return 0
    if not row.open_duties and row.outcome and row.outcome.partition(",")[0] == DutyState.DISCHARGED:
        return row.total_duties  # All of them: tens of thousands need not be read to be counted.
    duties = tx.duties.of(row.spec.incident_id, clock_id=row.spec.clock_id)
    return sum(duty.state is DutyState.DISCHARGED for duty in duties)


def _proofs(tx: Transaction, row: ClockRow) -> tuple[Proof, ...]:
    if row.total_duties > MOST_PROOFS:
        return ()
    duties = tx.duties.of(row.spec.incident_id, clock_id=row.spec.clock_id)
    each = (Proof(proof=one.words, at=one.at) for duty in duties for one in duty.proofs)
    whole = (Proof(proof=d.proof, at=d.ended_at) for d in duties if d.proof and d.ended_at and not d.proofs)
    return (*each, *whole)


def _held(tx: Transaction, row: ClockRow, holds: list[Hold]) -> list[Duty]:
    open_duties = tx.duties.of(row.spec.incident_id, clock_id=row.spec.clock_id, open_only=True)
    ours = [(duty, duty.agreement_id) for duty in open_duties if duty.agreement_id and not duty.owed_to_us]
    return [duty for duty, agreement_id in ours if any(hold.covers(agreement_id) for hold in holds)]


def _if_lifted(duty: Duty, holds: list[Hold], now: datetime) -> datetime | None:
    deadline_at = duty.deadline_at
    if deadline_at is None or duty.agreement_id is None or duty.state is not DutyState.OPEN:
        return None
    period = deadline_at - duty.trigger_at
    for hold in holds:
        if hold.covers(duty.agreement_id):
            on_lift = hold.on_lift or duty.on_lift
            deadline_at = deadline_after_lift(deadline_at, period, hold.placed_at, now, on_lift)
    return deadline_at


def _reason(tx: Transaction, row: ClockRow) -> str | None:
    given = tx.incidents.act(row.late_reason) if row.late_reason else None
    return given.act.deed.text if given and isinstance(given.act.deed, AddNote) else None


def to_draft(tx: Transaction, state: IncidentState) -> int:
    """Count the agreements with open duties that no wave has written to, or is about to."""
    owed = tx.duties.owed(state.incident_id)
    if not owed:
        return 0
    # A drafted row of a released wave is a deputy in reserve: its agreement has other rows.
    written = tx.ledger.parties(state.incident_id, set(NoticeState) - {NoticeState.WITHDRAWN})
    for relative in state.relatives:
        written |= tx.ledger.parties(relative, WRITTEN_TO - {NoticeState.WITHDRAWN})
    return len(owed - written)


def _wave(tx: Transaction, row: WaveRow, sent_back: tuple[SentBack, ...]) -> WaveView:
    counts = tx.ledger.counts(row.wave_id)
    drafted = tx.ledger.notices(row.wave_id, states=[NoticeState.DRAFTED, NoticeState.BY_HAND])
    return WaveView(
        wave=row,
        told=counts.told,
        total=counts.total if row.released_at else sum(_is_recipient(notice) for notice in drafted),
        without_contact=sum(notice.lonely for notice in drafted),
        by_state=counts.by_state,
        sent_back=sent_back,
    )


def comments_on(
    tx: Transaction, incident_id: IncidentId, rows: Iterable[WaveRow]
) -> dict[WaveId, tuple[SentBack, ...]]:
    """Return what was said of the waves that wait and were sent back. Drafted anew, their letters are others."""
    waiting = {(row.wave_id, row.digest): row.wave_id for row in rows if not row.released_at}
    found: dict[WaveId, tuple[SentBack, ...]] = {}
    for act in (envelope.act for envelope in tx.incidents.acts(incident_id)) if waiting else ():
        if isinstance(deed := act.deed, SendBack) and (deed.wave_id, deed.digest) in waiting:
            comment = SentBack(by=act.actor.name, at=act.at, comment=deed.comment)
            found[deed.wave_id] = (*found.get(deed.wave_id, ()), comment)
    return found


def _is_recipient(notice: Notice) -> bool:
    return notice.chain_position == 0


def _looks(tx: Transaction, wave: WaveRow) -> Iterable[LookAt]:
    # Before the release: whom a letter may not reach. After it a drafted row is a deputy in reserve.
    states = NEEDS_A_LOOK if wave.released_at else NEEDS_A_LOOK | {NoticeState.DRAFTED}
    for notice in tx.ledger.notices(wave.wave_id, states=states):
        if notice.state is NoticeState.DRAFTED and not notice.detail:
            continue
        agreement = tx.register.agreement(notice.agreement_id)
        yield LookAt(
            number=notice.number,
            reference=agreement.reference if agreement else notice.agreement_id,
            party=agreement.party_name if agreement else "",
            state=notice.state,
            detail=notice.detail or ("nobody to write to" if notice.lonely else None),
        )


def _events(tx: Transaction, incident_id: IncidentId) -> tuple[Event, ...]:
    bodies = (orjson.loads(stored.body) for stored in tx.log.entries(incident_id=incident_id))
    # Who looked is for auditors: it is no event of the incident.
    read = (entry for entry in bodies if entry["kind"] != READ)
    last = deque((entry for entry in read if entry["kind"] not in ROUTINE), maxlen=LAST_EVENTS)
    return tuple(
        Event(number=e["n"], at=e["at"], kind=e["kind"], actor=e["actor"], data=e.get("data", {})) for e in last
    )
