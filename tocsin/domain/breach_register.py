"""The register of breaches (GDPR art. 33(5)): every incident with its facts, effects, remedies, and who was told.

An incident that was dismissed, or of which nobody was told, has its entry like any other, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from tocsin.domain.act import AddNote, Close, Confirm, Decide, Dismiss, EndDuty, Envelope, Reopen
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import DECIDE_RULE, Duty, DutyState
from tocsin.domain.gdpr_decision import against, in_words
from tocsin.domain.gdpr_duties import BY_DECISION
from tocsin.domain.hold import Hold, HoldKind
from tocsin.domain.incident import Facts, Severity, Status, Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import SENT, ContactRole, Notice, NoticeState
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import ActId, AgreementId, IncidentId, Instant, Value

NO_DECISION = "no decision recorded yet"
NO_REASON = "no reason given yet"

_LAST = datetime.max.replace(tzinfo=UTC)


class Party(NamedTuple):
    """Whom an agreement is with."""

    name: str
    reference: str


class Records(NamedTuple):
    """What the store holds of one incident."""

    state: IncidentState
    facts: Facts
    acts: tuple[Envelope, ...] = ()
    duties: tuple[Duty, ...] = ()
    clocks: tuple[ClockRow, ...] = ()
    notices: tuple[Notice, ...] = ()
    tasks: tuple[Task, ...] = ()
    holds: tuple[Hold, ...] = ()
    parties: Mapping[AgreementId, Party] = {}


class Decided(Value):
    """What a person decided, and why."""

    what: str
    at: Instant
    by: str
    because: str


class WhomDecided(Decided):
    """Whom GDPR articles 33 and 34 want told, as a person decided it, with what they were shown."""

    against_proposal: tuple[str, ...]
    """In which parts it goes against what the engine proposed."""
    factors: tuple[str, ...]
    """What spoke for and against, as it was known then."""


class Told(Value):
    """One recipient who was told."""

    whom: str
    reference: str | None
    number: str | None
    """The notice's number; None where no notice of ours was sent, as with a portal."""
    at: Instant | None
    how: str
    state: str
    copy_only: bool = False
    late: bool = False


class NotTold(Value):
    """A duty that nobody has fulfilled, and why."""

    whom: str
    reference: str | None
    duty: str
    state: DutyState
    deadline_at: Instant | None
    because: str


class Late(Value):
    """A deadline that passed with duties open."""

    duty: str
    deadline_at: Instant | None
    reason: str | None
    """None: nobody has given it yet."""


class Held(Value):
    """An order not to tell."""

    kind: HoldKind
    issuer: str
    reference: str
    since: Instant
    until: Instant | None


class Breach(Value):
    """The entry of one incident. A fact that is None is not yet known."""

    incident_id: IncidentId
    status: Status
    title: str
    kind: str
    severity: Severity | None
    reported_at: Instant | None
    occurred_at: Instant | None
    discovered_at: Instant | None
    aware_at: Instant | None
    confirmed_at: Instant | None
    what_happened: str | None
    data_categories: tuple[str, ...] | None
    people_affected: int | None
    records_affected: int | None
    cause: str | None
    effects: str | None
    remedial_action: tuple[str, ...]
    lessons: str | None
    decision: WhomDecided | None
    """Whom to tell, as a person decided it; None: no decision recorded yet."""
    history: tuple[Decided, ...]
    """Confirmed, dismissed, closed, taken up again; duties that a person ended."""
    told: tuple[Told, ...]
    not_told: tuple[NotTold, ...]
    nobody_told_because: str | None
    """None if somebody was told."""
    late: tuple[Late, ...]
    holds: tuple[Held, ...]


def breach(records: Records) -> Breach:
    """Return the entry of an incident."""
    facts, triggers = records.facts, records.state.triggers
    at = {trigger: fact.at for trigger, fact in triggers.items()}
    history = tuple(_history(records))
    told = tuple(sorted(_told(records), key=lambda one: (one.at or _LAST, one.whom, one.number or "")))
    not_told = tuple(sorted(_not_told(records), key=lambda one: (one.deadline_at or _LAST, one.whom, one.duty)))
    return Breach(
        incident_id=records.state.incident_id,
        status=records.state.status,
        title=facts.title,
        kind=facts.kind,
        severity=facts.severity,
        reported_at=at.get(Trigger.REPORT),
        occurred_at=at.get(Trigger.OCCURRENCE),
        discovered_at=at.get(Trigger.DISCOVERY),
        aware_at=at.get(Trigger.AWARENESS),
        confirmed_at=at.get(Trigger.CONFIRMATION),
        what_happened=facts.summary,
        data_categories=facts.data_categories,
        people_affected=facts.people_affected,
        records_affected=facts.records_affected,
        cause=facts.cause or _last_close(records.acts, "cause"),
        effects=facts.consequences,
        remedial_action=(*facts.measures, *_remedies(records.tasks)),
        lessons=facts.lessons or _last_close(records.acts, "lessons"),
        decision=_decision(records),
        history=history,
        told=told,
        not_told=not_told,
        nobody_told_because=None if told else _why_nobody(records, history, not_told),
        late=tuple(_late(records)),
        holds=tuple(
            Held(kind=h.kind, issuer=h.issuer, reference=h.reference, since=h.placed_at, until=h.lifted_at)
            for h in records.holds
        ),
    )


def reported_between(entry: Breach, first: datetime | None, before: datetime | None) -> bool:
    """Say whether the incident was reported at `first` or later, and earlier than `before`."""
    at = entry.reported_at
    if at is None:
        return True  # rather one too many than a breach left out
    return (first is None or first <= at) and (before is None or at < before)


def _history(records: Records) -> Iterator[Decided]:
    titles = {duty.duty_id: duty.title for duty in records.duties}
    for act in (envelope.act for envelope in records.acts):
        match act.deed:
            case Confirm(statement=because):
                what = "confirmed"
            case Dismiss(reason=because):
                what = "dismissed"
            case Reopen(reason=because):
                what = "taken up again"
            case Close(cause=because):
                what = "closed"
            case Decide(authority=authority, subjects=subjects, reason=because):
                what = f"decided: {in_words(authority, subjects)}"
            case EndDuty(duty_id=duty_id, how=how, proof=because):
                what = f"ended “{titles.get(duty_id, duty_id)}” as {how.value.replace('_', ' ')}"
            case _:
                continue
        yield Decided(what=what, at=act.at, by=act.actor.name, because=because)


def _decision(records: Records) -> WhomDecided | None:
    """Return the decision that counts: the last one. The earlier ones stand in the history."""
    acts = [envelope.act for envelope in records.acts if isinstance(envelope.act.deed, Decide)]
    if not acts or not isinstance(deed := acts[-1].deed, Decide):
        return None
    return WhomDecided(
        what=in_words(deed.authority, deed.subjects),
        at=acts[-1].at,
        by=acts[-1].actor.name,
        because=deed.reason or NO_REASON,
        against_proposal=against(deed.proposal, deed.authority, deed.subjects),
        factors=tuple(f"{one.side}: {one.words} ({one.citation})" for one in deed.proposal.factors),
    )


def _last_close(acts: Iterable[Envelope], field: str) -> str | None:
    closed = [getattr(envelope.act.deed, field) for envelope in acts if isinstance(envelope.act.deed, Close)]
    return closed[-1] if closed else None


def _remedies(tasks: Iterable[Task]) -> Iterator[str]:
    return (t.title for t in tasks if t.kind is TaskKind.MITIGATION and t.state is TaskState.DONE)


def _told(records: Records) -> Iterator[Told]:
    late = {duty.duty_id for duty in records.duties if duty.late}
    for notice in records.notices:
        if notice.state in SENT:
            party = _party(records, notice.agreement_id)
            yield Told(
                whom=party.name,
                reference=party.reference,
                number=notice.number,
                at=notice.settled_at or notice.claimed_at,
                how="by hand" if notice.state is NoticeState.TOLD_BY_HAND else notice.channel,
                state=notice.state,
                copy_only=notice.role is ContactRole.COPY,
                late=not late.isdisjoint(notice.duty_ids),
            )
    by_notice = {duty_id for notice in records.notices if notice.state in SENT for duty_id in notice.duty_ids}
    for duty in _owed_to_others(records.duties):
        # Authorities and persons are told through portals and forms: the duty's own proof is all there is.
        if duty.state is DutyState.DISCHARGED and duty.duty_id not in by_notice:
            whom, reference = _whom(records, duty)
            yield Told(
                whom=whom,
                reference=reference,
                number=None,
                at=duty.ended_at,
                how=duty.proof or "no proof recorded",
                state=duty.state,
                late=duty.late,
            )


def _not_told(records: Records) -> Iterator[NotTold]:
    for duty in _owed_to_others(records.duties):
        if duty.state is not DutyState.DISCHARGED:
            whom, reference = _whom(records, duty)
            yield NotTold(
                whom=whom,
                reference=reference,
                duty=duty.title,
                state=duty.state,
                deadline_at=duty.deadline_at,
                because=_why(records, duty),
            )


def _owed_to_others(duties: Iterable[Duty]) -> Iterator[Duty]:
    # The duty to confirm or dismiss is owed to ourselves; what others owe us is no notice of ours.
    return (duty for duty in duties if duty.rule_id != DECIDE_RULE and not duty.owed_to_us)


def _why(records: Records, duty: Duty) -> str:
    if duty.state is not DutyState.OPEN:
        return _proof(records, duty)
    covering = [hold for hold in records.holds if duty.agreement_id and hold.covers(duty.agreement_id)]
    if covering:
        return f"an order not to tell is in force ({covering[0].issuer}, {covering[0].reference})"
    return "not told yet"


def _proof(records: Records, duty: Duty) -> str:
    """Return why a duty ended: with the reasoning of the last decision, where one ended it and none took it up."""
    proof = duty.proof or "no reason recorded"
    provision, by_decision, _ = proof.partition(BY_DECISION)
    decided = _decision(records) if by_decision else None
    return f"{provision}decided not to tell, {decided.because}" if decided else proof


def _why_nobody(records: Records, history: tuple[Decided, ...], not_told: tuple[NotTold, ...]) -> str:
    if records.state.status is Status.DISMISSED:
        dismissed = [decided.because for decided in history if decided.what == "dismissed"]
        return f"dismissed: {dismissed[-1]}" if dismissed else "dismissed"
    if records.state.merged_into is not None:
        return f"merged into incident {records.state.merged_into}, where its duties go on"
    waiting = [duty for duty in not_told if duty.state is DutyState.OPEN]
    if waiting:
        reasons = list(dict.fromkeys(duty.because for duty in waiting))
        return f"{len(waiting)} open: {'; '.join(reasons)}"
    if not_told:
        return "; ".join(dict.fromkeys(f"{duty.state.value.replace('_', ' ')}: {duty.because}" for duty in not_told))
    return "no duty to tell anybody is recorded"


def _late(records: Records) -> Iterator[Late]:
    notes: dict[ActId, str] = {
        envelope.act.act_id: envelope.act.deed.text
        for envelope in records.acts
        if isinstance(envelope.act.deed, AddNote)
    }
    for row in records.clocks:
        if row.late and row.spec.rule_id != DECIDE_RULE:
            reason = notes.get(row.late_reason) if row.late_reason else None
            yield Late(duty=row.spec.title, deadline_at=row.spec.deadline_at, reason=reason)


def _whom(records: Records, duty: Duty) -> tuple[str, str | None]:
    if duty.agreement_id is None:
        return f"{duty.title} ({duty.citation})", None
    party = _party(records, duty.agreement_id)
    return party.name, party.reference


def _party(records: Records, agreement_id: AgreementId) -> Party:
    return records.parties.get(agreement_id, Party(name=agreement_id, reference=agreement_id))
