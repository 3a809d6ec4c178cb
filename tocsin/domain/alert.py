"""From an alert to its incidents: one at a time, and the next once that has ended."""

from tocsin.domain.values import IncidentId, opaque_id


def incident_of_alert(id_key: bytes, source_key: str, generation: int) -> IncidentId:
    """Return the id of the n-th incident (from 0) of an alert."""
    return IncidentId(opaque_id("inc", id_key, source_key, str(generation)))
