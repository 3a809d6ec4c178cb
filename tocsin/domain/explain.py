"""Who must be told, by when, and why: every policy and every agreement against the facts of one case. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from tocsin.domain.applicability import Answer, Reason, Verdict
from tocsin.domain.authority import seat_of
from tocsin.domain.counting import local
from tocsin.domain.event import Event
from tocsin.domain.explain_contract import AFFECTED, contractual
from tocsin.domain.explain_decision import REGISTERS, decision
from tocsin.domain.explain_policy import Policies
from tocsin.domain.explanation import (
    Calendars,
    Case,
    Decide,
    ExplainedDuty,
    Explanation,
    Inactive,
    NotOwed,
    Severity,
    Source,
    Standing,
)
from tocsin.domain.fact import FactValues
from tocsin.domain.gdpr_duties import verdict_under
from tocsin.domain.organisation import PREFIX
from tocsin.domain.policy import Kind, Policy
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.questions import decided_by_policies, ordered
from tocsin.domain.severity import severity

WHO_IS_AFFECTED = "Which of the parties that the incident may touch are affected?"

_PRESSING = frozenset({Kind.NOTICE, Kind.ASSESSMENT})


class _Stand(NamedTuple):
    """How one policy stands to the case."""

    policy: Policy
    happened: Event | None
    verdict: Verdict


def explain(
    pack: PolicyPack,
    case: Case,
    calendars: Calendars,
    now: datetime,
    *,
    subject: str = "",
    everything: bool = False,
    remarks: Sequence[str] = (),
) -> Explanation:
    """Return every duty that the facts give, and what they leave open.

    Args:
        pack: the policies.
        case: the facts; see `Case`.
        calendars: gives the working days of an authority.
        now: the instant as of which it is said.
        subject: what is explained, in a few words.
        everything: also list the policies of no concern to us, and those that start no clock, with the reasons.
        remarks: what else a reader should know.
    """
    facts = pack.facts.derive({**case.facts, **case.profile.facts}, case.triggers)
    policies = Policies(pack, case, facts, calendars)
    stands, inactive = _stands(pack, policies, facts, now)
    owed = [stand for stand in stands if stand.verdict.answer is not Answer.NO]
    duties = [*contractual(case), *(policies.duty(s.policy, s.verdict, s.happened) for s in owed)]
    kept_out = [stand for stand in stands if stand.verdict.answer is Answer.NO]
    return Explanation(
        subject=subject,
        at=now,
        law=pack.digest,
        duties=tuple(sorted(duties, key=_urgency)),
        decide=_decide(duties, owed, facts, pack),
        near_misses=tuple(_not_owed(stand) for stand in kept_out if _near(stand.verdict.because)),
        out_of_scope=tuple(_not_owed(s) for s in kept_out if not _near(s.verdict.because)) if everything else None,
        inactive=tuple(inactive) if everything else None,
        decision=decision(facts, {s.policy.id: s.policy for s in stands if s.policy.id in REGISTERS}, case.decided),
        severity=Severity(inputs=case.severity, score=severity(case.severity)) if case.severity else None,
        remarks=tuple(remarks),
    )


def _stands(
    pack: PolicyPack, policies: Policies, facts: FactValues, now: datetime
) -> tuple[list[_Stand], list[Inactive]]:
    stands: list[_Stand] = []
    inactive: list[Inactive] = []
    versions: dict[str, list[Policy]] = defaultdict(list)
    for policy in pack.policies:
        versions[policy.id].append(policy)
    for policy_id, known in versions.items():
        happened = policies.event(known[-1])
        day = _day(known[-1], policies, happened.at if happened else now)
        policy = known[0] if len(known) == 1 else pack.policy(policy_id, day)
        reason = policy.why_inactive(day)
        if reason is None:
            stands.append(_Stand(policy, happened, verdict_under(policy, facts, policies.decided)))
        else:
            inactive.append(_inactive(policy, reason))
        inactive += [_inactive(other, "another version governs") for other in known if other is not policy]
    return stands, inactive


def _day(policy: Policy, policies: Policies, at: datetime) -> date:
    """Return the day whose law governs, where the authority sits: that of the event, not today."""
    return local(at, seat_of(policy, policies.profile).zone).date()


def _near(because: Iterable[Reason]) -> bool:
    """Say whether it was the incident that kept a duty out: a law that is not ours at all was missed by far."""
    return not any(reason.fact.startswith(PREFIX) for reason in because)


def _not_owed(stand: _Stand) -> NotOwed:
    policy = stand.policy
    return NotOwed(
        id=policy.id,
        version=policy.version,
        title=policy.title,
        because=stand.verdict.because,
        citation=policy.citation,
    )


def _inactive(policy: Policy, reason: str) -> Inactive:
    return Inactive(id=policy.id, version=policy.version, title=policy.title, reason=reason, citation=policy.citation)


def _urgency(duty: ExplainedDuty) -> tuple[bool, bool, datetime | None, str]:
    waits = duty.standing is Standing.NOT_YET_RUNNING
    dated = duty.target_at is not None
    return (waits, not dated, duty.target_at if dated else None, duty.id)


def _decide(
    duties: Iterable[ExplainedDuty], owed: Iterable[_Stand], facts: FactValues, pack: PolicyPack
) -> Decide | None:
    open_ = [duty for duty in duties if duty.applies is Answer.CANNOT_BE_RULED_OUT and duty.kind in _PRESSING]
    if not open_:
        return None
    unknown = [(stand.policy, stand.verdict.unknown) for stand in owed if stand.policy.kind in _PRESSING]
    decided = dict(decided_by_policies(unknown, facts, pack.facts))
    contracts = {duty.id: (True, True) for duty in open_ if duty.source is Source.CONTRACT}
    decided |= {AFFECTED: contracts} if contracts else {}
    dated = [(duty.deadline_at, duty) for duty in open_ if duty.deadline_at]
    first = min(dated, key=lambda one: one[0])[1] if dated else None
    return Decide(
        duties=len(open_),
        deadline_at=first.deadline_at if first else None,
        deadline_local=first.deadline_local if first else None,
        zone=first.zone if first else None,
        deadline_of=first.id if first else None,
        target_at=min((duty.target_at for duty in open_ if duty.target_at), default=None),
        questions=ordered(decided, pack.facts, {AFFECTED: WHO_IS_AFFECTED}),
    )
