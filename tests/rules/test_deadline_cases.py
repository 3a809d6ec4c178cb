"""Deadlines as a lawyer would count them by hand: the cases are in `cases/deadlines`, one file per family of rules."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.domain.counting import Computed
from tocsin.domain.deadline import ComputingRule, Inputs, Period, compute
from tocsin.domain.values import as_utc

CASES = {
    f"{path.stem}: {case['name']}": case
    for path in sorted((Path(__file__).parent / "cases" / "deadlines").glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
}

ASKED = ("at", "aware_at", "zone", "dora_report", "dora_entity")


def computed(case: dict[str, Any]) -> Computed:
    """Return what the engine makes of a case."""
    year, calendar = case["at"].year, case.get("calendar")
    inputs = {key: case[key] for key in ASKED if key in case}
    if calendar:
        inputs["calendar"] = holiday_calendar(calendar, year - 1, year + 2)
    period = Period(n=case["n"], unit=case["unit"])
    return compute(ComputingRule(case["rule"]), period, Inputs.model_validate(inputs))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_counted_by_hand(case: dict[str, Any]) -> None:
    """Each case gives the instant its source gives, the readings it names, and the steps that say why."""
    result = computed(case)
    assert result.deadline_at == as_utc(case["deadline"]), "\n".join(result.steps)
    for name, instant in case.get("readings", {}).items():
        assert result.readings[name] == as_utc(instant), name
    assert [result.readings[name] for name in case.get("none", [])] == [None] * len(case.get("none", []))
    for words in case.get("steps", []):
        assert any(words in step for step in result.steps), (words, result.steps)


def test_every_case_has_a_source() -> None:
    """Nobody has to take an expected value on trust."""
    assert [name for name, case in CASES.items() if not case["source"].strip()] == []


def test_every_rule_has_cases() -> None:
    """Each way of counting that gives a date has cases."""
    assert {case["rule"] for case in CASES.values()} == set(ComputingRule) - {ComputingRule.NONE}


def test_every_deadline_cites_what_it_applies() -> None:
    """The last instant is in the steps, so that the computation can be read to its end."""
    for name, case in CASES.items():
        result = computed(case)
        assert result.deadline_at is not None
        assert result.deadline_at.isoformat() in "\n".join(result.steps), name
