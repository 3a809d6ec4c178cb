"""Noting who looked: one entry of the log for each person, incident and hour."""

from tocsin.audit.entry import EntryDraft
from tocsin.domain.read import Reading
from tocsin.ports import Store

READ = "incident.read"
"""The kind of such an entry."""


def reading_entry(reading: Reading) -> EntryDraft:
    """Return the log entry of a look. It says by which way the first one of its hour was."""
    return EntryDraft(
        key=reading.key,
        at=reading.at,
        kind=READ,
        incident_id=reading.incident_id,
        actor=reading.person_id,
        authenticated=reading.authenticated,
        data={"way": reading.way},
    )


def note(store: Store, reading: Reading) -> bool:
    """Write down that somebody looked; return False if this hour's entry was there, so that nothing was written."""
    with store.reading() as tx:
        if tx.log.has(reading.key):
            return False
    with store.writing() as tx:
        # Two processes at once are one entry all the same: the log takes a key once.
        tx.log.append([reading_entry(reading)])
    return True
