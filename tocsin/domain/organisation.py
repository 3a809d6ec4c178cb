"""The organisation profile: what is true of us whatever happened. `org.toml` holds it, each fact without `org.`."""

import re
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from tocsin.domain.fact import FactRegistry, FactValue, FactValues, WhoKnows, value_mistakes
from tocsin.domain.register_text import did_you_mean
from tocsin.domain.values import Value

PREFIX = "org."

OWN_KEYS = ("name", "time_zone", "lead_authority")
"""The keys of `org.toml` that are no facts of the policies."""

_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class Organisation(Value):
    """Who we are. A fact that is not there is not yet known; an empty list says that there is none."""

    name: str = ""
    time_zone: str = "UTC"
    """IANA name; days begin and end in it where no authority's own zone is known."""
    lead_authority: str | None = None
    """The place of the authority that leads in the European Union and EEA, as in `DE`."""
    facts: dict[str, FactValue] = {}
    """Values by the whole key of the fact, as in `org.roles`."""


def known_keys(registry: FactRegistry) -> tuple[str, ...]:
    """Return the keys that `org.toml` may hold."""
    facts = (fact.key.removeprefix(PREFIX) for fact in registry.facts if fact.who is WhoKnows.ORG)
    return (*OWN_KEYS, *facts)


def organisation_mistakes(raw: Mapping[str, object], registry: FactRegistry) -> Iterator[str]:
    """Yield everything that is wrong with a profile as it was written, each with the fix."""
    known = known_keys(registry)
    for key, value in raw.items():
        if key not in known:
            yield f"the key {key!r} is unknown{did_you_mean(key, known)}; known: {', '.join(known)}"
        elif key not in OWN_KEYS:
            yield from org_fact_mistakes(key, value, registry)
    yield from _own_mistakes(raw, registry)


def org_fact_mistakes(key: str, value: object, registry: FactRegistry) -> Iterator[str]:
    """Yield what is wrong with one fact of the organisation, by its key without `org.`."""
    fact = registry.find(PREFIX + key)
    if fact is None:
        known = [known for known in known_keys(registry) if known not in OWN_KEYS]
        yield f"there is no fact {key!r} of the organisation{did_you_mean(key, known)}; known: {', '.join(known)}"
        return
    yield from value_mistakes(fact, key, value)
    if fact.places:
        yield from place_mistakes(key, value)


def place_mistakes(key: str, value: object) -> Iterator[str]:
    """Yield the words of a list that are no places: a country's two capitals, as in `DE`, or a part of one, `US-CA`."""
    for place in value if isinstance(value, list | tuple) else ():
        if isinstance(place, str) and (place == "UK" or not _PLACE.fullmatch(place)):
            fix = "write GB" if place == "UK" else "write a country's two capitals, or a part of one: DE, US-CA"
            yield f"{key}: {place!r} is no place; {fix}"


def organisation(raw: Mapping[str, object]) -> Organisation:
    """Return the profile of keys and values in which `organisation_mistakes` finds nothing."""
    own = {key: value for key, value in raw.items() if key in OWN_KEYS}
    facts = {PREFIX + key: value for key, value in raw.items() if key not in OWN_KEYS}
    return Organisation.model_validate({**own, "facts": facts})


def with_facts(profile: Organisation, facts: FactValues) -> Organisation:
    """Return the profile with facts of one case over its own; None takes a fact away."""
    merged = {**profile.facts, **facts}
    kept = {key: value for key, value in merged.items() if value is not None}
    return profile.model_copy(update={"facts": kept})


def _own_mistakes(raw: Mapping[str, object], registry: FactRegistry) -> Iterator[str]:
    name, zone, lead = (raw.get(key) for key in OWN_KEYS)
    if name is not None and not (isinstance(name, str) and name.strip() and name.isprintable()):
        yield f"name is {name!r}, but it must be one line of text"
    if zone is not None and not _is_zone(zone):
        yield f"time_zone is {zone!r}, but it must be an IANA name, as in Europe/Berlin"
    if lead is not None and lead not in registry.groups.get("EU", ()):
        yield f"lead_authority is {lead!r}, but it must be a State of the EU or EEA, as in DE; or leave it out"


def _is_zone(zone: object) -> bool:
    try:
        return isinstance(zone, str) and bool(ZoneInfo(zone))
    except (ValueError, OSError, LookupError):
        return False
