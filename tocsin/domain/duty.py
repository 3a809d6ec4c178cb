"""Duties: what is owed to whom, since when, by when, and why. Resolving is a pure function of facts and pins."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.hold import Hold, deadline_after_lift
from tocsin.domain.incident import Trigger, TriggerFact, Triggers
from tocsin.domain.register import Affected, Discharge, Limb, OnLift
from tocsin.domain.values import AgreementId, ClockId, DutyId, IncidentId, Instant, NoticeId, PartyId, Value, derived_id

PROMPT_TARGET = timedelta(hours=4)
"""Internal target for a duty without a number. It is ours, never shown as a deadline."""

DECIDE_TARGET = timedelta(hours=12)
"""Internal target for confirming or dismissing a report: half of the shortest contract period in common use."""

DECIDE_RULE = "internal:decide"


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


class Difference(Value):
    """What resolving again changed: duties that came, whose deadline moved (was, now), and that fell away."""

    added: tuple[DutyId, ...] = ()
    moved: tuple[tuple[DutyId, Instant | None, Instant | None], ...] = ()
    withdrawn: tuple[DutyId, ...] = ()


def resolve(
    incident_id: IncidentId, triggers: Triggers, affected: Iterable[Affected], lifted: Sequence[Hold] = ()
) -> list[Duty]:
    """Return every contractual duty that exists now: one per affected agreement and limb whose trigger has happened."""
    return [
        _under_limb(incident_id, fact, pin, limb, lifted)
        for pin in affected
        if not pin.excluded
        for limb in pin.agreement.clause.limbs
        if (fact := _fact(triggers, pin, limb.trigger)) is not None
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


def _under_limb(incident_id: IncidentId, fact: TriggerFact, pin: Affected, limb: Limb, lifted: Sequence[Hold]) -> Duty:
    agreement = pin.agreement
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
        stricter_at = fact.at + limb.period if limb.period is not None else None
        steps.append(f"known to be affected only since {trigger_at.isoformat()}: the period runs from there")
    deadline_at, target_at = _due(trigger_at, limb, steps)
    for hold in lifted:
        if deadline_at is None or limb.period is None or hold.lifted_at is None or hold.lifted_at < trigger_at:
            continue
        if hold.scope is not None and agreement.agreement_id not in hold.scope:
            continue
        on_lift = hold.on_lift or agreement.clause.on_lift
        moved_at = deadline_after_lift(deadline_at, limb.period, hold.placed_at, hold.lifted_at, on_lift)
        if moved_at != deadline_at:
            steps.append(f"hold {hold.hold_id} lifted {hold.lifted_at.isoformat()}, {on_lift}: {moved_at.isoformat()}")
            deadline_at = target_at = moved_at
            # Clauses that differ in what a lifting does part here: one clock has one deadline.
            anchor = f"{anchor}+{hold.hold_id}:{on_lift}"
    return Duty(
        duty_id=DutyId(derived_id("dty", incident_id, agreement.agreement_id, limb.rule_id)),
        incident_id=incident_id,
        clock_id=clock_id_of(incident_id, limb.rule_id, anchor),
        rule_id=limb.rule_id,
        title=limb.title,
        agreement_id=agreement.agreement_id,
        party_id=agreement.party_id,
        trigger=limb.trigger,
        anchor=anchor,
        trigger_at=trigger_at,
        deadline_at=deadline_at,
        target_at=target_at,
        stricter_deadline_at=stricter_at,
        discharge=agreement.clause.discharge,
        on_lift=agreement.clause.on_lift,
        citation=f"agreement {agreement.agreement_id}, notice clause",
        because=_because(pin),
        computation=Computation(
            rule_id=limb.rule_id,
            rule_version=str(pin.revision),
            inputs={"trigger": fact.at.isoformat(), "basis": fact.basis, "revision": str(pin.revision)},
            steps=tuple(steps),
        ),
    )


def _due(trigger_at: datetime, limb: Limb, steps: list[str]) -> tuple[datetime | None, datetime]:
    if limb.period is None:
        target_at = trigger_at + PROMPT_TARGET
        steps.append(f"no number in the clause: internal target {target_at.isoformat()}, not a deadline")
        return None, target_at
    # A contract's hours are elapsed hours: Regulation 1182/71 does not govern it, so no weekend or holiday roll.
    deadline_at = trigger_at + limb.period
    steps.append(f"{trigger_at.isoformat()} + {limb.period_words} elapsed = {deadline_at.isoformat()}")
    return deadline_at, deadline_at


def _because(pin: Affected) -> str:
    if not pin.confirmed:
        return "it is not known yet who is affected, and this party cannot be ruled out"
    if pin.known_affected_at is not None:
        return f"the party is known to be affected since {pin.known_affected_at.isoformat()}"
    return "the report names the party, or a service it uses, as affected"
