"""The proposal under GDPR articles 33 and 34: what the facts speak for, and that what is unknown speaks for telling."""

import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tocsin.domain.applicability import Answer
from tocsin.domain.gdpr_decision import Proposal, propose
from tocsin.domain.gdpr_factors import BreachFacts, Factor, Side
from tocsin.domain.kleene import all_true, any_true, inverse

CASES = tomllib.loads((Path(__file__).parent / "cases" / "gdpr_decision.toml").read_text(encoding="utf-8"))["case"]
TRUTHS = st.sampled_from([True, False, None])
BREACHES = st.builds(
    BreachFacts,
    people=st.none() | st.integers(0, 10**6),
    **{name: TRUTHS for name in BreachFacts.model_fields if name != "people"},
)
unhurried = settings(deadline=None)


def factor(proposal: Proposal, fact: str) -> Factor:
    """Return the factor made of a fact."""
    return next(found for found in proposal.factors if found.fact == fact)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_the_facts_speak_for(case: dict[str, Any]) -> None:
    """Each case gives the proposal that its source gives."""
    proposal = propose(BreachFacts.model_validate(case["facts"]))
    assert (proposal.authority, proposal.subjects) == (case["authority"], case["subjects"])


@given(BREACHES)
@unhurried
def test_the_register_is_always_due(facts: BreachFacts) -> None:
    """Whatever the facts, the register is due, and no proposal can be made that says otherwise."""
    proposal = propose(facts)
    assert proposal.register_due is True
    assert proposal.model_dump()["register"] is True
    with pytest.raises(ValidationError):
        Proposal.model_validate(proposal.model_dump() | {"register": False})


@given(BREACHES, st.data())
@unhurried
def test_a_no_never_rests_on_an_unknown(facts: BreachFacts, data: st.DataObject) -> None:
    """A "no" stays a "no" however the unknown facts turn out: an unknown never helps it."""
    unknown = [name for name, value in facts if value is None and name != "people"]
    learned = facts.model_copy(update={name: data.draw(st.booleans()) for name in unknown})
    before, after = propose(facts), propose(learned)
    assert before.authority is not Answer.NO or after.authority is Answer.NO
    assert before.subjects is not Answer.NO or after.subjects is Answer.NO


@given(BREACHES)
@unhurried
def test_never_the_persons_alone(facts: BreachFacts) -> None:
    """Persons are told only where the authority is told as well."""
    proposal = propose(facts)
    assert proposal.subjects is not Answer.YES or proposal.authority is Answer.YES
    assert proposal.authority is not Answer.NO or proposal.subjects is Answer.NO


@given(BREACHES, st.none() | st.integers(0, 10**6))
@unhurried
def test_the_number_never_decides(facts: BreachFacts, people: int | None) -> None:
    """Another number of people changes the words of one factor and nothing else."""
    before, after = propose(facts), propose(facts.model_copy(update={"people": people}))
    assert (before.authority, before.subjects) == (after.authority, after.subjects)
    assert factor(after, "people").side is Side.NEITHER


@given(BREACHES)
@unhurried
def test_grave_consequences_are_told(facts: BreachFacts) -> None:
    """Where a person faces grave consequences and personal data are affected, the authority is always told."""
    proposal = propose(facts.model_copy(update={"grave_consequences": True, "personal_data": True}))
    assert proposal.authority is Answer.YES


@given(BREACHES)
@unhurried
def test_every_factor_is_cited(facts: BreachFacts) -> None:
    """Each factor names the article or the guideline it rests on, once each, and says when it is not yet known."""
    factors = propose(facts).factors
    assert len({found.fact for found in factors}) == len(factors) == 14
    assert all(found.citation.startswith(("GDPR art. ", "EDPB Guidelines 9/2022")) for found in factors)
    assert all(found.words.startswith("not yet known: ") for found in factors if found.side is Side.UNKNOWN)


def test_for_and_against() -> None:
    """Factors stand on their side: sensitive data for telling, sound encryption against, the unknown for."""
    known = {"personal_data": True, "unintelligible": True, "key_safe": True, "integrity": False, "availability": False}
    proposal = propose(BreachFacts(**known, sensitive_data=True, malicious=False))
    sides = {
        name: factor(proposal, name).side for name in ("sensitive_data", "protected", "malicious", "later_measures")
    }
    assert sides == {
        "sensitive_data": Side.FOR,
        "protected": Side.AGAINST,
        "malicious": Side.AGAINST,
        "later_measures": Side.UNKNOWN,
    }


@pytest.mark.parametrize("effort", [True, False, None])
def test_a_public_communication(effort: bool | None) -> None:
    """Disproportionate effort changes how persons are told, not whether (art. 34(3)(c))."""
    facts = BreachFacts(personal_data=True, grave_consequences=True, disproportionate_effort=effort)
    proposal = propose(facts)
    assert proposal.subjects is Answer.YES
    assert proposal.public_communication is effort
    assert factor(proposal, "disproportionate_effort").citation == "GDPR art. 34(3)(c)"


def test_three_values() -> None:
    """What is not known stays open unless the rest decides without it."""
    for one, other in product((True, False, None), repeat=2):
        assert all_true(one, other) is all_true(other, one)
        assert any_true(one, other) is inverse(all_true(inverse(one), inverse(other)))
    assert (all_true(False, None), all_true(True, None)) == (False, None)
    assert (any_true(True, None), any_true(False, None)) == (True, None)
    assert (all_true(), any_true()) == (True, False)
