"""The proposal under GDPR articles 33 and 34, from the facts that people answered."""

from collections.abc import Mapping

from tocsin.domain.applicability import Answer, Verdict, combine
from tocsin.domain.explanation import Decision
from tocsin.domain.fact import FactValues
from tocsin.domain.gdpr_decision import propose
from tocsin.domain.gdpr_factors import BreachFacts
from tocsin.domain.policy import Policy

REGISTERS = ("EU-GDPR-33-5", "UK-GDPR-33-5")
"""The duties that bind whoever has to take this decision, and nobody else."""

_ASKED: Mapping[str, tuple[str, ...]] = {
    "unintelligible": ("incident.encryption_sound",),
    "people": ("incident.people_affected",),
    "later_measures": ("incident.high_risk_removed",),
    # Whoever answered that a high risk is likely has said that consequences are grave for somebody.
    "grave_consequences": ("incident.grave_consequences", "incident.high_risk"),
}
"""The facts that answer for a field of `BreachFacts`, the first that is known; else the fact of the field's name."""


def decision(facts: FactValues, registers: Mapping[str, Policy]) -> Decision:
    """Return the proposal, and whether the decision is ours."""
    found = [registers[policy_id].verdict(facts) for policy_id in REGISTERS if policy_id in registers]
    binds = combine(found, decides=Answer.YES) if found else Verdict(answer=Answer.CANNOT_BE_RULED_OUT)
    proposal = propose(BreachFacts.model_validate({field: _known(field, facts) for field in BreachFacts.model_fields}))
    return Decision(**proposal.model_dump(by_alias=False), binds=binds.answer, because=binds.because)


def _known(field: str, facts: FactValues) -> object:
    keys = _ASKED.get(field, (f"incident.{field}",))
    return next((facts[key] for key in keys if facts.get(key) is not None), None)
