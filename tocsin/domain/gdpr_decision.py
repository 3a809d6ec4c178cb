"""What the facts speak for under GDPR articles 33 and 34. A proposal with its factors; a person decides.

The register is due for every breach (art. 33(5)). The authority is told unless a risk is unlikely (art. 33(1)), and the
controller carries the burden (recital 85): a "no" therefore rests on known facts alone, an unknown never helps it.
"""

from typing import Literal

from pydantic import ConfigDict, Field

from tocsin.domain.applicability import Answer
from tocsin.domain.gdpr_factors import BreachFacts, Factor, Grounds, factors
from tocsin.domain.kleene import Truth, all_true, any_true, inverse
from tocsin.domain.values import ActId, Instant, Value


class Proposal(Value):
    """What the facts speak for. It decides nothing: a person does, and is recorded with it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    register_due: Literal[True] = Field(default=True, alias="register")
    """Art. 33(5): due in every case. No value of this type can say otherwise."""
    authority: Answer
    subjects: Answer
    public_communication: Truth = None
    """Whether persons may be told by a public communication instead (art. 34(3)(c)); None: not yet known."""
    factors: tuple[Factor, ...]


class WhomToTell(Value):
    """What a person decided. The register is due whatever they decided; the reason is sealed with the act."""

    authority: bool
    subjects: bool
    act_id: ActId
    at: Instant


def in_words(authority: bool, subjects: bool) -> str:
    """Return a decision as it is read."""
    if subjects:
        return "the authority and the people concerned are told"
    return "the authority is told, the people concerned are not" if authority else "register only: nobody is told"


def against(proposal: Proposal, authority: bool, subjects: bool) -> tuple[str, ...]:
    """Return in which parts a decision goes against the proposal: a "no" does so unless the proposal is "no", too."""
    decided = {"authority": (authority, proposal.authority), "people": (subjects, proposal.subjects)}
    return tuple(
        f"{whom}: proposed {proposed.value.replace('_', ' ')}, decided {'yes' if said else 'no'}"
        for whom, (said, proposed) in decided.items()
        if (proposed is Answer.NO if said else proposed is not Answer.NO)
    )


def rests_on_the_same(one: Proposal, other: Proposal) -> bool:
    """Say whether two proposals come from the same facts and say the same; how their factors are worded is left out."""
    return _gist(one) == _gist(other)


def _gist(proposal: Proposal) -> tuple[object, ...]:
    sides = tuple((factor.fact, factor.side) for factor in proposal.factors)
    return proposal.authority, proposal.subjects, proposal.public_communication, sides


def propose(facts: BreachFacts) -> Proposal:
    """Return what the facts speak for, with every factor for and against."""
    grounds = _grounds(facts)
    authority = _authority(facts, grounds)
    return Proposal(
        authority=authority,
        subjects=_subjects(facts, grounds, authority),
        public_communication=facts.disproportionate_effort,
        factors=factors(facts, grounds),
    )


def _grounds(facts: BreachFacts) -> Grounds:
    unaltered = inverse(facts.integrity)
    not_lost = any_true(inverse(facts.availability), facts.backup_good)
    undisclosed = inverse(facts.confidentiality)
    return Grounds(
        protected=all_true(facts.unintelligible, facts.key_safe, unaltered, not_lost),
        returned=all_true(facts.trusted_recipient, facts.deletion_confirmed, unaltered, not_lost),
        only_away=all_true(undisclosed, unaltered, facts.backup_good, inverse(facts.felt_by_people)),
    )


def _authority(facts: BreachFacts, grounds: Grounds) -> Answer:
    """Art. 33(1): told, unless a risk is unlikely, on one of the grounds and with grave consequences for nobody."""
    ground = any_true(grounds.protected, grounds.returned, grounds.only_away)
    unlikely = all_true(ground, inverse(facts.grave_consequences))
    return _answer(all_true(facts.personal_data, inverse(unlikely)))


def _subjects(facts: BreachFacts, grounds: Grounds, authority: Answer) -> Answer:
    """Art. 34(1): told if a high risk is likely and neither art. 34(3)(a) nor (b) is known to remove the duty.

    Art. 34(3)(c) removes nothing: it changes how they are told. The number of people is not asked.
    """
    if authority is Answer.NO or grounds.protected or facts.later_measures:
        return Answer.NO  # without a risk there is no high risk: never the persons alone
    if facts.grave_consequences:  # for one person is enough
        return authority
    aggravated = any_true(facts.sensitive_data, facts.easily_identified, facts.vulnerable_people, facts.malicious)
    calm = facts.grave_consequences is False and aggravated is False
    return Answer.NO if calm else Answer.CANNOT_BE_RULED_OUT


def _answer(truth: Truth) -> Answer:
    return {True: Answer.YES, False: Answer.NO, None: Answer.CANNOT_BE_RULED_OUT}[truth]
