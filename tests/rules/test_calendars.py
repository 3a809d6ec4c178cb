"""Calendars: which days are working days, and that silence about a day makes none of it."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from tocsin.adapters.holiday_calendars import EEA, holiday_calendar
from tocsin.domain.calendar import Calendar
from tocsin.domain.errors import Refused


def plain(**given: object) -> Calendar:
    """Return a calendar of March 2026 with Friday the 6th off."""
    base = {
        "calendar_id": "TEST",
        "holidays": {date(2026, 3, 6): "Founders' Day"},
        "covers_from": date(2026, 3, 1),
        "covers_until": date(2026, 3, 31),
        "source": "made for a test",
    }
    return Calendar.model_validate(base | given)


def test_days_off() -> None:
    """A weekend and a holiday are no working days, and the calendar says which it was."""
    calendar = plain()
    assert [calendar.day_off(date(2026, 3, day)) for day in (5, 6, 7, 8, 9)] == [
        None,
        "Founders' Day",
        "Saturday",
        "Sunday",
        None,
    ]
    assert calendar.next_working_day(date(2026, 3, 5)) == date(2026, 3, 9)


def test_worked_weekends() -> None:
    """A Saturday that is worked by decree is a working day."""
    assert plain(worked=(date(2026, 3, 7),)).is_working_day(date(2026, 3, 7))


def test_other_weekends() -> None:
    """Where the weekend is Friday and Saturday, Sunday is worked."""
    calendar = plain(weekend=(4, 5))
    assert [calendar.is_working_day(date(2026, 3, day)) for day in (13, 14, 15)] == [False, False, True]


@pytest.mark.parametrize("day", [date(2026, 2, 28), date(2026, 4, 1)])
def test_days_outside(day: date) -> None:
    """A day that the calendar does not cover is refused with the fix."""
    with pytest.raises(Refused, match=f"covers 2026-03-01 to 2026-03-31, not {day}; build it for a span that holds"):
        plain().is_working_day(day)


def test_the_search_ends() -> None:
    """The next working day is not looked for beyond the calendar's end."""
    with pytest.raises(Refused, match="not 2026-04-01"):
        plain().next_working_day(date(2026, 3, 31))


@pytest.mark.parametrize(
    "wrong",
    [
        {"covers_until": date(2026, 2, 1), "holidays": {}},
        {"weekend": tuple(range(7))},
        {"weekend": (7,)},
        {"holidays": {date(2026, 4, 3): "Good Friday"}},
        {"worked": (date(2027, 1, 2),)},
    ],
)
def test_calendars_that_make_no_sense(wrong: dict[str, object]) -> None:
    """A calendar without working days, back to front, or with days outside its span is refused."""
    with pytest.raises(ValidationError, match="TEST: "):
        plain(**wrong)


def test_a_calendar_survives_storage() -> None:
    """A calendar that was pinned with a deadline is read back the same."""
    calendar = holiday_calendar("EU-DE", 2026, 2027)
    assert Calendar.model_validate_json(calendar.canonical()) == calendar


def test_the_source_says_which_package() -> None:
    """The version of the package is part of the calendar, and the names are English on every machine."""
    calendar = holiday_calendar("DE-BY", 2026, 2026)
    assert calendar.source.startswith("holidays 0.")
    assert calendar.source.endswith(" DE-BY")
    assert calendar.holidays[date(2026, 12, 25)] == "Christmas Day"


def test_a_part_of_a_country() -> None:
    """Epiphany is a holiday in Bavaria, and none of the whole of Germany."""
    epiphany = date(2026, 1, 6)
    assert holiday_calendar("DE-BY", 2026, 2026).day_off(epiphany) == "Epiphany"
    assert holiday_calendar("EU-DE-BY", 2026, 2026).day_off(epiphany) == "Epiphany"
    assert holiday_calendar("EU-DE", 2026, 2026).is_working_day(epiphany)


def test_exchanged_days() -> None:
    """Under Regulation 1182/71 a day off for a worked Saturday stays a working day, and that Saturday a day off."""
    bridge, saturday = date(2026, 1, 2), date(2026, 1, 10)
    union, country = holiday_calendar("EU-HU", 2026, 2026), holiday_calendar("HU", 2026, 2026)
    assert (union.is_working_day(bridge), union.is_working_day(saturday)) == (True, False)
    assert (country.is_working_day(bridge), country.is_working_day(saturday)) == (False, True)


def test_every_member_state() -> None:
    """Each State of the EEA has a calendar with Christmas and no weekend but Saturday and Sunday."""
    for state in sorted(EEA):
        calendar = holiday_calendar(f"EU-{state}", 2026, 2027)
        assert date(2026, 12, 25) in calendar.holidays, state
        assert calendar.weekend == (5, 6), state


def test_the_federal_calendar() -> None:
    """The SEC's calendar has eleven holidays a year, and leaves closures by executive order out."""
    calendar = holiday_calendar("US-SEC", 2025, 2026)
    days_off = {day for day in calendar.holidays if day.year == 2026 and day.weekday() < 5}
    assert len(days_off) == 11
    assert date(2026, 7, 3) in days_off
    assert calendar.is_working_day(date(2025, 12, 26))


def test_black_awareness_day() -> None:
    """20 November is a national holiday of Brazil since 2024."""
    calendar = holiday_calendar("BR", 2023, 2026)
    off = {year: date(year, 11, 20) in calendar.holidays for year in range(2023, 2027)}
    assert off == {2023: False, 2024: True, 2025: True, 2026: True}


@pytest.mark.parametrize("calendar_id", ["", "eu-de", "XX", "EU-US", "EU-", "Germany", "DEU", "DE_BY", "US-SEC-NY2"])
def test_calendars_nobody_knows(calendar_id: str) -> None:
    """An id that names no place is refused."""
    with pytest.raises(Refused, match=r"is unknown|has no part"):
        holiday_calendar(calendar_id, 2026, 2026)


def test_parts_nobody_knows() -> None:
    """A part that the country does not have is refused with where to look."""
    with pytest.raises(Refused, match="DE has no part 'ZZ'; see ISO 3166-2:DE"):
        holiday_calendar("DE-ZZ", 2026, 2026)


@pytest.mark.parametrize(("calendar_id", "first", "last"), [("IN", 2026, 2036), ("DE", 1980, 2026), ("BR", 2027, 2026)])
def test_years_without_data(calendar_id: str, first: int, last: int) -> None:
    """Years for which there is no complete data are refused, not answered with half of the holidays."""
    with pytest.raises(Refused, match="has data for"):
        holiday_calendar(calendar_id, first, last)


def test_whole_years() -> None:
    """A calendar covers whole years: the day before and the day after are not known."""
    calendar = holiday_calendar("BR", 2026, 2027)
    day = timedelta(days=1)
    assert calendar.covers(date(2026, 1, 1))
    assert calendar.covers(date(2027, 12, 31))
    assert not calendar.covers(date(2026, 1, 1) - day)
    assert not calendar.covers(date(2027, 12, 31) + day)
