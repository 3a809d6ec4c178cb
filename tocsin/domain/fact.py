"""Named facts that decide which law applies: what kind of value each holds, the question that settles it, who knows it.

The values themselves are a plain mapping from key to value. A key that is missing, or whose value is None, is not yet
known. Which keys exist is data: `tocsin/policies/facts.toml`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pydantic import Field

from tocsin.domain.incident import Trigger, Triggers
from tocsin.domain.register_text import did_you_mean
from tocsin.domain.values import Value

FactValue = bool | int | str | tuple[str, ...] | datetime
"""One known value. Amounts and counts are whole numbers in the unit that the fact's key names."""

FactValues = Mapping[str, FactValue | None]


class FactType(StrEnum):
    """What a fact's value is."""

    BOOL = "bool"
    INT = "int"
    TEXT = "text"
    LIST = "list"
    INSTANT = "instant"


class WhoKnows(StrEnum):
    """Where the answer comes from: the organisation's profile, or this incident."""

    ORG = "org"
    INCIDENT = "incident"


class Fact(Value):
    """One fact that a policy may ask for. A key ending in `.*` is one fact per place, as in `residents.US-CA`."""

    key: str = Field(pattern=r"^(org|incident)(\.[a-z0-9_]+)+(\.\*)?$")
    type: FactType
    question: str = Field(min_length=8)
    """In plain words, as it is put to a person."""
    who: WhoKnows
    choices: tuple[str, ...] = ()
    """The only values that text and lists may hold; none means any."""
    places: bool = False
    """True if the values are places: `DE`, `US-CA`. A place counts as each larger place that it lies in."""


class FactRegistry(Value):
    """Every fact there is, and the groups of places, such as the European Economic Area."""

    facts: tuple[Fact, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = {}

    def find(self, key: str) -> Fact | None:
        """Return the fact of this key, or None."""
        return self._by_key.get(key) or self._by_key.get(f"{key.rpartition('.')[0]}.*")

    @cached_property
    def _by_key(self) -> dict[str, Fact]:
        return {fact.key: fact for fact in self.facts}

    def unknown(self, key: str) -> str:
        """Return why there is no such fact, with the one that was probably meant."""
        close = did_you_mean(key, [fact.key for fact in self.facts])
        return f"there is no fact {key!r}{close}; the facts are listed in facts.toml, add it there"

    def mistakes(self, values: Mapping[str, object]) -> Iterator[str]:
        """Yield what is wrong with values that a person gave: unknown keys, wrong types, words that are no choice."""
        for key, value in values.items():
            fact = self.find(key)
            if fact is None:
                yield self.unknown(key)
            elif value is not None:
                yield from value_mistakes(fact, key, value)

    def derive(self, values: FactValues, triggers: Triggers | None = None) -> dict[str, FactValue | None]:
        """Return the values with what follows from them: larger places, a single role, DORA's late classification."""
        derived = {key: self._widened(key, value) for key, value in values.items()}
        roles = set(_words(derived.get("org.roles"))) & {"controller", "processor"}
        if derived.get("incident.roles") is None and len(roles) == 1:
            derived["incident.roles"] = tuple(roles)
        derived.update(_late_classification(triggers or {}))
        return derived

    def _widened(self, key: str, value: FactValue | None) -> FactValue | None:
        fact = self.find(key)
        if fact is None or not fact.places or not isinstance(value, tuple):
            return value
        within = [place.partition("-")[0] for place in value if "-" in place]
        groups = [group for group, members in self.groups.items() if {*value, *within} & set(members)]
        return tuple(dict.fromkeys([*value, *within, *groups]))


def value_mistakes(fact: Fact, key: str, value: object) -> Iterator[str]:
    """Yield what keeps `value` from being a value of this fact."""
    is_type, wanted = _TYPES[fact.type]
    if not is_type(value):
        yield f"{key} is {value!r}, but it must be {wanted}"
        return
    for word in _words(value) if fact.choices else ():
        if word not in fact.choices:
            yield f"{key}: {word!r} is no choice{did_you_mean(word, fact.choices)}; known: {', '.join(fact.choices)}"


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else ()


def _late_classification(triggers: Triggers) -> dict[str, FactValue | None]:
    aware, major = triggers.get(Trigger.AWARENESS), triggers.get(Trigger.CLASSIFICATION_MAJOR)
    if aware is None or major is None:
        return {}
    # Delegated Regulation (EU) 2025/301 art. 5(2): classified later than 24 hours after awareness.
    return {"incident.dora_classified_late": (major.at - aware.at).total_seconds() > 24 * 3600}


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)


def _is_instant(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None


_TYPES: dict[FactType, tuple[Callable[[object], bool], str]] = {
    FactType.BOOL: (lambda value: isinstance(value, bool), "true or false"),
    FactType.INT: (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    FactType.TEXT: (lambda value: isinstance(value, str), 'text, as in "essential"'),
    FactType.LIST: (_is_list, 'a list of texts, as in ["controller"]'),
    FactType.INSTANT: (_is_instant, "an instant with a zone, as in 2026-11-21T09:00:00Z"),
}
