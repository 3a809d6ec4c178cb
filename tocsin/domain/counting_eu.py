"""Periods in acts of the Union, as Regulation (EEC, Euratom) No 1182/71 article 3 counts them."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from itertools import islice

from tocsin.domain.calendar import ONE_DAY, Calendar, day_in_words
from tocsin.domain.counting import Computed, elapsed_hours, end_of_day, ends, local, spoken
from tocsin.domain.errors import Refused
from tocsin.domain.values import as_utc

ACT = "Regulation 1182/71"

ELAPSED, NEXT_FULL_HOUR, TWO_WORKING_DAYS, WITHOUT_ROLL = (
    "elapsed",
    "next_full_hour",
    "two_working_days",
    "without_roll",
)
"""The names of the readings."""


def eu_hours_1182(at: datetime, hours: int, zone: str, calendar: Calendar | None = None) -> Computed:
    """Return elapsed hours as the deadline, with the other readings of article 3 beside it.

    `elapsed` is never later than `next_full_hour`, so whoever keeps it has kept both. `two_working_days` is
    contested and rejected for periods in hours by two supervisory authorities. Weekends never extend the deadline.
    """
    plain = elapsed_hours(at, hours, zone)
    there = local(at, zone)
    into_hour = timedelta(minutes=there.minute, seconds=there.second, microseconds=there.microsecond)
    # Art. 3(1): the hour of the event is not counted. Art. 3(2)(a): the period starts with the first hour after it.
    starts_at = as_utc(at) - into_hour + timedelta(hours=1)
    full_hour_at = starts_at + timedelta(hours=hours)
    contested_at = _with_two_working_days(starts_at, full_hour_at, zone, calendar) if hours >= 48 else None
    starts, full_hour = spoken(starts_at, zone), spoken(full_hour_at, zone)
    steps = (
        *plain.steps,
        f"beside it: from the next full hour, {starts}, it would be {full_hour} ({ACT} art. 3(1), 3(2)(a))",
        _contested(contested_at, hours, zone, calendar),
        f"no roll over weekends or holidays: {ACT} art. 3(4) leaves out periods in hours",
    )
    readings = {ELAPSED: plain.deadline_at, NEXT_FULL_HOUR: full_hour_at, TWO_WORKING_DAYS: contested_at}
    return Computed(deadline_at=plain.deadline_at, steps=steps, readings=readings)


def eu_days_1182(at: datetime, days: int, zone: str, calendar: Calendar | None = None) -> Computed:
    """Return the end of the `days`-th day after the day of `at`, moved off weekends and holidays.

    Without a calendar nothing is added for them: the earlier date.
    """
    day = local(at, zone).date()
    last = day + timedelta(days=days)  # art. 3(1): the day of the event is not counted
    return _in_days(at, day, last, f"+ {days} d", zone, calendar)


def eu_months_1182(at: datetime, months: int, zone: str, calendar: Calendar | None = None) -> Computed:
    """Return the end of the same date `months` months later, or of that month's last day, moved as days are.

    Without a calendar nothing is added for weekends and holidays: the earlier date.
    """
    day = local(at, zone).date()
    return _in_days(at, day, months_later(day, months), f"+ {months} mo", zone, calendar)


def months_later(day: date, months: int) -> date:
    """Return the same date `months` months later; where that month has no such date, its last day (art. 3(2)(c))."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _in_days(at: datetime, day: date, last: date, span: str, zone: str, calendar: Calendar | None) -> Computed:
    moved, because = _moved(day, last, calendar)
    steps = (
        f"from {spoken(at, zone)}; {day_in_words(day)} itself is not counted ({ACT} art. 3(1))",
        f"{span} = {day_in_words(last)} (art. 3(2)(b), (c))",
        *because,
        f"{ends(moved, zone)} (art. 3(2)(b), (c))",
    )
    unmoved_at = end_of_day(last, zone)
    return Computed(deadline_at=end_of_day(moved, zone), steps=steps, readings={WITHOUT_ROLL: unmoved_at})


def _moved(day: date, last: date, calendar: Calendar | None) -> tuple[date, list[str]]:
    if calendar is None:
        return last, [
            "no calendar is known, so nothing is added for weekends or holidays (art. 3(4)): the earlier date"
        ]
    steps: list[str] = []
    while (off := calendar.day_off(last)) is not None:  # art. 3(4): ends with the next working day
        steps.append(f"{day_in_words(last)} is no working day ({off}, {calendar.source}): the next day (art. 3(4))")
        last += ONE_DAY
    if (last - day).days >= 2 and last < (second := _second_working_day(day, calendar)):  # art. 3(5)
        steps.append(f"two days or more hold at least two working days: until {day_in_words(second)} (art. 3(5))")
        last = second
    return last, steps


def _second_working_day(day: date, calendar: Calendar) -> date:
    return next(islice(calendar.working_days_after(day), 1, None))


def _with_two_working_days(
    starts_at: datetime, until: datetime, zone: str, calendar: Calendar | None
) -> datetime | None:
    """Return `until`, lengthened by whole days until two working days after the first day have begun in it."""
    if calendar is None:
        return None
    first, last = local(starts_at, zone).date(), local(until, zone).date()
    try:
        missing = (_second_working_day(first, calendar) - last).days
    except Refused:
        return None  # a reading that is only shown must not take the deadline away
    return until + timedelta(days=max(missing, 0))


def _contested(contested_at: datetime | None, hours: int, zone: str, calendar: Calendar | None) -> str:
    if hours < 48:
        return f"two working days ({ACT} art. 3(5)) concern periods of two days or more"
    if contested_at is None:
        missing = f"calendar {calendar.calendar_id} does not reach far enough" if calendar else "no calendar is known"
        return f"beside it, contested: two working days ({ACT} art. 3(5)) are not shown, {missing}"
    return f"beside it, contested and not used: with two working days ({ACT} art. 3(5)) {spoken(contested_at, zone)}"
