"""Deadlines: one entry to every way in which a law or a contract counts a period.

The functions behind it are in `counting*.py`, each with the article it applies. All of them are pure: trigger
instants, time zone and calendar come in, an instant in UTC and its steps come out.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import Field

from tocsin.domain.calendar import Calendar
from tocsin.domain.counting import Computed, elapsed_hours
from tocsin.domain.counting_dora import DoraEntity, DoraReport, Roll, dora_hours, dora_initial, dora_months
from tocsin.domain.counting_eu import eu_days_1182, eu_hours_1182, eu_months_1182
from tocsin.domain.counting_world import (
    br_business_days,
    calendar_days,
    sg_days,
    us_sec_business_days,
    year_end_days,
)
from tocsin.domain.errors import Refused
from tocsin.domain.values import Instant, Value

T = TypeVar("T")


class ComputingRule(StrEnum):
    """How a period is counted."""

    ELAPSED = "elapsed"
    EU_HOURS = "eu_hours"
    """Elapsed hours, with the other readings of Regulation 1182/71 beside them."""
    EU_DAYS_1182 = "eu_days_1182"
    EU_MONTHS_1182 = "eu_months_1182"
    DORA_INITIAL = "dora_initial"
    DORA_NOON_ROLL = "dora_noon_roll"
    US_SEC_BUSINESS_DAYS = "us_sec_business_days"
    US_CALENDAR_DAYS = "us_calendar_days"
    """Plain calendar days without a roll; serves every statute that has no rule of its own, not only American ones."""
    SG_DAYS = "sg_days"
    BR_BUSINESS_DAYS = "br_business_days"
    YEAR_END_DAYS = "year_end_days"
    NONE = "none"
    """Without undue delay: no number, and so never a date."""


class Unit(StrEnum):
    """What a period is measured in."""

    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"
    BUSINESS_DAYS = "business_days"


UNITS: Mapping[ComputingRule, tuple[Unit, ...]] = {
    ComputingRule.ELAPSED: (Unit.HOURS,),
    ComputingRule.EU_HOURS: (Unit.HOURS,),
    ComputingRule.EU_DAYS_1182: (Unit.DAYS,),
    ComputingRule.EU_MONTHS_1182: (Unit.MONTHS,),
    ComputingRule.DORA_INITIAL: (Unit.HOURS,),
    ComputingRule.DORA_NOON_ROLL: (Unit.HOURS, Unit.MONTHS),
    ComputingRule.US_SEC_BUSINESS_DAYS: (Unit.BUSINESS_DAYS,),
    ComputingRule.US_CALENDAR_DAYS: (Unit.DAYS,),
    ComputingRule.SG_DAYS: (Unit.DAYS,),
    ComputingRule.BR_BUSINESS_DAYS: (Unit.BUSINESS_DAYS,),
    ComputingRule.YEAR_END_DAYS: (Unit.DAYS,),
    ComputingRule.NONE: (),
}
"""The units each rule can count; empty: it takes no period."""


class Period(Value):
    """A number of units."""

    n: int = Field(gt=0, le=10_000)
    unit: Unit


class Inputs(Value):
    """What a deadline is computed from; recorded with it."""

    at: Instant
    """The trigger's instant. For the DORA initial notification: the classification as major."""
    aware_at: Instant | None = None
    """Awareness, where a rule looks at two triggers."""
    zone: str = "UTC"
    """IANA name of the time zone in which days begin and end: the competent authority's."""
    calendar: Calendar | None = None
    dora_report: DoraReport | None = None
    dora_entity: tuple[DoraEntity, ...] | None = None


Count = Callable[[Inputs, Period], Computed]


def compute(rule: ComputingRule, period: Period | None, inputs: Inputs) -> Computed:
    """Return the deadline that `rule` gives for `period`.

    Raises:
        Refused: a period in a unit the rule does not count, an input that the rule needs and lacks, a zone that is
            unknown, a day that the calendar does not cover.
    """
    if rule is ComputingRule.NONE:
        return without_number()
    if period is None or period.unit not in UNITS[rule]:
        found = "no period" if period is None else f"a period in {period.unit}"
        raise Refused(f"rule {rule}: {found}; give one in {' or '.join(UNITS[rule])}")
    try:
        return _COUNTS[rule](inputs, period)
    except Refused as reason:
        raise Refused(f"rule {rule}: {reason}") from None


def without_number() -> Computed:
    """Return the result for "without undue delay": no date, ever."""
    step = "without undue delay: the text names no number, so there is no date; only elapsed time is shown"
    return Computed(deadline_at=None, steps=(step,))


def _in_business_days(count: Callable[[datetime, int, str, Calendar], Computed]) -> Count:
    return lambda given, period: count(given.at, period.n, given.zone, _needed("calendar", given.calendar))


def _plainly(count: Callable[[datetime, int, str], Computed]) -> Count:
    return lambda given, period: count(given.at, period.n, given.zone)


def _by_1182(count: Callable[[datetime, int, str, Calendar | None], Computed]) -> Count:
    return lambda given, period: count(given.at, period.n, given.zone, given.calendar)


def _dora_initial(given: Inputs, period: Period) -> Computed:
    aware_at = _needed("aware_at", given.aware_at)
    return dora_initial(given.at, aware_at, period.n, _roll(given, DoraReport.INITIAL))


def _dora_noon_roll(given: Inputs, period: Period) -> Computed:
    count = dora_hours if period.unit is Unit.HOURS else dora_months
    return count(given.at, period.n, _roll(given, _needed("dora_report", given.dora_report)))


def _roll(given: Inputs, report: DoraReport) -> Roll:
    return Roll(report=report, entity=given.dora_entity, zone=given.zone, calendar=given.calendar)


def _needed(name: str, value: T | None) -> T:
    if value is None:
        raise Refused(f"the input {name!r} is missing; state it with the policy or the incident's facts")
    return value


_COUNTS: Mapping[ComputingRule, Count] = {
    ComputingRule.ELAPSED: _plainly(elapsed_hours),
    ComputingRule.EU_HOURS: _by_1182(eu_hours_1182),
    ComputingRule.EU_DAYS_1182: _by_1182(eu_days_1182),
    ComputingRule.EU_MONTHS_1182: _by_1182(eu_months_1182),
    ComputingRule.DORA_INITIAL: _dora_initial,
    ComputingRule.DORA_NOON_ROLL: _dora_noon_roll,
    ComputingRule.US_SEC_BUSINESS_DAYS: _in_business_days(us_sec_business_days),
    ComputingRule.US_CALENDAR_DAYS: _plainly(calendar_days),
    ComputingRule.SG_DAYS: _plainly(sg_days),
    ComputingRule.BR_BUSINESS_DAYS: _in_business_days(br_business_days),
    ComputingRule.YEAR_END_DAYS: _plainly(year_end_days),
}
