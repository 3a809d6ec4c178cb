"""Calendars: which days are working days, as frozen data that says where it came from.

A calendar is part of what a deadline was computed from, so it is pinned with the result and never looked up again.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Self

from pydantic import model_validator

from tocsin.domain.errors import Refused
from tocsin.domain.values import Value

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Names of the days as `date.weekday` counts them; `strftime` would speak the language of the machine."""

ONE_DAY = timedelta(days=1)


def day_in_words(day: date) -> str:
    """Return a day as it is written in a step: `Monday 2026-03-02`."""
    return f"{WEEKDAYS[day.weekday()]} {day.isoformat()}"


class Calendar(Value):
    """The working days of one place, between two dates and no further."""

    calendar_id: str
    weekend: tuple[int, ...] = (5, 6)
    """Days of the week on which nobody works, Monday being 0."""
    holidays: dict[date, str] = {}
    """The public holidays with their names, those on a weekend included."""
    worked: tuple[date, ...] = ()
    """Days of a weekend that are working days by decree."""
    covers_from: date
    covers_until: date
    """The last day that is covered."""
    source: str
    """Where the days come from, with the version, as in `holidays 0.109 DE-BY`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.covers_from > self.covers_until:
            raise ValueError(
                f"{self.calendar_id}: covers_from {self.covers_from} is after {self.covers_until}; swap them"
            )
        if not set(self.weekend) < set(range(7)):
            raise ValueError(
                f"{self.calendar_id}: weekend {self.weekend} must name some days, 0 (Monday) to 6, not all"
            )
        for day in (*self.holidays, *self.worked):
            if not self.covers(day):
                raise ValueError(f"{self.calendar_id}: {day} lies outside {self.covers_from} to {self.covers_until}")
        return self

    def covers(self, day: date) -> bool:
        """Say whether anything is known about `day`."""
        return self.covers_from <= day <= self.covers_until

    def day_off(self, day: date) -> str | None:
        """Return why nobody works on `day` (`Saturday`, the holiday's name), or None for a working day.

        Raises:
            Refused: if the calendar does not cover `day`; silence about a day is not a working day.
        """
        if not self.covers(day):
            raise Refused(
                f"calendar {self.calendar_id} covers {self.covers_from} to {self.covers_until}, not {day}; "
                f"build it for a span that holds {day} ({self.source})"
            )
        if day in self.holidays:
            return self.holidays[day]
        if day.weekday() in self.weekend and day not in self.worked:
            return WEEKDAYS[day.weekday()]
        return None

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is neither weekend nor holiday. Raises Refused outside the span that is covered."""
        return self.day_off(day) is None

    def next_working_day(self, day: date) -> date:
        """Return the first working day after `day`. Raises Refused if the calendar ends before it."""
        return next(self.working_days_after(day))

    def working_days_after(self, day: date) -> Iterator[date]:
        """Yield the working days after `day` in order. Raises Refused where the calendar ends."""
        while True:
            day += ONE_DAY
            if self.is_working_day(day):
                yield day
