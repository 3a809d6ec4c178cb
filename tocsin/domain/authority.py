"""Where the competent authority sits: on whose clocks its days begin and end, and whose holidays it keeps.

A policy's id begins with the place whose law it is: `IN-CERT-6H`, `US-TX-AG`, `EU-GDPR-33-1`. Seats are capitals.
"""

from functools import cache
from zoneinfo import ZoneInfo

from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import Policy
from tocsin.domain.values import Value

AUTHORITY = "authority"
"""The calendar that a policy names when it means the competent authority's own."""

# fmt: off
_UNION = {
    "FI": "Europe/Helsinki", "EE": "Europe/Tallinn", "LV": "Europe/Riga", "LT": "Europe/Vilnius",
    "RO": "Europe/Bucharest", "BG": "Europe/Sofia", "GR": "Europe/Athens", "CY": "Asia/Nicosia",
    "AT": "Europe/Vienna", "BE": "Europe/Brussels", "CZ": "Europe/Prague", "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen", "ES": "Europe/Madrid", "FR": "Europe/Paris", "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest", "IT": "Europe/Rome", "LI": "Europe/Vaduz", "LU": "Europe/Luxembourg",
    "MT": "Europe/Malta", "NL": "Europe/Amsterdam", "NO": "Europe/Oslo", "PL": "Europe/Warsaw",
    "SE": "Europe/Stockholm", "SI": "Europe/Ljubljana", "SK": "Europe/Bratislava",
    "IE": "Europe/Dublin", "PT": "Europe/Lisbon", "IS": "Atlantic/Reykjavik",
}
"""The States in the order in which their days end, in summer as in winter: from the east to the west."""

_SEATS = {
    "AE": "Asia/Dubai", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo", "CA": "America/Toronto",
    "CH": "Europe/Zurich", "CN": "Asia/Shanghai", "GB": "Europe/London", "HK": "Asia/Hong_Kong", "IN": "Asia/Kolkata",
    "JP": "Asia/Tokyo", "KE": "Africa/Nairobi", "KR": "Asia/Seoul", "MY": "Asia/Kuala_Lumpur", "PH": "Asia/Manila",
    "SG": "Asia/Singapore", "TH": "Asia/Bangkok", "TR": "Europe/Istanbul", "US": "America/New_York",
    **dict.fromkeys(("US-AL", "US-LA", "US-SD", "US-TN", "US-TX", "US-WI", "US-OK"), "America/Chicago"),
    **dict.fromkeys(("US-CO", "US-NM"), "America/Denver"),
    **dict.fromkeys(("US-CA", "US-OR", "US-WA"), "America/Los_Angeles"),
    "US-AZ": "America/Phoenix", "US-IN": "America/Indiana/Indianapolis",
    **dict.fromkeys(("US-CT", "US-DE", "US-FL", "US-MD", "US-ME", "US-NY", "US-OH", "US-RI", "US-VT"),
                    "America/New_York"),
}
# fmt: on


class Seat(Value):
    """Where an authority sits."""

    zone: str
    """IANA name."""
    calendar_id: str | None = None
    """Whose holidays it keeps; None: not known, and then nothing is added for days off."""
    doubt: str | None = None
    """What is not known about it, with the fix."""


@cache
def _kept(zone: str) -> ZoneInfo:
    # zoneinfo remembers the last eight zones only; one explanation touches more, and reading one takes a while.
    return ZoneInfo(zone)


def seat_of(policy: Policy, profile: Organisation) -> Seat:
    """Return the seat of the authority whose law a policy is."""
    first, _, rest = policy.id.partition("-")
    place = {"UK": "GB"}.get(first, first)
    seat = _in_the_union(profile) if place == "EU" else _elsewhere(place, rest, profile)
    _kept(seat.zone)
    return seat


def _elsewhere(place: str, rest: str, profile: Organisation) -> Seat:
    part = f"{place}-{rest.partition('-')[0]}"
    zone = _SEATS.get(part) or _SEATS.get(place)
    if zone is None:
        doubt = f"the seat of the authority is not known, so days begin and end in {profile.time_zone}, our own zone"
        return Seat(zone=profile.time_zone, doubt=doubt)
    return Seat(zone=zone, calendar_id=place)


def _in_the_union(profile: Organisation) -> Seat:
    places = _places(profile, "org.establishments") or _places(profile, "org.serves") or tuple(_UNION)
    if profile.lead_authority in _UNION:
        places = (str(profile.lead_authority),)
    if len(places) == 1:
        return Seat(zone=_UNION[places[0]], calendar_id=f"EU-{places[0]}")
    # Which authority it is, is open: the one whose day ends first is never too late for any other.
    zone = next(zone for place, zone in _UNION.items() if place in places)
    doubt = f"which State's authority is competent is not known (lead_authority), so the earliest zone of them: {zone}"
    return Seat(zone=zone, doubt=doubt)


def _places(profile: Organisation, key: str) -> tuple[str, ...]:
    value = profile.facts.get(key)
    countries = (place.partition("-")[0] for place in value) if isinstance(value, tuple) else ()
    return tuple(dict.fromkeys(place for place in countries if place in _UNION))
