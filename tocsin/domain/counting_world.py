"""Periods in days and business days outside the Union, each ending with the last hour of its last day."""

from datetime import date, datetime, timedelta
from itertools import islice

from tocsin.domain.calendar import Calendar, day_in_words
from tocsin.domain.counting import Computed, end_of_day, ends, local, spoken


def us_sec_business_days(at: datetime, days: int, zone: str, calendar: Calendar) -> Computed:
    """Return the end of the `days`-th business day: Form 8-K, General Instruction B.1.

    An event on a day that is no business day: the period begins on, and includes, the first business day after it.
    """
    day = local(at, zone).date()
    off = calendar.day_off(day)
    first = day_in_words(calendar.next_working_day(day))
    begins = f"begins on and includes {first}" if off else f"begins with the business day after it, {first}"
    why = f"{day_in_words(day)} is {f'no business day ({off})' if off else 'a business day'}: the period {begins}"
    step = f"{why} ({calendar.source}; Form 8-K Gen. Instr. B.1)"
    return _nth_working_day(at, days, zone, calendar, step)


def br_business_days(at: datetime, days: int, zone: str, calendar: Calendar) -> Computed:
    """Return the end of the `days`-th business day after the day of `at`: Resolution CD/ANPD 15/2024, arts 6 and 9."""
    step = f"business days after that day, by {calendar.source} (Res. CD/ANPD 15/2024 arts 6, 9)"
    return _nth_working_day(at, days, zone, calendar, step)


def calendar_days(at: datetime, days: int, zone: str) -> Computed:
    """Return the end of the `days`-th day after the day of `at`. Nothing is added for weekends or holidays.

    For statutes that name calendar days, or days without a rule of their own on where the last one may fall.
    """
    step = f"+ {days} calendar days, the day of the event not counted; no roll, since the statute names none"
    return _days(at, days, zone, step)


def sg_days(at: datetime, days: int, zone: str) -> Computed:
    """Return the end of the `days`-th calendar day after the day of the assessment: Singapore PDPA s. 26D(1)."""
    return _days(at, days, zone, f"+ {days} calendar days after the day of the assessment (PDPA s. 26D(1))")


def year_end_days(at: datetime, days: int, zone: str) -> Computed:
    """Return the end of the `days`-th day after the end of the calendar year of `at`: 45 CFR 164.408(c)."""
    year_end = date(local(at, zone).year, 12, 31)
    last = year_end + timedelta(days=days)
    steps = (
        f"from {spoken(at, zone)}, in the calendar year {year_end.year}",
        f"+ {days} d after {day_in_words(year_end)} = {day_in_words(last)} (as in 45 CFR 164.408(c))",
        ends(last, zone),
    )
    return Computed(deadline_at=end_of_day(last, zone), steps=steps)


def _days(at: datetime, days: int, zone: str, step: str) -> Computed:
    last = local(at, zone).date() + timedelta(days=days)
    steps = (f"from {spoken(at, zone)}", f"{step} = {day_in_words(last)}", ends(last, zone))
    return Computed(deadline_at=end_of_day(last, zone), steps=steps)


def _nth_working_day(at: datetime, days: int, zone: str, calendar: Calendar, step: str) -> Computed:
    counted = list(islice(calendar.working_days_after(local(at, zone).date()), days))
    steps = (
        f"from {spoken(at, zone)}",
        step,
        f"business days counted: {', '.join(map(day_in_words, counted))}",
        f"{ends(counted[-1], zone)}; the text names no hour, so mind how long the authority takes filings that day",
    )
    return Computed(deadline_at=end_of_day(counted[-1], zone), steps=steps)
