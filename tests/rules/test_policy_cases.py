"""What a lawyer would check: on these facts this policy applies, or not, or cannot be ruled out. Cases are data."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tocsin.domain.applicability import Answer
from tocsin.domain.fact import FactValue
from tocsin.domain.policy_pack import PolicyPack
from tocsin.policies import load_policies

FOLDER = Path(__file__).parent / "cases" / "policies"
TODAY = date(2026, 11, 21)
KEYS = {"says", "policy", "facts", "unknown", "applies", "because", "trigger", "period", "on", "source"}

PACK = load_policies()


def read(path: Path) -> list[dict[str, Any]]:
    """Return the cases of a file, each with the facts that hold for all of them."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(table) <= {"facts", "case"}
    return [case | {"facts": known(table.get("facts", {}), case)} for case in table["case"]]


def known(shared: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a case: the file's, over them its own, less those it does not know."""
    facts = shared | case.get("facts", {})
    return {key: value for key, value in facts.items() if key not in case.get("unknown", ())}


def values(facts: dict[str, Any]) -> dict[str, FactValue | None]:
    """Return facts as the rules take them, with what follows from them."""
    return PACK.facts.derive({key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()})


CASES = [
    pytest.param(case, id=f"{path.stem}: {case['says']}")
    for path in sorted(FOLDER.glob("*.toml"))
    for case in read(path)
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    """The policy answers as its source says, because of the facts that are named, with that period and trigger."""
    assert set(case) <= KEYS
    assert case["source"].strip()
    assert list(PACK.facts.mistakes(case["facts"])) == []
    policy = PACK.policy(case["policy"], case.get("on", TODAY))
    verdict = policy.verdict(values(case["facts"]))
    assert (case["applies"], []) == (verdict.answer, missing(case, {reason.fact for reason in verdict.because}))
    if "period" in case:
        assert case["period"] == policy.period_words
    if "trigger" in case:
        assert case["trigger"] == (policy.trigger or "")


def missing(case: dict[str, Any], found: set[str]) -> list[str]:
    """Return the facts that should be among the reasons and are not."""
    return [fact for fact in case.get("because", ()) if fact not in found]


def covered(pack: PolicyPack) -> dict[str, set[str]]:
    """Return which answers the cases hold per policy that may start a clock."""
    answers: dict[str, set[str]] = {policy.id: set() for policy in pack.in_force(TODAY)}
    for case in (param.values[0] for param in CASES):
        assert isinstance(case, dict)
        answers.setdefault(case["policy"], set()).add(case["applies"])
    return answers


@pytest.mark.parametrize("policy_id", [policy.id for policy in PACK.in_force(TODAY)])
def test_every_policy_has_its_cases(policy_id: str) -> None:
    """Each policy that may start a clock has a case for yes, for a near miss, and for not knowing."""
    assert set(Answer) == covered(PACK)[policy_id]
