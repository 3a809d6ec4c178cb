"""The law as it was: packs of policies and calendars that running incidents are pinned to. Nothing here is secret."""

from datetime import datetime

from sqlalchemy import select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import frozen_calendars, law_packs, law_pins
from tocsin.domain.calendar import Calendar
from tocsin.domain.law_pin import LawPin
from tocsin.domain.values import IncidentId


class SqlLawBooks:
    """Keeps `tocsin.ports.LawBooks`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def keep(self, pin: LawPin, pack: bytes, at: datetime) -> None:
        """Keep a pack under its digest, and that a worker had it with these calendars; the same is kept once."""
        row = {"law": pin.law, "calendars": pin.calendars, "pack": pack, "at": at}
        self._session.add(law_packs, [row])

    def pack(self, law: str) -> bytes | None:
        """Return a pack by its digest, or None."""
        query = select(law_packs.c.pack).where(law_packs.c.law == law).limit(1)
        pack = self._connection.scalar(query)
        return bytes(pack) if pack is not None else None

    def knows(self, pin: LawPin) -> bool:
        """Say whether a worker has had this pack with these calendars."""
        query = select(law_packs.c.law).where(law_packs.c.law == pin.law, law_packs.c.calendars == pin.calendars)
        return self._connection.scalar(query) is not None

    def newest(self) -> LawPin | None:
        """Return what a worker brought last, or None."""
        query = select(law_packs.c.law, law_packs.c.calendars).order_by(law_packs.c.at.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return LawPin(law=row.law, calendars=row.calendars) if row is not None else None

    def keep_calendar(self, version: str, calendar: Calendar, first_year: int, last_year: int) -> None:
        """Keep a calendar as a version of its source gave it; the first one stays."""
        row = {
            "version": version,
            "calendar_id": calendar.calendar_id,
            "first_year": first_year,
            "last_year": last_year,
            "body": calendar.model_dump_json(),
        }
        self._session.add(frozen_calendars, [row])

    def calendar(self, version: str, calendar_id: str, first_year: int, last_year: int) -> Calendar | None:
        """Return a calendar as it was kept, or None."""
        query = select(frozen_calendars.c.body).where(
            frozen_calendars.c.version == version,
            frozen_calendars.c.calendar_id == calendar_id,
            frozen_calendars.c.first_year == first_year,
            frozen_calendars.c.last_year == last_year,
        )
        body = self._connection.scalar(query)
        return Calendar.model_validate_json(body) if body is not None else None

    def pin(self, incident_id: IncidentId, pin: LawPin, at: datetime) -> None:
        """Pin an incident to a pack and a version of the calendars, instead of what it was pinned to before."""
        self._session.upsert(law_pins, [{"incident_id": incident_id, **pin.model_dump(), "at": at}])

    def pinned(self, incident_id: IncidentId) -> LawPin | None:
        """Return what an incident is pinned to, or None before its first resolving."""
        query = select(law_pins.c.law, law_pins.c.calendars).where(law_pins.c.incident_id == incident_id)
        row = self._connection.execute(query).one_or_none()
        return LawPin(law=row.law, calendars=row.calendars) if row is not None else None
