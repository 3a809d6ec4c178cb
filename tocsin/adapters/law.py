"""The law as the engine asks it: the policies that an incident is pinned to, for the organisation of `org.toml`."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path

from holidays.version import __version__ as holidays_version
from pydantic import ValidationError

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.adapters.organisation import load_organisation
from tocsin.domain.calendar import Calendar
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Broken
from tocsin.domain.explain import explain
from tocsin.domain.explain_facts import case_of
from tocsin.domain.explanation import Calendars
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.law_pin import LawPin
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import PolicyId
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.register import Affected
from tocsin.domain.statutory import statutory_duties
from tocsin.domain.values import IncidentId
from tocsin.policies import load_policies
from tocsin.ports import Shelf

CALENDARS = f"holidays {holidays_version}"
"""The version of the calendars that are built here."""

_calendar = cache(holiday_calendar)


class PolicyLaw:
    """Fulfils `ports.Law`. Without a profile it knows no duty: whose law it would be is not known.

    Args:
        pack: the policies that new incidents are pinned to.
        profile: the organisation.
        calendars: the version of the calendars that `build` gives.
        build: gives the working days of an authority.
    """

    def __init__(
        self, pack: PolicyPack, profile: Organisation, calendars: str = CALENDARS, build: Calendars = _calendar
    ) -> None:
        self._pack = pack
        self._profile = profile
        self._build = build
        self.current = LawPin(law=pack.digest, calendars=calendars)

    @classmethod
    def load(cls, home: Path) -> "PolicyLaw":
        """Read the policies, the home's own ones included, and the profile if there is one."""
        pack = load_policies(home / "policies")
        file = home / "org.toml"
        profile = load_organisation(file, pack.facts) if file.exists() else Organisation()
        return cls(pack, profile)

    def content(self) -> bytes:
        """Return the current pack as compressed JSON."""
        return zlib.compress(self._pack.model_dump_json().encode())

    def duties(
        self,
        books: Shelf,
        pin: LawPin,
        incident_id: IncidentId,
        facts: Facts,
        triggers: Triggers,
        pins: Sequence[Affected],
        submitted: Mapping[PolicyId, datetime],
        now: datetime,
        decided: WhomToTell | None = None,
    ) -> list[Duty]:
        """Return what the law of `pin` asks of us in this incident, as of `now`.

        Raises:
            Broken: if the pack that the incident is pinned to is gone, or this version cannot read it.
        """
        if not self._profile.facts:
            return []
        pack = self.pack_of(books, pin)
        case, _ = case_of(facts, triggers, pins, self._profile, pack.facts)
        case = case.model_copy(update={"submitted": dict(submitted), "affected": (), "decided": decided})
        return statutory_duties(incident_id, explain(pack, case, self.calendars_of(books, pin), now))

    def pack_of(self, books: Shelf, pin: LawPin) -> PolicyPack:
        """Return the policies that an incident is pinned to. Raises Broken if they are gone or cannot be read."""
        return self._pack if pin.law == self.current.law else _kept(books, pin.law)

    def calendars_of(self, books: Shelf, pin: LawPin) -> Calendars:
        """Return what gives the calendars of the pinned version: built if it is ours, else as they were kept then."""

        def calendar(calendar_id: str, first_year: int, last_year: int) -> Calendar:
            if pin.calendars != self.current.calendars:
                kept = books.calendar(pin.calendars, calendar_id, first_year, last_year)
                if kept is not None:
                    return kept
            # One that no clock of this incident has counted by yet may be today's.
            built = self._build(calendar_id, first_year, last_year)
            books.keep_calendar(pin.calendars, built, first_year, last_year)
            return built

        return calendar


class ReadOnlyShelf:
    """The books as they are: what is built beside them is not kept. For looking only."""

    def __init__(self, books: Shelf) -> None:
        self._books = books

    def pack(self, law: str) -> bytes | None:
        """Return a pack by its digest, or None."""
        return self._books.pack(law)

    def calendar(self, version: str, calendar_id: str, first_year: int, last_year: int) -> Calendar | None:
        """Return a calendar as it was kept, or None."""
        return self._books.calendar(version, calendar_id, first_year, last_year)

    def keep_calendar(self, version: str, calendar: Calendar, first_year: int, last_year: int) -> None:
        """Keep nothing."""


def _kept(books: Shelf, law: str) -> PolicyPack:
    packed = books.pack(law)
    if packed is None:
        raise Broken(
            f"the law {law[:12]} that an incident is pinned to is not in the store any more; restore it from a backup, "
            "or let a person accept today's law: tocsin recompute INCIDENT --accept"
        )
    return _unpacked(packed)


@lru_cache(maxsize=4)
def _unpacked(packed: bytes) -> PolicyPack:
    try:
        return PolicyPack.model_validate_json(zlib.decompress(packed))
    except (ValidationError, zlib.error) as error:
        raise Broken(
            "the law that an incident is pinned to cannot be read by this version; "
            "let a person accept today's law: tocsin recompute INCIDENT --accept"
        ) from error
