"""Counting the days of a contract that counts days: its own calendar and time zone, and no law's."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

from tocsin.domain.calendar import ONE_DAY, WEEKDAYS, Calendar, day_in_words
from tocsin.domain.counting import Computed, end_of_day, ends, local, spoken


def contract_days(at: datetime, days: int, zone: str, calendar: Calendar | None) -> Computed:
    """Return the end of the last of `days` days after the day of `at` on the clocks of `zone`.

    Args:
        at: the trigger's instant.
        days: how many.
        zone: IANA name of the time zone in which days begin and end.
        calendar: whose working days are counted; None: every day counts. Beyond the years it covers only its weekend
            is left out: a holiday that nobody knows must not make a notice late.
    """
    start = local(at, zone).date()
    *_, last = islice(_counted(start, calendar), days)
    off = [_named(day, calendar) for day in _between(start, last) if _day_off(day, calendar)]
    steps = [f"from {spoken(at, zone)}", f"+ {days} days, the day of the trigger not counted"]
    if calendar is not None:
        steps.append(f"working days of {calendar.calendar_id} ({calendar.source}) as the clause counts them")
        steps += [f"not counted: {', '.join(off)}"] if off else []
        if not calendar.covers(last):
            steps.append(f"holidays after {calendar.covers_until} are not known: only weekends are left out")
    return Computed(deadline_at=end_of_day(last, zone), steps=(*steps, ends(last, zone)))


def _counted(day: date, calendar: Calendar | None) -> Iterator[date]:
    while True:
        day += ONE_DAY
        if _day_off(day, calendar) is None:
            yield day


def _between(first: date, last: date) -> Iterator[date]:
    day = first
    while (day := day + ONE_DAY) < last:
        yield day


def _day_off(day: date, calendar: Calendar | None) -> str | None:
    if calendar is None:
        return None
    if calendar.covers(day):
        return calendar.day_off(day)
    return WEEKDAYS[day.weekday()] if day.weekday() in calendar.weekend else None


def _named(day: date, calendar: Calendar | None) -> str:
    why = _day_off(day, calendar)
    return day_in_words(day) if why in WEEKDAYS else f"{day_in_words(day)} ({why})"
