"""The duties that contracts give, in the same form as those of the law."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from tocsin.domain.applicability import Answer, Reason
from tocsin.domain.counting import local
from tocsin.domain.duty import OWED_TO_US, Duty, resolve
from tocsin.domain.explanation import Case, ExplainedDuty, Source, Standing
from tocsin.domain.governing import governing
from tocsin.domain.incident import Triggers
from tocsin.domain.owed_to_us import owed_to_us
from tocsin.domain.policy import Kind, Recipient
from tocsin.domain.register import SECURITY_INCIDENT, Affected, Limb, NoticeClause, OwedBy
from tocsin.domain.values import IncidentId

AFFECTED = "affected"
"""The question that settles whether a party must be told at all."""

NOBODY = IncidentId("explain")
"""Stands in for the incident: nothing that is explained is kept."""


def contractual(case: Case) -> Iterator[ExplainedDuty]:
    """Yield what we owe under the agreements of a case, what runs and what waits, then what is owed to us."""
    pins = {pin.agreement.agreement_id: pin for pin in case.affected}
    for duty in resolve(NOBODY, case.triggers, case.affected):
        if duty.agreement_id is not None:
            yield _running(duty, pins[duty.agreement_id])
    yield from _waiting(case.affected, case.triggers)
    for duty in owed_to_us(NOBODY, case.triggers, case.affected, case.sources):
        if duty.agreement_id is not None:
            yield _theirs(duty, pins[duty.agreement_id])


def _running(duty: Duty, pin: Affected) -> ExplainedDuty:
    clause, limb = _promise(duty, pin)
    zone, due = clause.time_zone or pin.agreement.time_zone, duty.deadline_at
    timed = {
        "standing": Standing.RUNNING,
        "trigger_at": duty.trigger_at,
        "trigger_basis": duty.computation.inputs.get("basis"),
        "deadline_at": due,
        "deadline_local": local(due, zone).isoformat() if due else None,
        "target_at": duty.target_at,
        "stricter_deadline_at": duty.stricter_deadline_at,
        "steps": duty.computation.steps,
        "citation": duty.citation.replace(str(duty.agreement_id), pin.agreement.reference),
    }
    return ExplainedDuty.model_validate(_as_promised(pin, clause, limb) | timed)


def _theirs(duty: Duty, pin: Affected) -> ExplainedDuty:
    """Explain what the party at which it happened owes us."""
    said, agreement = _running(duty, pin), pin.agreement
    return said.model_copy(
        update={
            "id": f"{OWED_TO_US}{said.id}",
            "title": duty.title,
            "owed_by": agreement.their_role,
            "owed_to": (_kind_of(agreement.our_role),),
            "to": f"us, by {agreement.party_name}",
            "applies": Answer.YES,
            "because": (Reason(fact=AFFECTED, value=agreement.reference, words=duty.because),),
            "trigger": duty.trigger,
        }
    )


def _promise(duty: Duty, pin: Affected) -> tuple[NoticeClause, Limb]:
    """Return the clause and the limb that a duty comes from, in the version that governs at its event."""
    version = governing(pin.agreement, datetime.fromisoformat(duty.computation.inputs["trigger"])) or pin.agreement
    return next(
        (clause, limb)
        for clause in version.clauses
        for limb in clause.limbs
        if clause.key == duty.clause_key and f"{duty.rule_id.removeprefix(OWED_TO_US)}:".startswith(f"{limb.rule_id}:")
    )


def _waiting(pins: Iterable[Affected], triggers: Triggers) -> Iterator[ExplainedDuty]:
    for pin in pins:
        for clause in pin.agreement.clauses if not pin.excluded else ():
            for limb in clause.limbs if clause.owed_by is OwedBy.US else ():
                if limb.trigger not in triggers and pin.known_affected_at is None:
                    waits = {"standing": Standing.NOT_YET_RUNNING, "starts_when": limb.trigger.words}
                    yield ExplainedDuty.model_validate(_as_promised(pin, clause, limb) | waits)


def _as_promised(pin: Affected, clause: NoticeClause, limb: Limb) -> dict[str, object]:
    agreement = pin.agreement
    usual = clause.key == SECURITY_INCIDENT
    return {
        "id": f"{limb.rule_id}@{agreement.reference}{'' if usual else f'#{clause.key}'}",
        "version": agreement.version or str(pin.revision),
        "source": Source.CONTRACT,
        "kind": Kind.NOTICE,
        "title": limb.title,
        "owed_by": agreement.our_role,
        "owed_to": (_kind_of(agreement.their_role),),
        "to": agreement.party_name,
        "applies": Answer.YES if pin.confirmed else Answer.CANNOT_BE_RULED_OUT,
        "because": (_reason(pin, clause),),
        "trigger": limb.trigger,
        "period": limb.period_words,
        "without_undue_delay": not limb.has_number,
        "rule": _rule(limb),
        "zone": clause.time_zone or agreement.time_zone,
        "citation": f"agreement {agreement.reference}, notice clause{'' if usual else f' {clause.key}'}",
        "notes": tuple(f"exception: {exception.text}" for exception in clause.exceptions),
    }


def _rule(limb: Limb) -> str:
    if limb.days is not None:
        return "contract_working_days" if limb.working else "contract_days"
    return "elapsed" if limb.has_number else "none"


def _kind_of(role: str) -> Recipient:
    return Recipient.CONTROLLER if role == "controller" else Recipient.OTHERS


def _reason(pin: Affected, clause: NoticeClause) -> Reason:
    reference = pin.agreement.reference
    covers = f"; the clause covers {', '.join(clause.data)}" if clause.data else ""
    if not pin.confirmed:
        words = f"it is not known yet who is affected, and {reference} cannot be ruled out{covers}"
        return Reason(fact=AFFECTED, value=None, words=words)
    since = f" since {pin.known_affected_at.isoformat()}" if pin.known_affected_at else ""
    return Reason(fact=AFFECTED, value=reference, words=f"{reference} is affected{since}{covers}")
