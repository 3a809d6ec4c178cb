"""The duties that contracts give, in the same form as those of the law."""

from collections.abc import Iterable, Iterator

from tocsin.domain.applicability import Answer, Reason
from tocsin.domain.counting import local
from tocsin.domain.deadline import ComputingRule
from tocsin.domain.duty import Duty, resolve
from tocsin.domain.explanation import Case, ExplainedDuty, Source, Standing
from tocsin.domain.incident import Triggers
from tocsin.domain.policy import Kind, Recipient
from tocsin.domain.register import Affected, Limb
from tocsin.domain.values import IncidentId

AFFECTED = "affected"
"""The question that settles whether a party must be told at all."""

NOBODY = IncidentId("explain")
"""Stands in for the incident: nothing that is explained is kept."""


def contractual(case: Case) -> Iterator[ExplainedDuty]:
    """Yield what is owed under the agreements of a case: what runs, and what waits for its event."""
    pins = {pin.agreement.agreement_id: pin for pin in case.affected}
    for duty in resolve(NOBODY, case.triggers, case.affected):
        if duty.agreement_id is not None:
            yield _running(duty, pins[duty.agreement_id])
    yield from _waiting(case.affected, case.triggers)


def _running(duty: Duty, pin: Affected) -> ExplainedDuty:
    agreement = pin.agreement
    due = duty.deadline_at
    limb = next(limb for limb in agreement.clause.limbs if limb.rule_id == duty.rule_id)
    timed = {
        "standing": Standing.RUNNING,
        "trigger_at": duty.trigger_at,
        "trigger_basis": duty.computation.inputs.get("basis"),
        "deadline_at": due,
        "deadline_local": local(due, agreement.time_zone).isoformat() if due else None,
        "target_at": duty.target_at,
        "stricter_deadline_at": duty.stricter_deadline_at,
        "steps": duty.computation.steps,
    }
    return ExplainedDuty.model_validate(_as_promised(pin, limb) | timed)


def _waiting(pins: Iterable[Affected], triggers: Triggers) -> Iterator[ExplainedDuty]:
    for pin in pins:
        for limb in pin.agreement.clause.limbs if not pin.excluded else ():
            if limb.trigger not in triggers and pin.known_affected_at is None:
                waits = {"standing": Standing.NOT_YET_RUNNING, "starts_when": limb.trigger.words}
                yield ExplainedDuty.model_validate(_as_promised(pin, limb) | waits)


def _as_promised(pin: Affected, limb: Limb) -> dict[str, object]:
    agreement = pin.agreement
    return {
        "id": f"{limb.rule_id}@{agreement.reference}",
        "version": str(pin.revision),
        "source": Source.CONTRACT,
        "kind": Kind.NOTICE,
        "title": limb.title,
        "owed_by": agreement.our_role,
        "owed_to": (Recipient.CONTROLLER,),
        "to": agreement.party_name,
        "applies": Answer.YES if pin.confirmed else Answer.CANNOT_BE_RULED_OUT,
        "because": (_reason(pin),),
        "trigger": limb.trigger,
        "period": limb.period_words,
        "without_undue_delay": limb.period is None,
        "rule": ComputingRule.NONE if limb.period is None else ComputingRule.ELAPSED,
        "zone": agreement.time_zone,
        "citation": f"agreement {agreement.reference}, notice clause",
    }


def _reason(pin: Affected) -> Reason:
    reference = pin.agreement.reference
    if not pin.confirmed:
        words = f"it is not known yet who is affected, and {reference} cannot be ruled out"
        return Reason(fact=AFFECTED, value=None, words=words)
    since = f" since {pin.known_affected_at.isoformat()}" if pin.known_affected_at else ""
    return Reason(fact=AFFECTED, value=reference, words=f"{reference} is affected{since}")
