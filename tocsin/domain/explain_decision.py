"""The proposal under GDPR articles 33 and 34, from the facts that people answered."""

from collections.abc import Mapping

from tocsin.domain.applicability import Answer, Verdict, combine
from tocsin.domain.explanation import Decision
from tocsin.domain.fact import FactValues
from tocsin.domain.gdpr_decision import Proposal, WhomToTell, propose
from tocsin.domain.gdpr_factors import BreachFacts
from tocsin.domain.incident import Facts
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


def decision(facts: FactValues, registers: Mapping[str, Policy], decided: WhomToTell | None = None) -> Decision:
    """Return the proposal, whether the decision is ours, and what a person decided."""
    found = [registers[policy_id].verdict(facts) for policy_id in REGISTERS if policy_id in registers]
    binds = combine(found, decides=Answer.YES) if found else Verdict(answer=Answer.CANNOT_BE_RULED_OUT)
    proposal = propose(_breach_facts(facts))
    return Decision(**proposal.model_dump(by_alias=False), binds=binds.answer, because=binds.because, decided=decided)


def proposal_of(facts: Facts) -> Proposal:
    """Return the proposal that the facts of an incident give: the same as in its explanation."""
    return propose(breach_facts(facts))


def breach_facts(facts: Facts) -> BreachFacts:
    """Return what an incident's facts and answers say of the breach."""
    people = {} if facts.people_affected is None else {"incident.people_affected": facts.people_affected}
    return _breach_facts({**people, **facts.answers})


def _breach_facts(facts: FactValues) -> BreachFacts:
    return BreachFacts.model_validate({field: _known(field, facts) for field in BreachFacts.model_fields})


def _known(field: str, facts: FactValues) -> object:
    keys = _ASKED.get(field, (f"incident.{field}",))
    # An answer of a wrong kind counts as none: it must keep no duty off the list.
    kind = int if field == "people" else bool
    return next((value for value in map(facts.get, keys) if type(value) is kind), None)
