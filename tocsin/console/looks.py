"""Who looked: one entry of the log for each person, incident and hour, written before anything is shown."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from tocsin.console.recent import Recent
from tocsin.domain.read import Reading, Way
from tocsin.domain.values import IncidentId
from tocsin.noting import note
from tocsin.ports import Store

if TYPE_CHECKING:
    from tocsin.console.office import Visitor

REMEMBERED = 20_000
"""Looks that this process knows to be in the log; of the others it asks the log."""


class Looks:
    """Writes looks down, and remembers which it has."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._noted: Recent[str, bool] = Recent(REMEMBERED)

    async def note(self, visitor: "Visitor", incident_id: IncidentId, way: Way = Way.CONSOLE) -> None:
        """Write down that a visitor looks at an incident."""
        said = {"incident_id": incident_id, "person_id": visitor.person_id, "way": way, "at": self._now()}
        reading = Reading.model_validate(said | {"authenticated": visitor.actor.authenticated})
        if self._noted.get(reading.key) is None:
            await asyncio.to_thread(note, self._store, reading)
            self._noted.put(reading.key, True)
