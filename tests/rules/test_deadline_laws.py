"""What holds for every way of counting, whatever the instants, periods, places and calendars."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.domain.calendar import Calendar
from tocsin.domain.counting import local
from tocsin.domain.counting_dora import DoraEntity, DoraReport
from tocsin.domain.counting_eu import ELAPSED, NEXT_FULL_HOUR, TWO_WORKING_DAYS, WITHOUT_ROLL, months_later
from tocsin.domain.deadline import UNITS, ComputingRule, Inputs, Period, Unit, compute
from tocsin.domain.errors import Refused
from tocsin.domain.values import as_utc

unhurried = settings(deadline=None, max_examples=60)
"""No limit on how long one example takes: the machine may be busy."""

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone follows
SPANS = st.timedeltas(timedelta(0), timedelta(days=10))
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana"])
CALENDARS = st.sampled_from(
    [holiday_calendar(calendar_id, 2019, 2050) for calendar_id in ("EU-DE", "EU-HU", "DE-BY", "US-SEC", "BR", "EU-MT")]
)
HOURS = st.sampled_from([1, 4, 24, 36, 48, 72, 96])
ENTITIES = st.none() | st.sets(st.sampled_from(DoraEntity), min_size=1).map(lambda kinds: tuple(sorted(kinds)))
EXCLUDED = set(DoraEntity) - {DoraEntity.OTHER}

STEADY = sorted(set(ComputingRule) - {ComputingRule.NONE, ComputingRule.DORA_INITIAL, ComputingRule.DORA_NOON_ROLL})
"""The rules by which a later trigger never gives an earlier deadline. Article 5(4) of 2025/301 is not among them."""


@st.composite
def periods(draw: st.DrawFn, rule: ComputingRule) -> Period:
    """Return a period that the rule can count."""
    unit = draw(st.sampled_from(UNITS[rule]))
    most = {Unit.HOURS: 400, Unit.DAYS: 90, Unit.MONTHS: 24, Unit.BUSINESS_DAYS: 30}[unit]
    return Period(n=draw(st.integers(1, most)), unit=unit)


def deadline(rule: ComputingRule, period: Period, inputs: Inputs) -> datetime:
    """Return the deadline, which there must be."""
    found = compute(rule, period, inputs).deadline_at
    assert found is not None
    return found


def hours(n: int) -> Period:
    """Return a period in hours."""
    return Period(n=n, unit=Unit.HOURS)


@given(st.data(), st.sampled_from(STEADY), INSTANTS, SPANS, ZONES, CALENDARS)
@unhurried
def test_a_later_trigger(
    data: st.DataObject, rule: ComputingRule, at: datetime, later: timedelta, zone: str, calendar: Calendar
) -> None:
    """A later trigger never gives an earlier deadline."""
    period = data.draw(periods(rule))
    first = deadline(rule, period, Inputs(at=at, zone=zone, calendar=calendar))
    second = deadline(rule, period, Inputs(at=at + later, zone=zone, calendar=calendar))
    assert first <= second


@given(st.sampled_from(STEADY), st.data(), INSTANTS, ZONES, CALENDARS)
@unhurried
def test_never_before_the_trigger(
    rule: ComputingRule, data: st.DataObject, at: datetime, zone: str, calendar: Calendar
) -> None:
    """No deadline lies before its trigger, and every one is in UTC with at least one step."""
    result = compute(rule, data.draw(periods(rule)), Inputs(at=at, zone=zone, calendar=calendar))
    assert result.deadline_at is not None
    assert result.deadline_at > at
    assert result.deadline_at.utcoffset() == timedelta(0)
    assert result.steps


@given(st.sampled_from([ComputingRule.ELAPSED, ComputingRule.EU_HOURS]), HOURS, INSTANTS, ZONES, CALENDARS)
@unhurried
def test_hours_are_hours(rule: ComputingRule, n: int, at: datetime, zone: str, calendar: Calendar) -> None:
    """Elapsed hours survive clock changes, and no contract and no EU period in hours is extended by a weekend."""
    for known in (calendar, None):
        assert deadline(rule, hours(n), Inputs(at=at, zone=zone, calendar=known)) - at == timedelta(hours=n)


@given(HOURS, INSTANTS, ZONES, CALENDARS)
@unhurried
def test_the_target_is_the_earliest_reading(n: int, at: datetime, zone: str, calendar: Calendar) -> None:
    """Whoever keeps elapsed hours has kept every other reading of Regulation 1182/71 as well."""
    result = compute(ComputingRule.EU_HOURS, hours(n), Inputs(at=at, zone=zone, calendar=calendar))
    full_hour, contested = result.readings[NEXT_FULL_HOUR], result.readings[TWO_WORKING_DAYS]
    assert result.deadline_at == result.readings[ELAPSED]
    assert full_hour is not None
    assert timedelta(0) < full_hour - (at + timedelta(hours=n)) <= timedelta(hours=1)
    assert (contested is None) == (n < 48)
    assert contested is None or contested >= full_hour


@given(st.integers(1, 90), INSTANTS, ZONES, CALENDARS)
@unhurried
def test_days_end_on_working_days(n: int, at: datetime, zone: str, calendar: Calendar) -> None:
    """A period in days ends on a working day, from two days on holds two of them, and is never shortened."""
    period = Period(n=n, unit=Unit.DAYS)
    result = compute(ComputingRule.EU_DAYS_1182, period, Inputs(at=at, zone=zone, calendar=calendar))
    assert result.deadline_at is not None
    first, last = local(at, zone).date(), last_day(result.deadline_at, zone)
    working = [day for day in days_between(first, last) if calendar.is_working_day(day)]
    assert last in working
    assert len(working) >= min(n, 2)
    assert result.deadline_at >= deadline(ComputingRule.EU_DAYS_1182, period, Inputs(at=at, zone=zone))


@given(st.integers(1, 30), INSTANTS, ZONES, CALENDARS)
@unhurried
def test_business_days_are_counted(n: int, at: datetime, zone: str, calendar: Calendar) -> None:
    """Exactly as many business days lie between the trigger's day and the end, the last day being one of them."""
    inputs = Inputs(at=at, zone=zone, calendar=calendar)
    for rule in (ComputingRule.US_SEC_BUSINESS_DAYS, ComputingRule.BR_BUSINESS_DAYS):
        last = last_day(deadline(rule, Period(n=n, unit=Unit.BUSINESS_DAYS), inputs), zone)
        days = days_between(local(at, zone).date(), last)
        assert sum(map(calendar.is_working_day, days)) == n
        assert calendar.is_working_day(last)


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(1, 48))
def test_months_clamp(day: date, months: int) -> None:
    """A month later is the same date, or the last day of the month where there is none: never in the month after."""
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@given(INSTANTS, SPANS, ZONES, ENTITIES)
@unhurried
def test_the_earlier_of_two(
    aware_at: datetime, until_classified: timedelta, zone: str, entity: tuple[DoraEntity, ...]
) -> None:
    """A minimum of two is never later than either; after 24 hours only the one from classification is left."""
    classified_at = aware_at + until_classified
    inputs = Inputs(at=classified_at, aware_at=aware_at, zone=zone, dora_entity=entity)
    limit_at = deadline(ComputingRule.DORA_INITIAL, hours(4), inputs)
    assert limit_at <= classified_at + timedelta(hours=4)
    if until_classified <= timedelta(hours=24):
        assert limit_at <= aware_at + timedelta(hours=24)
    else:
        assert limit_at == classified_at + timedelta(hours=4)


@given(st.sampled_from(DoraReport), HOURS, INSTANTS, ZONES, CALENDARS, ENTITIES)
@unhurried
def test_noon_for_whom_it_is_meant(
    report: DoraReport, n: int, at: datetime, zone: str, calendar: Calendar, entity: tuple[DoraEntity, ...] | None
) -> None:
    """Time is added only for an entity known not to be excluded, only off a day off, and only until noon."""
    inputs = Inputs(at=at, zone=zone, calendar=calendar, dora_report=report, dora_entity=entity)
    result = compute(ComputingRule.DORA_NOON_ROLL, hours(n), inputs)
    plain_at = at + timedelta(hours=n)
    assert result.deadline_at is not None
    assert result.readings[WITHOUT_ROLL] == plain_at
    may_roll = report is DoraReport.FINAL or (entity is not None and not EXCLUDED & set(entity))
    if not may_roll or calendar.is_working_day(local(plain_at, zone).date()):
        assert result.deadline_at == plain_at
    elif result.deadline_at != plain_at:
        noon = local(result.deadline_at, zone)
        assert (noon.hour, noon.minute) == (12, 0)
        assert noon.date() == calendar.next_working_day(local(plain_at, zone).date())


def test_noon_overtakes_a_later_limit() -> None:
    """Article 5(4) alone breaks the order: Saturday's limit moves to Monday noon, Monday's first hour stays."""
    calendar = holiday_calendar("EU-DE", 2026, 2026)
    given_ = {"zone": "Europe/Berlin", "calendar": calendar, "dora_report": DoraReport.INTERMEDIATE}
    limits = [
        deadline(
            ComputingRule.DORA_NOON_ROLL,
            hours(72),
            Inputs(at=datetime(2026, 3, day, hour, tzinfo=UTC), dora_entity=(DoraEntity.OTHER,), **given_),
        )
        for day, hour in ((4, 22), (6, 0))
    ]
    assert limits == [datetime(2026, 3, 9, 11, tzinfo=UTC), datetime(2026, 3, 9, 0, tzinfo=UTC)]


def test_without_undue_delay_has_no_date() -> None:
    """A duty without a number never gets a date, whatever it is given."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    result = compute(ComputingRule.NONE, None, Inputs(at=at))
    assert result.deadline_at is None
    assert result.readings == {}
    assert "names no number" in result.steps[0]


@pytest.mark.parametrize("rule", sorted(set(ComputingRule) - {ComputingRule.NONE}))
def test_units_that_do_not_fit(rule: ComputingRule) -> None:
    """A period in a unit that the rule does not count is refused with the unit that fits, and so is none at all."""
    inputs = Inputs(at=datetime(2026, 3, 2, tzinfo=UTC))
    for unit in set(Unit) - set(UNITS[rule]):
        with pytest.raises(Refused, match=f"give one in .*{UNITS[rule][0]}"):
            compute(rule, Period(n=1, unit=unit), inputs)
    with pytest.raises(Refused, match="no period"):
        compute(rule, None, inputs)


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (ComputingRule.US_SEC_BUSINESS_DAYS, "calendar"),
        (ComputingRule.BR_BUSINESS_DAYS, "calendar"),
        (ComputingRule.DORA_INITIAL, "aware_at"),
        (ComputingRule.DORA_NOON_ROLL, "dora_report"),
    ],
)
def test_inputs_that_are_missing(rule: ComputingRule, missing: str) -> None:
    """What a rule cannot do without is refused by name."""
    with pytest.raises(Refused, match=f"rule {rule}: the input '{missing}' is missing"):
        compute(rule, Period(n=3, unit=UNITS[rule][0]), Inputs(at=datetime(2026, 3, 2, tzinfo=UTC)))


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "Europe"])
def test_places_that_are_none(zone: str) -> None:
    """A time zone that does not exist is refused with an example of one that does."""
    with pytest.raises(Refused, match="write an IANA name such as Europe/Berlin"):
        compute(ComputingRule.ELAPSED, hours(72), Inputs(at=datetime(2026, 3, 2, tzinfo=UTC), zone=zone))


def test_naive_instants_are_refused() -> None:
    """A wall-clock time without a zone starts no period."""
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValidationError, match="has no time zone"):
        Inputs(at=naive)
    with pytest.raises(Refused, match="has no time zone"):
        local(naive, "Europe/Berlin")


def test_a_calendar_that_ends_too_soon() -> None:
    """A last day that the calendar does not cover is refused; silence about a day makes no working day of it."""
    inputs = Inputs(at=datetime(2026, 12, 30, tzinfo=UTC), calendar=holiday_calendar("EU-DE", 2026, 2026))
    with pytest.raises(Refused, match=r"rule eu_days_1182: calendar EU-DE covers 2026-01-01 to 2026-12-31, not 2027"):
        compute(ComputingRule.EU_DAYS_1182, Period(n=14, unit=Unit.DAYS), inputs)


def test_a_reading_never_takes_the_deadline_away() -> None:
    """Hours need no calendar: where it ends too soon, only the contested reading is left out."""
    inputs = Inputs(at=datetime(2026, 12, 30, tzinfo=UTC), calendar=holiday_calendar("EU-DE", 2026, 2026))
    result = compute(ComputingRule.EU_HOURS, hours(72), inputs)
    assert result.deadline_at == datetime(2027, 1, 2, tzinfo=UTC)
    assert result.readings[TWO_WORKING_DAYS] is None


def last_day(deadline_at: datetime, zone: str) -> date:
    """Return the day whose last hour expires at the deadline."""
    return local(as_utc(deadline_at) - timedelta(microseconds=1), zone).date()


def days_between(first: date, last: date) -> list[date]:
    """Return the days after `first` until and with `last`."""
    days = (first + timedelta(days=n) for n in range(1, 100_000))
    return list(islice(days, (last - first).days))
