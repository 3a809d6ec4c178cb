"""Calendars from the `holidays` package, frozen together with its version."""

import re
from datetime import date
from typing import Any

import holidays
from holidays.version import __version__

from tocsin.domain.calendar import Calendar
from tocsin.domain.errors import Refused

SEC = "US-SEC"
"""The federal holidays. Closures by executive order are left out: counting such a day gives the earlier deadline."""

# fmt: off
EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
    "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on
"""The States whose public holidays Regulation 1182/71 may look at, as `EU-DE`; a part of one as `EU-DE-BY`."""

_COMPLETE = {"IN": (2001, 2035)}
"""Years outside which the package gives only some of a country's holidays, and merely warns."""

_ID = re.compile(r"(?P<union>EU-)?(?P<country>[A-Z]{2})(-(?P<part>.+))?")
_EXCHANGED = "substituted from"
"""How the package names a day off for which a day of a weekend is worked."""


def holiday_calendar(calendar_id: str, first_year: int, last_year: int) -> Calendar:
    """Return the calendar of whole years for `BR` (a country), `DE-BY` (a part of one), `EU-DE` or `US-SEC`.

    Only public holidays count, those of the whole country unless a part is named. Names of days whose date is
    not settled yet carry the package's word "estimated". Names are English wherever the package has them.

    Raises:
        Refused: an id or a part that the package does not know, or years for which it has no data.
    """
    country, part, union = _parts(calendar_id)
    _check_years(calendar_id, country, first_year, last_year)
    covers_from, covers_until = date(first_year, 1, 1), date(last_year, 12, 31)
    days = _days(calendar_id, country, part, range(first_year, last_year + 1))
    return Calendar(
        calendar_id=calendar_id,
        weekend=tuple(sorted(days.weekend)),
        # Reg. 1182/71 art. 2: a day off in exchange for a worked weekend is no public holiday,
        holidays={
            day: name
            for day, name in sorted(days.items())
            if covers_from <= day <= covers_until and not (union and _EXCHANGED in name)
        },
        # and the Saturday that is worked for it no working day.
        worked=tuple(day for day in sorted(days.weekend_workdays) if not union and covers_from <= day <= covers_until),
        covers_from=covers_from,
        covers_until=covers_until,
        source=f"holidays {__version__} {calendar_id}",
    )


def _parts(calendar_id: str) -> tuple[str, str | None, bool]:
    """Return country, part, and whether the id asks for a Member State under Regulation 1182/71."""
    if calendar_id == SEC:
        return "US", None, False
    found = _ID.fullmatch(calendar_id)
    country = found["country"] if found else None
    union = bool(found and found["union"])
    known = EEA if union else holidays.list_supported_countries(include_aliases=False)
    if found is None or country not in known:
        raise Refused(
            f"calendar {calendar_id!r} is unknown; write {SEC}, a country as in BR, a part of one as in DE-BY, "
            "or a Member State of the EEA as in EU-DE"
        )
    return found["country"], found["part"], union


def _check_years(calendar_id: str, country: str, first: int, last: int) -> None:
    entity = getattr(holidays, country)
    known_first, known_last = _COMPLETE.get(country, (entity.start_year, entity.end_year))
    if not known_first <= first <= last <= known_last:
        raise Refused(
            f"calendar {calendar_id!r} has data for {known_first} to {known_last}, not for {first} to {last}; "
            "ask for years within them, the first one first"
        )


def _days(calendar_id: str, country: str, part: str | None, years: range) -> Any:
    """Return the package's object. Any, since its types do not name the countries' own attributes."""
    try:
        # The language is named, or else the names would be in that of the machine.
        days = holidays.country_holidays(country, subdiv=part, years=years, language="en_US")
    except NotImplementedError:
        raise Refused(f"calendar {calendar_id!r}: {country} has no part {part!r}; see ISO 3166-2:{country}") from None
    return days
