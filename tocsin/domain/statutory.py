"""The duties of the law as duties with clocks: what an explanation says, in the form that the engine keeps."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from tocsin.domain.applicability import Answer
from tocsin.domain.duty import Computation, Duty, DutyState, clock_id_of
from tocsin.domain.explanation import Decide, ExplainedDuty, Explanation, Source, Standing
from tocsin.domain.incident import Trigger
from tocsin.domain.policy import Kind, PolicyId
from tocsin.domain.values import DutyId, IncidentId, derived_id

POLICY = "policy:"
"""Begins the rule id of a duty that a policy gives."""

RULE_OUT = "internal:rule-out"
"""The rule of the one clock that all duties share that cannot be ruled out: it counts towards an answer."""

_WITH_CLOCK = frozenset({Kind.NOTICE, Kind.ASSESSMENT, Kind.REGISTER})


def statutory_duties(incident_id: IncidentId, found: Explanation) -> list[Duty]:
    """Return the duties that the law gives now, and at most one to rule out what is still open.

    Only what applies and whose event has happened has a clock of its own. A one-line report must not page a person
    thirty times: everything that cannot be ruled out counts as one, towards the earliest of its deadlines.
    """
    duties = [_duty(incident_id, duty) for duty in found.duties if _runs(duty)]
    if found.decide is not None and found.decide.target_at is not None:
        duties.append(_rule_out(incident_id, found, found.decide))
    return duties


def policy_of(duty: Duty) -> PolicyId | None:
    """Return the policy that a duty follows from; None for a contract's, or one that we owe ourselves."""
    return PolicyId(duty.rule_id.removeprefix(POLICY)) if duty.rule_id.startswith(POLICY) else None


def submitted(duties: Iterable[Duty]) -> dict[PolicyId, datetime]:
    """Return when each policy's report was sent in: the periods of the next one run from there."""
    return {
        policy: duty.ended_at
        for duty in duties
        if duty.state is DutyState.DISCHARGED and duty.ended_at is not None and (policy := policy_of(duty)) is not None
    }


def _runs(duty: ExplainedDuty) -> bool:
    applies = duty.source is Source.POLICY and duty.applies is Answer.YES and duty.kind in _WITH_CLOCK
    return applies and duty.standing is Standing.RUNNING and duty.trigger_at is not None and duty.target_at is not None


def _duty(incident_id: IncidentId, said: ExplainedDuty) -> Duty:
    assert said.trigger_at is not None
    assert said.target_at is not None
    rule_id, trigger = f"{POLICY}{said.id}", said.trigger or Trigger.REPORT
    return Duty(
        duty_id=DutyId(derived_id("dty", incident_id, rule_id)),
        incident_id=incident_id,
        clock_id=clock_id_of(incident_id, rule_id, trigger),
        rule_id=rule_id,
        title=f"{said.title} ({said.to})",
        agreement_id=None,
        party_id=None,
        trigger=trigger,
        anchor=trigger,
        trigger_at=said.trigger_at,
        deadline_at=said.deadline_at,
        target_at=said.target_at,
        citation=said.citation,
        because="; ".join(_reasons(said)) or "it applies to every incident of this kind",
        computation=Computation(
            rule_id=rule_id,
            rule_version=said.version,
            inputs={"trigger": said.trigger_at.isoformat(), "basis": str(said.trigger_basis), "zone": said.zone},
            steps=said.steps,
        ),
    )


def _reasons(said: ExplainedDuty) -> Iterator[str]:
    for reason in said.because:
        yield f"{reason.fact} is {reason.value}"
    if said.counsel_check:
        yield "known from secondary sources: check with counsel"


def _rule_out(incident_id: IncidentId, found: Explanation, decide: Decide) -> Duty:
    first = decide.questions[0] if decide.questions else None
    asked = f"; first: {first.question}" if first else ""
    assert decide.target_at is not None
    return Duty(
        duty_id=DutyId(derived_id("dty", incident_id, RULE_OUT)),
        incident_id=incident_id,
        clock_id=clock_id_of(incident_id, RULE_OUT, Trigger.REPORT),
        rule_id=RULE_OUT,
        title=f"rule out or accept {decide.duties} duties of the law",
        agreement_id=None,
        party_id=None,
        trigger=Trigger.REPORT,
        anchor=Trigger.REPORT,
        trigger_at=min((duty.trigger_at for duty in found.duties if duty.trigger_at), default=found.at),
        # The date belongs to a duty that may not be owed at all: it is our target, not a deadline.
        deadline_at=None,
        target_at=decide.target_at,
        citation="internal",
        because=f"{decide.duties} duties cannot be ruled out{asked}",
        computation=Computation(
            rule_id=RULE_OUT,
            rule_version="1",
            inputs={"duties": str(decide.duties), "law": found.law},
            steps=(f"the earliest instant by which one of them would have to be done: {decide.target_at.isoformat()}",),
        ),
    )
