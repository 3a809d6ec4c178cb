"""Reading: that a person looked at an incident is worth one entry of the log for each hour. Pure."""

from datetime import datetime
from enum import StrEnum

from tocsin.domain.values import IncidentId, Instant, PersonId, Value


class Way(StrEnum):
    """By which way somebody looked."""

    SHOW = "show"
    TASK = "task"
    LETTER = "letter"
    EVIDENCE = "evidence"
    AUDIT = "audit"
    CONSOLE = "console"
    HISTORY = "history"
    """Temporal's history, opened by the codec endpoint."""


class Reading(Value):
    """That a person looked at an incident."""

    incident_id: IncidentId
    person_id: PersonId
    authenticated: str
    way: Way
    at: Instant

    @property
    def hour(self) -> datetime:
        """The beginning of its hour, in UTC."""
        return self.at.replace(minute=0, second=0, microsecond=0)

    @property
    def key(self) -> str:
        """What makes it one with every other of this person, incident and hour, whatever the way.

        Evidence that was taken away is told beside looks: whoever erases the incident must know of it.
        """
        taken = ":evidence" if self.way is Way.EVIDENCE else ""
        return f"read:{self.incident_id}:{self.person_id}:{self.hour.isoformat()}{taken}"
