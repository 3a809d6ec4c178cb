"""Contracts: which version governs, orders over master agreements, several clauses, and days that are counted."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.domain.clause import Contact, Limb, Method, NoticeClause, OwedBy, Possession
from tocsin.domain.clock import group
from tocsin.domain.counting_contract import contract_days
from tocsin.domain.duty import Duty, resolve
from tocsin.domain.governing import governing, may_be_owed
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.register_text import parse_limbs
from tocsin.domain.subprocessing import subprocessors
from tocsin.domain.values import AgreementId, ContactId, IncidentId, PartyId

INCIDENT = IncidentId("inc-1")
INDIA = holiday_calendar("IN", 2024, 2027)
FRIDAY = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)


def clause(notify: str, **said: Any) -> NoticeClause:
    """Return a clause."""
    return NoticeClause(limbs=parse_limbs(notify), **said)


def agreed(reference: str, notify: str | NoticeClause = "72h from awareness", **said: Any) -> Agreement:
    """Return an agreement."""
    return Agreement(
        agreement_id=AgreementId(f"agr-{reference}"),
        reference=reference,
        party_id=PartyId("pty-birch"),
        party_name="Birch Clinic",
        clause=clause(notify) if isinstance(notify, str) else notify,
        **said,
    )


def owed(*pins: Agreement | Affected, at: datetime = FRIDAY, **triggers: datetime) -> list[Duty]:
    """Return the duties when the incident became known at an instant."""
    facts = {Trigger(name): TriggerFact(at=when) for name, when in (triggers or {"awareness": at}).items()}
    affected = [pin if isinstance(pin, Affected) else Affected(agreement=pin, revision=1) for pin in pins]
    return resolve(INCIDENT, facts, affected)


def contact(name: str) -> Contact:
    """Return a contact."""
    return Contact(contact_id=ContactId(f"con-{name}"), name=name, email=f"{name}@birch.example")


OLD = agreed("MSA", "72h from awareness", version="2024", starts_on=date(2024, 1, 1), ends_on=date(2025, 12, 31))
NEW = agreed("MSA", "24h from awareness", version="2026", starts_on=date(2026, 1, 1), other_versions=(OLD,))


@pytest.mark.parametrize(
    ("aware_at", "hours"),
    [
        (datetime(2023, 12, 31, 12, tzinfo=UTC), None),
        (datetime(2024, 1, 1, tzinfo=UTC), 72),
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), 72),
        (datetime(2026, 1, 1, tzinfo=UTC), 24),
    ],
)
def test_the_version_in_force_at_the_trigger_governs(aware_at: datetime, hours: int | None) -> None:
    """Each trigger is governed by the version in force at its own instant; before the first nothing was promised."""
    duties = owed(NEW, at=aware_at)
    assert [duty.deadline_at for duty in duties] == ([] if hours is None else [aware_at + timedelta(hours=hours)])


def test_each_trigger_has_its_own_version() -> None:
    """An amendment between discovery and confirmation leaves the one to the old version, the other to the new."""
    old = OLD.model_copy(update={"clause": clause("promptly from discovery; 72h from confirmation")})
    new = NEW.model_copy(update={"clause": clause("24h from confirmation"), "other_versions": (old,)})
    confirmed_at = datetime(2026, 1, 2, tzinfo=UTC)
    duties = owed(new, discovery=datetime(2025, 12, 30, tzinfo=UTC), confirmation=confirmed_at)
    assert [(duty.trigger, duty.deadline_at) for duty in duties] == [
        (Trigger.DISCOVERY, None),
        (Trigger.CONFIRMATION, confirmed_at + timedelta(hours=24)),
    ]
    assert "version 2024" in duties[0].citation


def test_a_version_begins_at_midnight_of_the_agreement() -> None:
    """Effective dates are days of the agreement's own time zone."""
    tokyo = NEW.model_copy(update={"time_zone": "Asia/Tokyo"})
    found = governing(tokyo, datetime(2025, 12, 31, 15, 0, tzinfo=UTC))
    assert found is not None
    assert found.version == "2026"


def test_after_a_temporary_amendment_the_contract_governs_again() -> None:
    """Of the versions in force the one that began last governs; when it ends, the one before does."""
    lasting = agreed("MSA", version="1", starts_on=date(2024, 1, 1))
    summer = agreed(
        "MSA", version="2", starts_on=date(2025, 6, 1), ends_on=date(2025, 8, 31), other_versions=(lasting,)
    )
    found = [governing(summer, datetime(2025, month, 1, 12, tzinfo=UTC)) for month in (5, 7, 9)]
    assert [one.version if one else None for one in found] == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({}, True),
        ({"data_held": True}, True),
        ({"data_held": False}, False),
        ({"data_held_until": date(2026, 3, 6)}, True),
        ({"data_held_until": date(2026, 3, 5)}, False),
        ({"data_held": True, "data_held_until": date(2026, 3, 5)}, False),
    ],
)
def test_an_ended_agreement_counts_while_its_data_is_held(said: dict[str, Any], counts: bool) -> None:
    """Where nobody has said whether the data is still held it must be assumed; where it is gone nothing is owed."""
    ended = agreed("MSA", ends_on=date(2025, 12, 31), **said)
    assert may_be_owed(ended, FRIDAY) is counts
    assert bool(owed(ended)) is counts


def test_an_order_beats_its_master_agreement() -> None:
    """For the same subject the order governs; the master's other clauses remain."""
    secrets = clause("48h from awareness", key="confidentiality", subject="confidentiality")
    master = agreed("MSA", further_clauses=(secrets,))
    order = agreed("ORDER", "24h from awareness", under="MSA")
    assert [(d.agreement_id, d.rule_id) for d in owed(master, order)] == [
        ("agr-MSA", "contract:48h-from-awareness"),
        ("agr-ORDER", "contract:24h-from-awareness"),
    ]


@pytest.mark.parametrize(
    ("order", "beaten"),
    [
        (agreed("ORDER", under="MSA"), True),
        (agreed("ORDER", under="OTHER"), False),
        (agreed("ORDER", under="MSA", starts_on=date(2026, 4, 1)), False),
        (agreed("ORDER", under="MSA", ends_on=date(2025, 4, 1), data_held=False), False),
        (agreed("ORDER", clause("24h from awareness", data=("health",)), under="MSA"), False),
        (agreed("ORDER", clause("24h from awareness", possession=Possession.OURS), under="MSA"), False),
        (agreed("ORDER", clause("24h from awareness", subject="confidentiality"), under="MSA"), False),
        (agreed("ORDER", clause("24h from awareness", owed_by=OwedBy.THEM), under="MSA"), False),
        (agreed("ORDER", NoticeClause(limbs=()), under="MSA"), False),
    ],
    ids=["same", "other master", "not begun", "ended", "some data", "some places", "subject", "owed to us", "nothing"],
)
def test_when_an_order_governs(order: Agreement, beaten: bool) -> None:
    """An order in force governs where it promises on the same subject for all of the master's data; else both bind."""
    duties = owed(agreed("MSA"), order)
    assert ("agr-MSA" not in {duty.agreement_id for duty in duties}) is beaten


def test_an_order_that_may_not_be_touched_beats_nothing() -> None:
    """While it is not known whether the order is touched, its master agreement binds; excluded, it never governs."""
    order = Affected(agreement=agreed("ORDER", under="MSA"), revision=1, confirmed=False)
    for pin in (order, order.model_copy(update={"excluded": True})):
        assert "agr-MSA" in {duty.agreement_id for duty in owed(agreed("MSA"), pin)}


def test_several_clauses() -> None:
    """Two clauses with the same promise are two duties on one clock, each under its own key."""
    secrets = clause("72h from awareness", key="confidentiality", subject="confidentiality", methods=(Method.POST,))
    duties = owed(agreed("MSA", further_clauses=(secrets,)))
    assert [duty.clause_key for duty in duties] == ["security_incident", "confidentiality"]
    assert len({duty.duty_id for duty in duties}) == 2
    assert len(group(duties)) == 1


def test_what_they_owe_us_is_no_duty_of_ours() -> None:
    """Either party may be the one who must tell; only ours makes a duty of ours."""
    theirs = agreed("SUB", clause("24h from awareness", owed_by=OwedBy.THEM))
    assert owed(theirs) == []
    assert not may_be_owed(theirs, FRIDAY)


def test_recipients_of_clauses() -> None:
    """A clause's own recipients and copies replace the agreement's; whom only another clause names gets a copy."""
    beth, ravi, legal, board = map(contact, ("beth", "ravi", "legal", "board"))
    secrets = clause("24h from awareness", key="secrets", recipients=(board,), copies=())
    agreement = agreed("MSA", chain=(beth, ravi), copies=(legal,), further_clauses=(secrets,))
    assert agreement.addressees({"security_incident"}) == ((beth, ravi), (legal,))
    assert agreement.addressees({"secrets"}) == ((board,), ())
    assert agreement.addressees({"security_incident", "secrets"}) == ((beth, ravi), (board, legal))
    assert agreement.addressees(set()) == ((beth, ravi), (legal,))
    assert agreement.contacts() == (beth, ravi, legal, board)


def test_working_days_of_a_named_calendar() -> None:
    """Two working days from a Friday evening in Delhi end on Tuesday night there: weekend days do not count."""
    days = agreed("MSA", clause("2 working days from awareness", calendar=INDIA), time_zone="Asia/Kolkata")
    (duty,) = owed(days, at=datetime(2026, 3, 6, 13, 0, tzinfo=UTC))
    assert duty.deadline_at == datetime(2026, 3, 10, 18, 30, tzinfo=UTC)
    assert any("working days of IN (holidays " in step for step in duty.computation.steps)
    assert any("Saturday 2026-03-07" in step for step in duty.computation.steps)


def test_calendar_days_of_the_clause() -> None:
    """Calendar days end at midnight of the clause's own time zone, weekend or not."""
    days = agreed("MSA", clause("2 calendar days from awareness", time_zone="Europe/Berlin"))
    (duty,) = owed(days, at=FRIDAY)
    assert duty.deadline_at == datetime(2026, 3, 8, 23, 0, tzinfo=UTC)


def test_clauses_with_other_calendars_share_no_clock() -> None:
    """One clock has one deadline: days that are counted elsewhere are another rule."""
    limb = "2 working days from awareness"
    berlin = holiday_calendar("DE", 2024, 2027)
    pins = [
        agreed("A", clause(limb, calendar=INDIA)),
        agreed("B", clause(limb, calendar=berlin)),
        agreed("C", clause(limb, calendar=berlin, time_zone="Europe/Berlin")),
        agreed("D", clause(limb, calendar=berlin)),
    ]
    clocks = group(owed(*pins))
    assert len(clocks) == 3


def test_beyond_the_calendar_only_weekends_are_left_out() -> None:
    """A holiday that nobody knows yet never makes a notice late, and the step says so."""
    counted = contract_days(datetime(2027, 12, 31, 9, tzinfo=UTC), 2, "Asia/Kolkata", INDIA)
    assert counted.deadline_at == datetime(2028, 1, 4, 18, 30, tzinfo=UTC)
    assert any("after 2027-12-31 are not known" in step for step in counted.steps)


LOW, HIGH = datetime(2024, 1, 1), datetime(2029, 12, 31)  # noqa: DTZ001 - hypothesis adds the zone
INSTANTS = st.datetimes(LOW, HIGH, timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
LIMBS = st.one_of(
    st.integers(1, 20_000).map(lambda n: Limb(trigger=Trigger.AWARENESS, period=timedelta(minutes=n))),
    st.builds(Limb, trigger=st.just(Trigger.AWARENESS), days=st.integers(1, 15), working=st.booleans()),
)


def deadline(limb: Limb, zone: str, at: datetime) -> datetime:
    """Return the deadline of a limb."""
    (duty,) = owed(agreed("A", NoticeClause(limbs=(limb,), calendar=INDIA), time_zone=zone), at=at)
    assert duty.deadline_at is not None
    return duty.deadline_at


@settings(deadline=None)
@given(LIMBS, ZONES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_a_later_trigger_never_gives_an_earlier_deadline(limb: Limb, zone: str, at: datetime, later: timedelta) -> None:
    """Hours, calendar days or working days, within the years of the calendar or beyond: later is never earlier."""
    assert deadline(limb, zone, at) <= deadline(limb, zone, at + later)


@settings(deadline=None)
@given(LIMBS, ZONES, INSTANTS)
def test_no_period_is_extended_by_a_weekend(limb: Limb, zone: str, at: datetime) -> None:
    """Unless the clause itself counts working days, a period is as long on every day of the week."""
    found = deadline(limb, zone, at)
    if limb.period is not None:
        assert found == at + limb.period
    elif not limb.working:
        assert limb.days is not None
        assert found == contract_days(at, limb.days, zone, None).deadline_at
        assert found - at <= timedelta(days=limb.days + 1, hours=1)
    else:
        assert limb.days is not None
        assert found >= contract_days(at, limb.days, zone, None).deadline_at  # type: ignore[operator]


def test_the_list_of_sub_processors_on_a_day() -> None:
    """The list shows who was engaged on the day, since when, with what their version of that day says."""
    known: dict[str, Any] = {"their_role": "sub-processor", "our_role": "processor"}
    first = agreed("SUB", location="Frankfurt", starts_on=date(2024, 1, 1), ends_on=date(2025, 6, 30), **known)
    moved = agreed("SUB", location="Dublin", starts_on=date(2025, 7, 1), other_versions=(first,), **known)
    ended = agreed("GONE", ends_on=date(2025, 1, 31), **known)
    register = [moved, ended, agreed("MSA")]
    assert [line.location for line in subprocessors(register, date(2025, 6, 30))] == ["Frankfurt"]
    assert [(line.location, line.since) for line in subprocessors(register, date(2025, 7, 1))] == [
        ("Dublin", date(2024, 1, 1))
    ]
    assert [line.agreement for line in subprocessors(register, date(2025, 1, 31))] == ["GONE", "SUB"]
    assert [line.agreement for line in subprocessors(register, date(2023, 1, 1))] == ["GONE"]
