"""One log entry in its final form: canonical JSON (RFC 8785) and its RFC 6962 leaf hash.

Entries hold ids, counts, instants and salted digests; never a name, an address or a word of a letter.
"""

import hashlib
from typing import Any

from tocsin.domain.canonical import canonical
from tocsin.domain.values import IncidentId, Instant, Value


class EntryDraft(Value):
    """An entry before the log has given it its number."""

    key: str
    """What makes it this entry: an entry written twice by a retry has the same key and is one entry."""
    at: Instant
    kind: str
    """What happened, as `act.confirm`, `clock.marked`, `notice.accepted`."""
    incident_id: IncidentId | None
    actor: str
    """A person's opaque id, or `engine`."""
    authenticated: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    sequence: int | None = None
    inputs_digest: str | None = None
    """Salted SHA-256 of what went in; the salt is erased with the incident's key."""
    data: dict[str, Any] = {}
    """Ids, counts, instants (RFC 3339) and digests only."""


class Entry(Value):
    """An entry in the log. `number` is gapless from 0."""

    number: int
    draft: EntryDraft

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored, hashed and exported."""
        body = self.draft.model_dump(mode="json", exclude_none=True)
        return canonical({"v": 1, "n": self.number, **body})


def leaf_hash(entry: bytes) -> bytes:
    """Return the leaf hash of an entry's bytes (RFC 6962, section 2.1: SHA-256 over 0x00 and the entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def salted_digest(salt: bytes, content: bytes) -> str:
    """Return SHA-256 over the salt's hash and the content's hash, in hex: without the salt it says nothing."""
    return salted(salt, hashlib.sha256(content).digest())


def salted(salt: bytes, content_sha256: bytes) -> str:
    """Return what `salted_digest` returns for a content of which only its own SHA-256 is known."""
    return hashlib.sha256(hashlib.sha256(salt).digest() + content_sha256).hexdigest()
