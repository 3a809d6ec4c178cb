"""The law outside Europe as it ships: every rule is there, counted as its text says; unread ones start no clock."""

from datetime import date

import pytest

from tocsin.domain.applicability import Asks, Operator, leaves
from tocsin.domain.deadline import ComputingRule
from tocsin.domain.incident import Trigger
from tocsin.domain.policy import HoldEffect, Kind, Mark, Policy
from tocsin.policies import load_policies

TODAY = date(2026, 11, 21)
FAR = date(2040, 1, 1)
PACK = load_policies()

ENABLED = {
    "US-SEC-8K-105": ("determination_material", "4 business days"),
    "US-SEC-8K-105-AMEND": ("information_available", "4 business days"),
    "US-SEC-SP-CUST": ("awareness", "30 days"),
    "US-SEC-SP-PROV": ("awareness", "72 hours"),
    "US-BANK-36H": ("determination_incident", "36 hours"),
    "US-BANK-BSP": ("determination_incident", "no number"),
    "US-HIPAA-IND": ("discovery", "60 days"),
    "US-HIPAA-HHS-500": ("discovery", "60 days"),
    "US-HIPAA-HHS-LOG": ("discovery", "60 days"),
    "US-HIPAA-BA": ("discovery", "60 days"),
    "US-FTC-SAFE": ("discovery", "30 days"),
    "US-CA-82-IND": ("discovery", "30 days"),
    "US-CA-82-AG": ("prior_report_submitted", "15 days"),
    "US-NY-899AA-IND": ("discovery", "30 days"),
    "US-NY-899AA-AG": ("discovery", "no number"),
    "US-NY-899AA-DFS": ("discovery", "no number"),
    "US-NY-899AA-PROC": ("discovery", "30 days"),
    "US-NY-DFS-INC": ("determination_incident", "72 hours"),
    "US-NY-DFS-INC-UPDATE": ("prior_report_submitted", "no number"),
    "US-TX-IND": ("determination_incident", "60 days"),
    "US-TX-AG": ("determination_incident", "30 days"),
    "US-FL-IND": ("reason_to_believe", "30 days"),
    "US-FL-AG": ("reason_to_believe", "30 days"),
    "US-FL-AGENT": ("reason_to_believe", "10 days"),
    "US-CO-IND": ("determination_incident", "30 days"),
    "US-ME-IND": ("awareness", "30 days"),
    "US-ME-AG": ("awareness", "no number"),
    "US-MD-IND": ("discovery", "45 days"),
    "US-MD-PROC": ("discovery", "10 days"),
    "US-RI-IND": ("confirmation", "45 days"),
    "US-DE-IND": ("determination_incident", "60 days"),
    "US-LA-IND": ("discovery", "60 days"),
    "US-SD-IND": ("discovery", "60 days"),
    "US-WI": ("awareness", "45 days"),
    "US-NM-IND": ("discovery", "45 days"),
    "US-NM-AG": ("discovery", "45 days"),
    "US-AL-AGENT": ("reason_to_believe", "10 days"),
    "CA-PIPEDA-OPC": ("determination_incident", "no number"),
    "CA-PIPEDA-IND": ("determination_incident", "no number"),
    "CA-PIPEDA-ORG": ("determination_incident", "no number"),
    "CA-PIPEDA-REG": ("", "no number"),
    "CA-QC-25-CAI": ("reason_to_believe", "no number"),
    "CA-QC-25-IND": ("reason_to_believe", "no number"),
    "CA-QC-25-REG": ("", "no number"),
    "BR-LGPD-ANPD": ("data_affected_known", "3 business days"),
    "BR-LGPD-ANPD-FULL": ("prior_report_submitted", "20 business days"),
    "BR-LGPD-IND": ("data_affected_known", "3 business days"),
    "BR-LGPD-REG": ("", "no number"),
    "IN-CERT-6H": ("detection", "6 hours"),
    "IN-CERT-6H-INFO": ("authority_asked", "no number"),
    "SG-PDPA-PDPC": ("assessment_notifiable", "3 days"),
    "SG-PDPA-ASSESS": ("reason_to_believe", "30 days"),
    "SG-PDPA-IND": ("prior_report_submitted", "no number"),
    "SG-PDPA-DI": ("reason_to_believe", "no number"),
    "AU-NDB-ASSESS": ("suspicion", "30 days"),
    "AU-NDB-OAIC": ("reason_to_believe", "no number"),
    "AU-NDB-IND": ("statement_completed", "no number"),
    "AU-CSA-RANSOM": ("payment_made", "72 hours"),
    "JP-APPI-PRE": ("awareness", "3 days"),
    "JP-APPI-FIN": ("awareness", "30 days"),
    "JP-APPI-FIN-60": ("awareness", "60 days"),
    "JP-APPI-IND": ("awareness", "no number"),
    "CN-CIR-CII": ("discovery", "1 hour"),
    "CN-CIR-GOV": ("discovery", "2 hours"),
    "CN-CIR-OTHER": ("discovery", "4 hours"),
    "KR-PIPA-IND": ("awareness", "72 hours"),
    "KR-PIPA-REG": ("awareness", "72 hours"),
    "MY-PDPA-CMR": ("reason_to_believe", "72 hours"),
    "MY-PDPA-IND": ("prior_report_submitted", "no number"),
    "TH-PDPA-37": ("awareness", "72 hours"),
    "TH-PDPA-37-IND": ("awareness", "no number"),
    "PH-NPC": ("reasonable_belief", "72 hours"),
    "PH-NPC-IND": ("reasonable_belief", "72 hours"),
    "HK-CI-SERIOUS": ("awareness", "12 hours"),
    "HK-CI-OTHER": ("awareness", "48 hours"),
    "TR-KVKK": ("awareness", "72 hours"),
    "TR-KVKK-IND": ("known_affected", "no number"),
    "KE-DPA-43": ("awareness", "72 hours"),
    "KE-DPA-43-IND": ("awareness", "no number"),
    "KE-DPA-43-PROC": ("awareness", "48 hours"),
    "AE-DIFC": ("awareness", "72 hours"),
}
"""The rules that may start a clock today: from which event, for how long."""

INACTIVE = {
    "US-HIPAA-MEDIA": "from memory",
    "US-HIPAA-LE": "it delays other duties",
    "US-FTC-HBNR-IND": "from memory",
    "US-FTC-HBNR-FTC": "from memory",
    "US-FTC-HBNR-LOG": "from memory",
    "US-FTC-HBNR-MEDIA": "from memory",
    "US-CIRCIA-INC": "not seen as published",
    "US-CIRCIA-SUPP": "not seen as published",
    "US-CIRCIA-RANSOM": "not seen as published",
    "US-NY-899AA-HIPAA": "superseded",
    "US-NY-DFS-EXT": "read only as a proposal",
    "US-NY-DFS-EXT-WHY": "read only as a proposal",
    "US-CO-AG": "from memory",
    "US-MD-AG": "from memory",
    "US-RI-AG": "from memory",
    "US-DE-AG": "from memory",
    "US-LA-AG": "from memory",
    "US-SD-AG": "from memory",
    **dict.fromkeys(
        ["US-AL", "US-AZ", "US-OR", "US-OH", "US-TN", "US-VT", "US-VT-AG", "US-IN", "US-CT", "US-WA"], "from memory"
    ),
    "US-OK": "not read",
    "IN-DPDP-IND": "not in force",
    "IN-DPDP-BRD-1": "not in force",
    "IN-DPDP-BRD-2": "not in force",
    "CN-CIR-SUMMARY": "was not read",
    "MY-PDPA-IND-LIMIT": "from memory",
    "HK-CI-REPORT": "from memory",
}
"""Those that may start none, and a word of why."""

THRESHOLDS = {
    "US-BANK-BSP": ("incident.bank_service_hours_disrupted", Operator.AT_LEAST, 4),
    "US-HIPAA-HHS-500": ("incident.people_affected", Operator.AT_LEAST, 500),
    "US-HIPAA-HHS-LOG": ("incident.people_affected", Operator.LESS, 500),
    "US-HIPAA-MEDIA": ("incident.us_state_most_residents", Operator.MORE, 500),
    "US-FTC-SAFE": ("incident.people_affected", Operator.AT_LEAST, 500),
    "US-CA-82-AG": ("incident.residents.US-CA", Operator.MORE, 500),
    "US-TX-AG": ("incident.residents.US-TX", Operator.AT_LEAST, 250),
    "US-FL-AG": ("incident.residents.US-FL", Operator.AT_LEAST, 500),
    "US-CO-AG": ("incident.residents.US-CO", Operator.AT_LEAST, 500),
    "US-RI-AG": ("incident.residents.US-RI", Operator.MORE, 500),
    "US-DE-AG": ("incident.residents.US-DE", Operator.MORE, 500),
    "US-SD-AG": ("incident.residents.US-SD", Operator.MORE, 250),
    "US-NM-AG": ("incident.residents.US-NM", Operator.MORE, 1000),
    "SG-PDPA-PDPC": ("incident.people_affected", Operator.AT_LEAST, 500),
    "JP-APPI-PRE": ("incident.people_affected", Operator.MORE, 1000),
    "KR-PIPA-REG": ("incident.people_affected", Operator.AT_LEAST, 1000),
    "MY-PDPA-CMR": ("incident.people_affected", Operator.MORE, 1000),
    "CN-CIR-OTHER": ("incident.people_affected", Operator.MORE, 1_000_000),
    "AU-CSA-RANSOM": ("org.turnover_aud", Operator.MORE, 3_000_000),
}
"""Numbers with their operator: "more than 500" and "500 or more" differ by one person."""

READ_IN_FULL = [
    "US-BANK-36H", "US-HIPAA-IND", "US-HIPAA-HHS-500", "US-HIPAA-HHS-LOG", "US-NY-DFS-INC", "US-TX-IND", "US-TX-AG",
    "US-ME-IND", "US-MD-IND", "US-RI-IND", "US-DE-IND", "US-LA-IND", "US-SD-IND", "US-WI", "US-NM-IND", "US-AL-AGENT",
    "SG-PDPA-PDPC", "SG-PDPA-DI", "AU-NDB-OAIC", "JP-APPI-IND", "CN-CIR-GOV", "KE-DPA-43", "TR-KVKK",
]  # fmt: skip
"""Rules whose wording was read: nothing about them needs counsel to look at the sources again."""

SECONDARY = ["US-SEC-8K-105", "US-CA-82-IND", "BR-LGPD-ANPD", "IN-CERT-6H", "SG-PDPA-ASSESS", "JP-APPI-PRE", "AE-DIFC"]
"""Rules of which at least one deciding field was read in secondary sources alone."""

STARTS = {
    "US-SEC-SP-CUST": date(2026, 6, 3),
    "US-BANK-36H": date(2022, 5, 1),
    "US-FTC-SAFE": date(2024, 5, 13),
    "US-CA-82-IND": date(2026, 1, 1),
    "US-NY-899AA-IND": date(2024, 12, 21),
    "US-TX-AG": date(2023, 9, 1),
    "CA-QC-25-CAI": date(2022, 12, 29),
    "AU-CSA-RANSOM": date(2025, 5, 30),
    "CN-CIR-CII": date(2025, 11, 1),
    "MY-PDPA-CMR": date(2025, 6, 1),
    "HK-CI-SERIOUS": date(2026, 1, 1),
}
"""The first day of the rules whose first day was read."""


def policy(policy_id: str) -> Policy:
    """Return a policy in the version of today."""
    return PACK.policy(policy_id, TODAY)


def numbers(policy_id: str) -> set[tuple[str, Operator, int]]:
    """Return every comparison of a number that decides whether a policy applies."""
    found = policy(policy_id)
    asked = [*(leaves(found.applies) if found.applies else ()), *([found.threshold] if found.threshold else ())]
    return {key for leaf in asked if (key := compared(leaf)) is not None}


def compared(leaf: Asks) -> tuple[str, Operator, int] | None:
    """Return fact, operator and number of a condition, or None if it compares no number."""
    return (leaf.fact, leaf.op, leaf.value) if leaf.op and isinstance(leaf.value, int) else None


@pytest.mark.parametrize(("policy_id", "trigger", "period"), [(key, *value) for key, value in ENABLED.items()])
def test_enabled(policy_id: str, trigger: str, period: str) -> None:
    """Each rule that was read, and that is law, runs from its own event for its own period."""
    found = policy(policy_id)
    assert (None, trigger, period) == (found.why_inactive(TODAY), found.trigger or "", found.period_words)


@pytest.mark.parametrize(("policy_id", "why"), INACTIVE.items())
def test_inactive(policy_id: str, why: str) -> None:
    """Each rule that was not read, or is not law, says why, and can start no clock on any day to come."""
    found = policy(policy_id)
    assert why in (found.why_inactive() or "")
    assert (found.enabled(TODAY), found.enabled(FAR)) == (False, False)


def test_nothing_else() -> None:
    """Every rule outside Europe is in one of the two lists, or among the pending ones that start no clock."""
    active = {one.id for one in PACK.in_force(TODAY) if not one.id.startswith(("EU-", "UK-", "CH-"))}
    assert set(ENABLED) == active


@pytest.mark.parametrize(("policy_id", "expected"), THRESHOLDS.items())
def test_threshold(policy_id: str, expected: tuple[str, Operator, int]) -> None:
    """Each number is compared with the operator of its text."""
    assert expected in numbers(policy_id)


def test_administrative_bodies_in_japan_report_above_100_people() -> None:
    """The lower number of Japan stands beside the higher one, with the same operator."""
    assert ("incident.people_affected", Operator.MORE, 100) in numbers("JP-APPI-PRE")


@pytest.mark.parametrize("policy_id", READ_IN_FULL)
def test_read_in_full(policy_id: str) -> None:
    """A rule read in its wording carries no "check with counsel"."""
    assert not policy(policy_id).counsel_check


@pytest.mark.parametrize("policy_id", SECONDARY)
def test_secondary(policy_id: str) -> None:
    """A rule with a field from secondary sources alone says "check with counsel"."""
    assert policy(policy_id).counsel_check


@pytest.mark.parametrize("policy_id", ENABLED)
def test_no_memory(policy_id: str) -> None:
    """No rule that may start a clock has a deciding field, or an exception, from memory."""
    found = policy(policy_id)
    used = [mark for marks in found.status.deciding().values() for mark in marks]
    assert Mark.MEMORY not in [*used, *(exception.mark for exception in found.unless)]


@pytest.mark.parametrize(("policy_id", "first"), STARTS.items())
def test_first_day(policy_id: str, first: date) -> None:
    """A rule whose first day was read is law from that day, and not the day before."""
    found = policy(policy_id)
    before = first.fromordinal(first.toordinal() - 1)
    assert (found.enabled(before), found.enabled(first)) == (False, True)


def test_regulation_s_p_reached_larger_entities_first() -> None:
    """Between 3 December 2025 and 3 June 2026 the older version governs, which asks for a larger entity."""
    assert PACK.policy("US-SEC-SP-CUST", date(2025, 12, 3)).version == "larger entities"
    assert PACK.policy("US-SEC-SP-CUST", date(2026, 6, 3)).version == "all entities"
    assert [one for one in PACK.in_force(date(2025, 12, 2)) if one.id == "US-SEC-SP-CUST"] == []


@pytest.mark.parametrize(
    ("policy_id", "rule", "calendar"),
    [
        ("US-SEC-8K-105", ComputingRule.US_SEC_BUSINESS_DAYS, "US-SEC"),
        ("BR-LGPD-ANPD", ComputingRule.BR_BUSINESS_DAYS, "BR"),
        ("BR-LGPD-IND", ComputingRule.BR_BUSINESS_DAYS, "BR"),
        ("SG-PDPA-PDPC", ComputingRule.SG_DAYS, None),
        ("US-HIPAA-HHS-LOG", ComputingRule.YEAR_END_DAYS, None),
        ("US-HIPAA-HHS-500", ComputingRule.US_CALENDAR_DAYS, None),
        ("US-BANK-36H", ComputingRule.ELAPSED, None),
        ("CN-CIR-CII", ComputingRule.ELAPSED, None),
    ],
)
def test_rule(policy_id: str, rule: ComputingRule, calendar: str | None) -> None:
    """Business days name their calendar; hours and calendar days have none, so that nothing rolls."""
    assert (rule, calendar) == (policy(policy_id).rule, policy(policy_id).calendar)


@pytest.mark.parametrize(
    "policy_id", ["US-HIPAA-IND", "US-HIPAA-HHS-500", "US-HIPAA-HHS-LOG", "US-HIPAA-BA", "US-HIPAA-LE"]
)
def test_hipaa_hold(policy_id: str) -> None:
    """45 CFR 164.412 may delay the notices of the Rule; as a row of its own it is no duty."""
    assert (policy(policy_id).hold.effect, policy(policy_id).hold.citation) == (HoldEffect.MAY_DELAY, "45 CFR 164.412")
    assert (policy_id == "US-HIPAA-LE") == (policy(policy_id).kind is Kind.HOLD)


@pytest.mark.parametrize(("policy_id", "days"), [("US-MD-IND", 7), ("US-SD-IND", 30)])
def test_after_a_hold(policy_id: str, days: int) -> None:
    """Maryland and South Dakota say how long there is once a hold has ended."""
    then = policy(policy_id).hold.then
    assert then is not None
    assert (days, "days") == (then.n, then.unit)


@pytest.mark.parametrize(
    ("report", "follow_up"),
    [
        ("US-CA-82-IND", "US-CA-82-AG"),
        ("US-NY-DFS-INC", "US-NY-DFS-INC-UPDATE"),
        ("BR-LGPD-ANPD", "BR-LGPD-ANPD-FULL"),
        ("SG-PDPA-PDPC", "SG-PDPA-IND"),
        ("MY-PDPA-CMR", "MY-PDPA-IND"),
    ],
)
def test_follow_up(report: str, follow_up: str) -> None:
    """What runs from a submitted report names that report and no other."""
    assert (report,) == PACK.anchors(follow_up)
    assert policy(follow_up).trigger is Trigger.PRIOR_REPORT_SUBMITTED


@pytest.mark.parametrize(
    ("policy_id", "keys"),
    [
        ("US-SEC-8K-105", {"nature_scope_timing", "impact"}),
        ("US-TX-AG", {"nature", "residents", "already_notified", "measures", "measures_intended", "law_enforcement"}),
        (
            "BR-LGPD-ANPD",
            {"data_categories", "subjects", "security_measures", "risks", "reasons_for_delay", "measures"},
        ),
        ("AU-NDB-OAIC", {"contact_point", "nature", "data_categories", "safety_steps"}),
        ("KE-DPA-43", {"nature", "measures", "advice", "who_caused_it", "contact_point"}),
        ("KR-PIPA-IND", {"data_categories", "when_and_how", "self_protection", "measures", "contact_point"}),
        ("US-NY-899AA-IND", {"contact_point", "agencies", "data_categories"}),
    ],
)
def test_contents(policy_id: str, keys: set[str]) -> None:
    """Where the text lists what a report must hold, the checklist has exactly that."""
    assert keys == {content.key for content in policy(policy_id).required_contents}
