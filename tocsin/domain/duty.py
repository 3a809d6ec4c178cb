"""Duties: what is owed to whom, since when, by when, and why. Resolving is a pure function of facts and pins."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from tocsin.domain.canonical import canonical
from tocsin.domain.clause import BY_MAIL, SECURITY_INCIDENT, Method, NoticeClause, OnSilence, OwedBy
from tocsin.domain.counting_contract import contract_days
from tocsin.domain.governing import Precedence, governing, versions
from tocsin.domain.hold import Hold, deadline_after_lift
from tocsin.domain.incident import Trigger, TriggerFact, Triggers
from tocsin.domain.register import Affected, Agreement, Discharge, Limb, OnLift
from tocsin.domain.values import AgreementId, ClockId, DutyId, IncidentId, Instant, NoticeId, PartyId, Value, derived_id

PROMPT_TARGET = timedelta(hours=4)
"""Internal target for a duty without a number. It is ours, never shown as a deadline."""

DECIDE_TARGET = timedelta(hours=12)
"""Internal target for confirming or dismissing a report: half of the shortest contract period in common use."""

DECIDE_RULE = "internal:decide"

OWED_TO_US = "owed-to-us:"
"""Begins the rule id of what the other party owes us: it warns us to chase them, and no letter of ours ends it."""


MERGED = "its incident was merged into "
"""Begins the proof of a duty that went on in another incident."""

ELSEWHERE = " of incident "
"""Stands, before its id, in the proof of a duty that the notice of a related incident discharged."""

_END = frozenset({"state", "ended_at", "proof", "proved_by", "late", "proofs"})
"""What ending a duty changes; all the rest of it is as it was resolved."""


class DutyState(StrEnum):
    """How a duty stands. Late is an attribute, not a state: a missed duty stays open until it is discharged."""

    OPEN = "open"
    DISCHARGED = "discharged"
    WAIVED = "waived"
    NOT_OWED = "not_owed"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class Computation(Value):
    """How a deadline came about, so that a lawyer can check it: the inputs and each step in words."""

    rule_id: str
    rule_version: str
    inputs: dict[str, str]
    steps: tuple[str, ...]


class MethodProof(Value):
    """That one of the methods that a clause requires together has its proof: which notice, in which state, when."""

    method: Method
    notice_id: NoticeId
    number: str
    state: str
    """The notice's state that is the proof."""
    at: Instant

    @property
    def words(self) -> str:
        """The proof as it is shown."""
        return f"{self.method}: notice {self.number} {self.state}"


class Duty(Value):
    """What is owed to one party under one limb of one clause."""

    duty_id: DutyId
    incident_id: IncidentId
    clock_id: ClockId
    rule_id: str
    title: str
    agreement_id: AgreementId | None
    party_id: PartyId | None
    trigger: Trigger
    anchor: str
    """Names the trigger fact, not its instant: a revised instant moves the duty instead of making a new one."""
    trigger_at: Instant
    deadline_at: Instant | None
    target_at: Instant
    """When we want it done: the deadline itself, or the internal target where the clause has no number."""
    stricter_deadline_at: Instant | None = None
    clause_key: str = SECURITY_INCIDENT
    """Which of the agreement's clauses it is owed under."""
    discharge: Discharge = Discharge.ACCEPTED
    on_lift: OnLift = OnLift.DUE_IMMEDIATELY
    citation: str
    because: str
    computation: Computation
    state: DutyState = DutyState.OPEN
    ended_at: Instant | None = None
    proof: str | None = None
    """What ended it: a notice id, a task's reference, a decision."""
    proved_by: NoticeId | None = None
    late: bool = False
    # Both are left out where mail alone is asked for, so that duties from before keep their digest.
    methods: tuple[Method, ...] = Field(default=BY_MAIL, exclude_if=lambda methods: methods == BY_MAIL)
    """The ways that its clause requires together; it is discharged once each of them has its own proof."""
    # As these: a clause that says nothing of silence gives the duty that it always gave.
    on_silence: OnSilence = Field(default=OnSilence.ESCALATE, exclude_if=lambda said: said is OnSilence.ESCALATE)
    """What its clause says happens near the deadline when nobody answers."""
    # As these.
    delivered_within: timedelta | None = Field(default=None, exclude_if=lambda span: span is None)
    """How long its clause lets a notice stay undelivered before the next contact is written to."""
    proofs: tuple[MethodProof, ...] = Field(default=(), exclude_if=lambda proofs: not proofs)
    """Where several methods are required: those that are proved, in the order in which they were."""

    @property
    def owed_to_us(self) -> bool:
        """Whether the other party must tell us."""
        return self.rule_id.startswith(OWED_TO_US)

    @property
    def unproved(self) -> tuple[Method, ...]:
        """The methods of an open duty that have no proof yet."""
        proved = {proof.method for proof in self.proofs}
        return tuple(method for method in self.methods if method not in proved)


class Difference(Value):
    """What resolving again changed: duties that came, whose deadline moved (was, now), and that fell away."""

    added: tuple[DutyId, ...] = ()
    moved: tuple[tuple[DutyId, Instant | None, Instant | None], ...] = ()
    withdrawn: tuple[DutyId, ...] = ()


def resolve(
    incident_id: IncidentId, triggers: Triggers, affected: Iterable[Affected], lifted: Sequence[Hold] = ()
) -> list[Duty]:
    """Return every contractual duty of ours that exists now: one per affected agreement, clause and limb.

    A limb counts once its trigger has happened, if the version it stands in was in force then, and no order's clause
    governs instead of its own.
    """
    pins = [pin for pin in affected if not pin.excluded]
    precedence = Precedence(pins)
    return [
        under_limb(incident_id, fact, pin, promise, lifted)
        for pin in pins
        for promise in promises(pin.agreement)
        if (fact := _fact(triggers, pin, promise.limb.trigger)) is not None
        and governing(pin.agreement, fact.at) is promise.version
        and precedence.order_over(pin, promise.clause, fact.at) is None
    ]


def decide_duty(incident_id: IncidentId, triggers: Triggers) -> Duty:
    """Return the duty owed to ourselves to confirm or dismiss, so that indecision cannot stop a 72 h clock starting."""
    reported_at = triggers[Trigger.REPORT].at
    target_at = reported_at + DECIDE_TARGET
    return Duty(
        duty_id=derived_id("dty", incident_id, DECIDE_RULE),
        incident_id=incident_id,
        clock_id=clock_id_of(incident_id, DECIDE_RULE, Trigger.REPORT),
        rule_id=DECIDE_RULE,
        title="confirm or dismiss the report",
        agreement_id=None,
        party_id=None,
        trigger=Trigger.REPORT,
        anchor=Trigger.REPORT,
        trigger_at=reported_at,
        deadline_at=None,
        target_at=target_at,
        citation="internal",
        because="the report is neither confirmed nor dismissed, and contract periods run from confirmation",
        computation=Computation(
            rule_id=DECIDE_RULE,
            rule_version="1",
            inputs={"report": reported_at.isoformat()},
            steps=(f"{reported_at.isoformat()} + {DECIDE_TARGET} internal target = {target_at.isoformat()}",),
        ),
    )


def difference(before: Iterable[Duty], after: Iterable[Duty]) -> Difference:
    """Compare the open duties before with what resolving gives now."""
    old = {duty.duty_id: duty for duty in before}
    new = {duty.duty_id: duty for duty in after}
    return Difference(
        added=tuple(key for key in new if key not in old),
        moved=tuple(
            (key, old[key].deadline_at, new[key].deadline_at)
            for key in new
            if key in old and (old[key].deadline_at, old[key].trigger_at) != (new[key].deadline_at, new[key].trigger_at)
        ),
        withdrawn=tuple(key for key, duty in old.items() if key not in new and duty.state is DutyState.OPEN),
    )


def duties_digest(duties: Iterable[Duty], *, by_id: bool = False) -> str:
    """Return SHA-256, in hex, over each duty without its end as canonical JSON (RFC 8785), a line each, by id.

    Very many that come `by_id` need not fit in memory.
    """
    whole = hashlib.sha256()
    for duty in duties if by_id else sorted(duties, key=lambda duty: duty.duty_id):
        whole.update(canonical(duty.model_dump(mode="json", exclude=set(_END))) + b"\n")
    return whole.hexdigest()


def clock_id_of(incident_id: IncidentId, rule_id: str, anchor: str) -> ClockId:
    """Return the id of the clock that all duties of one rule and one trigger fact share."""
    return ClockId(derived_id("clk", incident_id, rule_id, anchor))


def _fact(triggers: Triggers, pin: Affected, trigger: Trigger) -> TriggerFact | None:
    if trigger is not Trigger.KNOWN_AFFECTED:
        return triggers.get(trigger)
    # The one trigger that each party has for itself; whoever the report named is known since the report.
    if not pin.confirmed:
        return None
    if pin.known_affected_at is not None:
        return TriggerFact(at=pin.known_affected_at)
    return triggers.get(trigger) or triggers.get(Trigger.REPORT)


class Promise(NamedTuple):
    """A limb, in the clause and the version of the agreement it stands in."""

    version: Agreement
    clause: NoticeClause
    limb: Limb

    @property
    def zone(self) -> str:
        """The IANA zone in which its days are counted."""
        return self.clause.time_zone or self.version.time_zone

    @property
    def rule_id(self) -> str:
        """The limb's rule; where days are counted, with what they are counted by: one rule gives one deadline."""
        if self.limb.days is None:
            return self.limb.rule_id
        calendar = self.clause.calendar if self.limb.working else None
        return ":".join([self.limb.rule_id, self.zone, *([calendar.fingerprint()[:12]] if calendar else [])])


def promises(agreement: Agreement, owed_by: OwedBy = OwedBy.US) -> Iterator[Promise]:
    """Yield each limb of every version of an agreement by which one of the parties must tell the other."""
    for version in versions(agreement):
        for clause in version.clauses:
            if clause.owed_by is owed_by:
                yield from (Promise(version, clause, limb) for limb in clause.limbs)


def under_limb(
    incident_id: IncidentId, fact: TriggerFact, pin: Affected, promise: Promise, lifted: Sequence[Hold] = ()
) -> Duty:
    """Return the duty that one limb gives from one trigger fact, with each step of its computation."""
    agreement, clause, limb = promise
    trigger_at, anchor, steps = (
        fact.at,
        str(limb.trigger),
        [f"{limb.trigger.words}: {fact.at.isoformat()} ({fact.basis})"],
    )
    stricter_at = None
    if limb.trigger is Trigger.KNOWN_AFFECTED and pin.known_affected_at is not None:
        anchor = f"{limb.trigger}@{fact.at.isoformat()}"
    if pin.known_affected_at is not None and pin.known_affected_at > fact.at:
        # A promise to this party could not be kept before we knew that it is affected; both readings are shown.
        trigger_at, anchor = pin.known_affected_at, f"{limb.trigger}@{pin.known_affected_at.isoformat()}"
        stricter_at = _due(fact.at, promise, [])[0]
        steps.append(f"known to be affected only since {trigger_at.isoformat()}: the period runs from there")
    deadline_at, target_at = _due(trigger_at, promise, steps)
    period = None if deadline_at is None else deadline_at - trigger_at
    for hold in lifted:
        if deadline_at is None or period is None or hold.lifted_at is None or hold.lifted_at < trigger_at:
            continue
        if hold.scope is not None and agreement.agreement_id not in hold.scope:
            continue
        on_lift = hold.on_lift or clause.on_lift
        moved_at = deadline_after_lift(deadline_at, period, hold.placed_at, hold.lifted_at, on_lift)
        if moved_at != deadline_at:
            steps.append(f"hold {hold.hold_id} lifted {hold.lifted_at.isoformat()}, {on_lift}: {moved_at.isoformat()}")
            deadline_at = target_at = moved_at
            # Clauses that differ in what a lifting does part here: one clock has one deadline.
            anchor = f"{anchor}+{hold.hold_id}:{on_lift}"
    return Duty(
        duty_id=DutyId(derived_id("dty", incident_id, agreement.agreement_id, limb.rule_id, *_further(clause))),
        incident_id=incident_id,
        clock_id=clock_id_of(incident_id, promise.rule_id, anchor),
        rule_id=promise.rule_id,
        title=limb.title,
        agreement_id=agreement.agreement_id,
        party_id=agreement.party_id,
        trigger=limb.trigger,
        anchor=anchor,
        trigger_at=trigger_at,
        deadline_at=deadline_at,
        target_at=target_at,
        stricter_deadline_at=stricter_at,
        clause_key=clause.key,
        discharge=clause.discharge,
        methods=clause.methods,
        on_silence=clause.on_silence,
        delivered_within=clause.delivered_within,
        on_lift=clause.on_lift,
        citation=_citation(agreement, clause),
        because=_because(pin, clause),
        computation=Computation(
            rule_id=promise.rule_id,
            rule_version=str(pin.revision),
            inputs={"trigger": fact.at.isoformat(), "basis": fact.basis, "revision": str(pin.revision)},
            steps=tuple(steps),
        ),
    )


def _due(trigger_at: datetime, promise: Promise, steps: list[str]) -> tuple[datetime | None, datetime]:
    limb = promise.limb
    if limb.days is not None:
        calendar = promise.clause.calendar if limb.working else None
        counted = contract_days(trigger_at, limb.days, promise.zone, calendar)
        steps.extend(counted.steps)
        assert counted.deadline_at is not None
        return counted.deadline_at, counted.deadline_at
    if limb.period is None:
        target_at = trigger_at + PROMPT_TARGET
        steps.append(f"no number in the clause: internal target {target_at.isoformat()}, not a deadline")
        return None, target_at
    # A contract's hours are elapsed hours: Regulation 1182/71 does not govern it, so no weekend or holiday roll.
    deadline_at = trigger_at + limb.period
    steps.append(f"{trigger_at.isoformat()} + {limb.period_words} elapsed = {deadline_at.isoformat()}")
    return deadline_at, deadline_at


def _further(clause: NoticeClause) -> tuple[str, ...]:
    """Return what tells a duty from one under another clause of the same agreement with the same promise."""
    return () if clause.key == SECURITY_INCIDENT else (clause.key,)


def _citation(agreement: Agreement, clause: NoticeClause) -> str:
    version = f", version {agreement.version}" if agreement.version else ""
    named = "" if clause.key == SECURITY_INCIDENT else f" {clause.key}"
    return f"agreement {agreement.agreement_id}{version}, notice clause{named}"


def _because(pin: Affected, clause: NoticeClause) -> str:
    # Categories are words that people choose: they are shown to a person and let no duty fall away.
    covers = f"; the clause covers {', '.join(clause.data)}" if clause.data else ""
    if not pin.confirmed:
        return f"it is not known yet who is affected, and this party cannot be ruled out{covers}"
    if pin.known_affected_at is not None:
        return f"the party is known to be affected since {pin.known_affected_at.isoformat()}{covers}"
    return f"the report names the party, or a service it uses, as affected{covers}"
