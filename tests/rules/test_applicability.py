"""Conditions in three values: the unknown stays open unless the rest decides, and the reasons say which fact did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tocsin.domain.applicability import Answer, Condition, condition_mistakes, evaluate, leaves
from tocsin.domain.fact import Fact, FactRegistry, FactType, FactValue, WhoKnows
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.policies import load_policies

YES, NO, OPEN = Answer.YES, Answer.NO, Answer.CANNOT_BE_RULED_OUT
NAMES = ("incident.a", "incident.b", "incident.c")
READ: TypeAdapter[Condition] = TypeAdapter(Condition)
REGISTRY = FactRegistry(
    facts=(
        *(Fact(key=key, type=FactType.BOOL, question="Is it so or not?", who=WhoKnows.INCIDENT) for key in NAMES),
        Fact(key="org.n", type=FactType.INT, question="How many are there?", who=WhoKnows.ORG),
        Fact(key="org.word", type=FactType.TEXT, question="Which is it?", who=WhoKnows.ORG, choices=("red", "blue")),
        Fact(key="org.list", type=FactType.LIST, question="Which ones are they?", who=WhoKnows.ORG, choices=("x", "y")),
        Fact(key="incident.at", type=FactType.INSTANT, question="When was it, exactly?", who=WhoKnows.INCIDENT),
        Fact(key="incident.residents.*", type=FactType.INT, question="How many live there?", who=WhoKnows.INCIDENT),
    )
)
CONDITIONS = st.recursive(
    st.builds(lambda fact, wanted: {"fact": fact, "is": wanted}, st.sampled_from(NAMES), st.booleans()),
    lambda inner: (
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=8,
)
FACTS = st.fixed_dictionaries({}, optional={name: st.booleans() for name in NAMES})


def asked(raw: dict[str, Any]) -> Condition:
    """Return a condition as it is written in a file."""
    return READ.validate_python(raw)


def boolean(raw: dict[str, Any], facts: dict[str, bool]) -> bool:
    """Return what ordinary two-valued logic says, once everything is known."""
    if "not" in raw:
        return not boolean(raw["not"], facts)
    for word, joined in (("all", all), ("any", any)):
        if word in raw:
            return joined(boolean(part, facts) for part in raw[word])
    return facts[raw["fact"]] is bool(raw["is"])


A, B = {"fact": NAMES[0], "is": True}, {"fact": NAMES[1], "is": True}


@pytest.mark.parametrize(
    ("first", "second", "both", "either"),
    [
        (True, True, YES, YES),
        (True, False, NO, YES),
        (True, None, OPEN, YES),
        (False, False, NO, NO),
        (False, None, NO, OPEN),
        (None, None, OPEN, OPEN),
    ],
)
def test_kleene(first: bool | None, second: bool | None, both: Answer, either: Answer) -> None:
    """`all` and `any` follow Kleene's tables, in either order."""
    facts = {NAMES[0]: first, NAMES[1]: second}
    for parts in ([A, B], [B, A]):
        assert both is evaluate(asked({"all": parts}), facts).answer
        assert either is evaluate(asked({"any": parts}), facts).answer


@pytest.mark.parametrize(("value", "answer"), [(True, NO), (False, YES), (None, OPEN)])
def test_not(value: bool | None, answer: Answer) -> None:
    """`not` turns yes and no round, and leaves open what is open."""
    assert answer is evaluate(asked({"not": A}), {NAMES[0]: value}).answer


@given(CONDITIONS, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
@settings(deadline=None)
def test_two_values_once_all_is_known(raw: dict[str, Any], facts: dict[str, bool]) -> None:
    """With every fact known the answer is that of ordinary logic, and nothing is asked."""
    verdict = evaluate(asked(raw), facts)
    assert (YES if boolean(raw, facts) else NO) is verdict.answer
    assert verdict.unknown == ()
    assert verdict.because


@given(CONDITIONS, FACTS, FACTS)
@settings(deadline=None)
def test_learning_never_overturns(raw: dict[str, Any], facts: dict[str, bool], learnt: dict[str, bool]) -> None:
    """What is decided stays decided however the unknown facts turn out."""
    before = evaluate(asked(raw), facts).answer
    after = evaluate(asked(raw), learnt | facts).answer
    assert before in (after, OPEN)


@given(CONDITIONS, FACTS)
@settings(deadline=None)
def test_reasons_are_enough(raw: dict[str, Any], facts: dict[str, bool]) -> None:
    """A decided answer follows from its reasons alone, and an open one names only facts that are missing."""
    verdict = evaluate(asked(raw), facts)
    if verdict.answer is OPEN:
        assert verdict.unknown
        assert not set(verdict.unknown) & set(facts)
    else:
        named = {reason.fact for reason in verdict.because}
        kept = {key: value for key, value in facts.items() if key in named}
        assert verdict.answer is evaluate(asked(raw), kept).answer


@pytest.mark.parametrize(
    ("op", "answers"), [(">", (NO, NO, YES)), (">=", (NO, YES, YES)), ("<", (YES, NO, NO)), ("<=", (YES, YES, NO))]
)
def test_one_person_more_or_less(op: str, answers: tuple[Answer, ...]) -> None:
    """More than 500 is not 500 or more: 499, 500 and 501 are told apart by the operator as it is written."""
    condition = asked({"fact": "org.n", "op": op, "value": 500})
    assert answers == tuple(evaluate(condition, {"org.n": n}).answer for n in (499, 500, 501))


@pytest.mark.parametrize(
    ("raw", "value", "answer"),
    [
        ({"in": ["red", "blue"]}, "red", YES),
        ({"in": ["blue"]}, "red", NO),
        ({"has": "x"}, ("x", "y"), YES),
        ({"has": "x"}, (), NO),
        ({"has_any": ["x", "y"]}, ("y",), YES),
        ({"op": ">", "value": datetime(2026, 1, 1, tzinfo=UTC)}, datetime(2026, 1, 2, tzinfo=UTC), YES),
    ],
)
def test_comparisons(raw: dict[str, Any], value: FactValue, answer: Answer) -> None:
    """Words, lists and instants are compared as the file says."""
    assert answer is evaluate(asked({"fact": "org.f", **raw}), {"org.f": value}).answer


def test_reason_in_words() -> None:
    """A reason names the fact, its value and what was asked; an unknown one says so."""
    known = evaluate(asked({"fact": "org.list", "has": "x"}), {"org.list": ("y",)}).because[0]
    assert (known.value, known.words) == ("y", "org.list is y (asked: has x)")
    unknown = evaluate(asked(A), {}).because[0]
    assert (unknown.value, unknown.words) == (None, "incident.a is not known yet (asked: is yes)")


@pytest.mark.parametrize(
    ("raw", "mistake"),
    [
        ({"fact": "incident.aa", "is": True}, "there is no fact 'incident.aa' (did you mean incident.a?)"),
        ({"fact": "incident.a", "is": "yes"}, "incident.a is 'yes', but it must be true or false"),
        ({"fact": "incident.a", "has": "x"}, "incident.a is of type bool, which `has` cannot compare; use `is`"),
        ({"fact": "org.n", "is": True}, "org.n is True, but it must be a whole number"),
        ({"fact": "org.n", "op": ">", "value": datetime(2026, 1, 1, tzinfo=UTC)}, "it must be a whole number"),
        ({"fact": "org.word", "op": ">", "value": 1}, "use `is` or `in`"),
        ({"fact": "org.word", "in": ["red", "bleu"]}, "'bleu' is no choice (did you mean blue?)"),
        ({"fact": "org.list", "has_any": ["x", "z"]}, "'z' is no choice"),
        ({"not": {"any": [{"all": [{"fact": "org.list", "has": "z"}]}]}}, "org.list: 'z' is no choice"),
        ({"fact": "incident.at", "op": ">", "value": 5}, "it must be an instant with a zone"),
        ({"fact": "incident.residents.US-CA", "is": False}, "it must be a whole number"),
    ],
)
def test_wrong_types_are_named(raw: dict[str, Any], mistake: str) -> None:
    """A condition that asks for a fact that is not there, or compares it with the wrong type, is a mistake."""
    (found,) = condition_mistakes(asked(raw), REGISTRY)
    assert mistake in found


@pytest.mark.parametrize(
    "raw",
    [
        {"fact": "org.n"},
        {"fact": "org.n", "op": ">"},
        {"fact": "org.n", "value": 5},
        {"fact": "org.n", "is": 1, "has": "x"},
        {"fact": "org.n", "is": 1, "than": 2},
        {"all": []},
        {"any": A},
        {"not": [A]},
        {"all": [A], "any": [B]},
        {},
        5,
    ],
)
def test_nonsense_is_no_condition(raw: object) -> None:
    """Half a comparison, two at once, an empty list or an unknown word is refused."""
    with pytest.raises(ValueError, match="validation error"):
        READ.validate_python(raw)


@given(CONDITIONS)
@settings(deadline=None)
def test_round_trip(raw: dict[str, Any]) -> None:
    """A condition is written as it was read, so that a recorded one can be checked against its file."""
    condition = asked(raw)
    assert raw == READ.dump_python(condition, mode="json", exclude_none=True)
    assert list(leaves(condition))


@pytest.mark.parametrize(
    ("given_places", "widened"),
    [(("DE",), ("DE", "EU")), (("US-CA", "US-NY"), ("US-CA", "US-NY", "US")), (("GB", "CH"), ("GB", "CH")), ((), ())],
)
def test_places_widen(given_places: tuple[str, ...], widened: tuple[str, ...]) -> None:
    """A place counts as each larger place that it lies in; the United Kingdom and Switzerland lie in none."""
    facts = load_policies().facts.derive({"org.establishments": given_places})
    assert widened == facts["org.establishments"]


@pytest.mark.parametrize(
    ("roles", "derived"), [(("processor",), ("processor",)), (("controller", "processor"), None), (None, None)]
)
def test_a_single_role_is_the_incident_s(roles: tuple[str, ...] | None, derived: tuple[str, ...] | None) -> None:
    """Who has one role has it in every incident; who has both must say in which the data was held."""
    assert derived == REGISTRY.derive({"org.roles": roles}).get("incident.roles")


@pytest.mark.parametrize(("hours", "late"), [(24, False), (24.5, True)])
def test_late_classification_follows_from_its_instants(hours: float, late: bool) -> None:
    """Later than 24 hours after awareness is derived, never asked, once both instants are known."""
    aware_at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    aware, major = TriggerFact(at=aware_at), TriggerFact(at=aware_at + timedelta(hours=hours))
    facts = REGISTRY.derive({}, {Trigger.AWARENESS: aware, Trigger.CLASSIFICATION_MAJOR: major})
    assert late is facts["incident.dora_classified_late"]
    assert "incident.dora_classified_late" not in REGISTRY.derive({}, {Trigger.AWARENESS: aware})


def test_given_facts_are_checked() -> None:
    """Facts that a person gives are checked by name, type and choice, all at once; not knowing is no mistake."""
    given_facts = {"org.nn": 1, "org.n": "5", "org.word": "green", "org.list": "x", "incident.a": None}
    found = list(REGISTRY.mistakes(given_facts))
    assert len(found) == 4
    for part in ("'org.nn' (did you mean org.n?)", "org.n is '5'", "'green' is no choice", 'as in ["controller"]'):
        assert any(part in mistake for mistake in found)
