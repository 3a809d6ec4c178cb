"""What the parties at which an incident happened owe us: the same promises, read from the other side. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from tocsin.domain.clause import OwedBy
from tocsin.domain.duty import OWED_TO_US, Duty, DutyState, Promise, promises, under_limb
from tocsin.domain.governing import governing
from tocsin.domain.incident import Basis, Trigger, TriggerFact, Triggers
from tocsin.domain.register import Affected
from tocsin.domain.values import AgreementId, ClockId, DutyId, IncidentId, derived_id

THEIR_NOTICE = "their notice, received"
"""Begins the proof of a duty that the other party discharged by telling us."""


def owed_to_us(
    incident_id: IncidentId, triggers: Triggers, pins: Iterable[Affected], sources: Collection[AgreementId]
) -> list[Duty]:
    """Return what each source owes us: one duty per clause and limb by which it must tell.

    Their periods run from events on their side. Until somebody states when they knew, the earliest instant at which
    we knew, or were told, stands in: they knew by then at the latest, so it gives the latest deadline they can have.
    """
    fact = triggers.get(Trigger.THEIR_AWARENESS) or _known_by(triggers)
    if fact is None:
        return []
    return [
        _duty(incident_id, fact, pin, promise)
        for pin in pins
        if pin.agreement.agreement_id in sources
        for promise in promises(pin.agreement, OwedBy.THEM)
        if governing(pin.agreement, fact.at) is promise.version
    ]


def told(duty: Duty, told_at: Mapping[AgreementId, datetime]) -> Duty:
    """Return a duty owed to us as their notice ended it, late if it came after their deadline; others as they are."""
    at = told_at.get(duty.agreement_id) if duty.owed_to_us and duty.agreement_id else None
    if at is None:
        return duty
    late = duty.deadline_at is not None and at > duty.deadline_at
    proof = f"{THEIR_NOTICE} {at.isoformat()}"
    return duty.model_copy(update={"state": DutyState.DISCHARGED, "ended_at": at, "proof": proof, "late": late})


def _known_by(triggers: Triggers) -> TriggerFact | None:
    ours = (Trigger.TOLD_BY, Trigger.DISCOVERY, Trigger.AWARENESS, Trigger.REPORT)
    known = [triggers[one].at for one in ours if one in triggers]
    return TriggerFact(at=min(known), basis=Basis.ASSUMED) if known else None


def _duty(incident_id: IncidentId, fact: TriggerFact, pin: Affected, promise: Promise) -> Duty:
    # Since when we have known that they are affected moves nothing that they owe us.
    pin = pin.model_copy(update={"known_affected_at": None, "confirmed": True})
    duty = under_limb(incident_id, fact, pin, promise)
    rule_id = f"{OWED_TO_US}{duty.rule_id}"
    basis = "stated" if fact.basis is Basis.STATED else "not stated; they knew at the latest when we did"
    step = f"their {promise.limb.trigger.words} counts from their awareness: {fact.at.isoformat()} ({basis})"
    return duty.model_copy(
        update={
            "duty_id": DutyId(derived_id("dty", incident_id, rule_id, duty.duty_id)),
            "clock_id": ClockId(derived_id("clk", incident_id, rule_id, str(Trigger.THEIR_AWARENESS))),
            "rule_id": rule_id,
            "title": f"owed to us: {promise.limb.title}",
            "trigger": Trigger.THEIR_AWARENESS,
            "anchor": str(Trigger.THEIR_AWARENESS),
            "because": "it happened at this party, which promised to tell us",
            "computation": duty.computation.model_copy(
                update={"rule_id": rule_id, "steps": (step, *duty.computation.steps[1:])}
            ),
        }
    )
