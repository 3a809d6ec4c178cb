"""What a decision under GDPR articles 33 and 34 makes of the duties of those articles, and of no other law's."""

from tocsin.domain.applicability import Answer, Reason, Verdict
from tocsin.domain.fact import FactValue, FactValues
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.policy import Policy, PolicyId
from tocsin.domain.values import ActId

AUTHORITY = frozenset({"EU-GDPR-33-1", "UK-GDPR-33-1"})
SUBJECTS = frozenset({"EU-GDPR-34-1", "EU-GDPR-34-3C", "UK-GDPR-34-1", "UK-GDPR-34-3C"})

BY_DECISION = "decided not to tell, in act "
"""What the proof of a duty says that such a decision ended; decided otherwise, it is owed again."""

_TOLD: dict[str, FactValue] = {"incident.personal_data": True, "incident.risk_unlikely": False}
_PEOPLE_TOLD: dict[str, FactValue] = {
    "incident.personal_data": True,
    "incident.high_risk": True,
    "incident.high_risk_removed": False,
    # Whoever decides that the people are told has decided that the protection does not spare it.
    "incident.encryption_sound": False,
}


def told(policy_id: PolicyId | None, decided: WhomToTell | None) -> bool | None:
    """Say whether a decision has it that the policy's recipients are told; None: it says nothing of this policy."""
    if decided is None:
        return None
    if policy_id in AUTHORITY:
        return decided.authority
    return decided.subjects if policy_id in SUBJECTS else None


def verdict_under(policy: Policy, facts: FactValues, decided: WhomToTell | None) -> Verdict:
    """Return whether a policy applies, given what a person decided; who we are is no matter of that decision."""
    tells = told(policy.id, decided)
    if tells is None:
        return policy.verdict(facts)
    means = _means(policy, tells)
    found = policy.verdict({**facts, **means})
    kept = tuple(reason for reason in found.because if reason.fact not in means)
    if found.answer is Answer.NO and (tells or kept):
        return found.model_copy(update={"because": kept or found.because})
    return found.model_copy(update={"because": (_reason(policy, tells), *kept)})


def not_owed_by(citation: str, act_id: ActId) -> str:
    """Return the proof of a duty that a decision ended: the provision, and the act that holds the reasoning."""
    return f"{citation}: {BY_DECISION}{act_id}"


def _means(policy: Policy, tells: bool) -> dict[str, FactValue]:
    """Return what the decision says of the facts on which the articles turn."""
    if policy.id in AUTHORITY:
        return _TOLD if tells else {"incident.risk_unlikely": True}
    return _PEOPLE_TOLD if tells else {"incident.high_risk": False}


def _reason(policy: Policy, tells: bool) -> Reason:
    whom, name = ("the authority", "authority") if policy.id in AUTHORITY else ("the people concerned", "subjects")
    words = f"a person decided that {whom} {'are' if name == 'subjects' else 'is'} {'' if tells else 'not '}told"
    return Reason(fact=f"decision.{name}", value="yes" if tells else "no", words=words, citation=policy.citation)
