"""What a decision under GDPR articles 33 and 34 makes of their duties: it wins over the facts, and decides no other."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.applicability import Answer
from tocsin.domain.fact import FactValue
from tocsin.domain.gdpr_decision import WhomToTell, against, propose
from tocsin.domain.gdpr_duties import AUTHORITY, SUBJECTS, verdict_under
from tocsin.domain.gdpr_factors import BreachFacts
from tocsin.domain.policy import Policy, PolicyId
from tocsin.domain.values import ActId
from tocsin.policies import load_policies

PACK = load_policies()
OURS: dict[str, FactValue] = {
    "org.roles": ("controller",),
    "org.establishments": ("DE", "EU"),
    "org.serves": ("DE", "EU"),
    "incident.roles": ("controller",),
}
ASKED = ("personal_data", "risk_unlikely", "high_risk", "high_risk_removed", "encryption_sound", "key_safe")
FACTS = st.dictionaries(st.sampled_from([f"incident.{name}" for name in ASKED]), st.booleans())


def policy(policy_id: str) -> Policy:
    """Return a policy that ships."""
    return next(one for one in PACK.policies if one.id == PolicyId(policy_id))


def decided(authority: bool, subjects: bool) -> WhomToTell:
    """Return a decision."""
    at = datetime(2026, 11, 27, tzinfo=UTC)
    return WhomToTell(authority=authority, subjects=subjects, act_id=ActId("act-1"), at=at)


@settings(deadline=None)
@given(FACTS, st.booleans(), st.booleans())
def test_a_decision_wins_over_the_facts(facts: dict[str, bool], authority: bool, subjects: bool) -> None:
    """Whatever the facts of the incident say, the authority and the people are told exactly as a person decided."""
    known, said = {**OURS, **facts}, decided(authority, subjects)
    for policy_id, tells in (("EU-GDPR-33-1", authority), ("EU-GDPR-34-1", subjects)):
        assert verdict_under(policy(policy_id), known, said).answer is (Answer.YES if tells else Answer.NO)


def test_the_reason_is_the_decision() -> None:
    """The verdict names the decision and its citation, not facts that nobody stated."""
    found = verdict_under(policy("EU-GDPR-33-1"), OURS, decided(authority=False, subjects=False))
    assert [(one.fact, one.value, one.citation) for one in found.because] == [
        ("decision.authority", "no", "GDPR art. 33(1), recitals 85 and 87")
    ]


def test_it_is_the_controllers() -> None:
    """A decision makes no duty of one that who we are keeps out: the processor's, or another country's."""
    processor = {**OURS, "org.roles": ("processor",)}
    assert verdict_under(policy("EU-GDPR-33-1"), processor, decided(authority=True, subjects=True)).answer is Answer.NO
    assert verdict_under(policy("UK-GDPR-33-1"), OURS, decided(authority=True, subjects=True)).answer is not Answer.YES


@pytest.mark.parametrize(("authority", "subjects"), [(False, False), (True, False), (True, True)])
def test_no_other_law_is_decided(authority: bool, subjects: bool) -> None:
    """Every other policy, the register's among them, stands as it does without a decision."""
    others = [one for one in PACK.policies if one.id not in AUTHORITY | SUBJECTS]
    assert len(others) > 150
    for one in others:
        assert verdict_under(one, OURS, decided(authority, subjects)) == one.verdict(OURS)


def test_against_the_proposal() -> None:
    """A "no" goes against every proposal but "no"; a "yes" goes against "no" alone: an unknown never helps a "no"."""
    proposals = {
        "yes": propose(BreachFacts(personal_data=True, grave_consequences=True)),
        "no": propose(BreachFacts(personal_data=False)),
        "open": propose(BreachFacts()),
    }
    contrary = {
        (name, told): bool(against(proposals[name], told, told)) for name, told in product(proposals, (True, False))
    }
    assert contrary == {
        ("yes", True): False,
        ("yes", False): True,
        ("no", True): True,
        ("no", False): False,
        ("open", True): False,
        ("open", False): True,
    }
