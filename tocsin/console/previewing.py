"""What a file would change in the register, shown before it does: agreement by agreement, what was and what comes."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from pydantic import BaseModel

from tocsin import probing
from tocsin.adapters.register_csv import stream_register
from tocsin.adapters.register_file import Format
from tocsin.adapters.register_toml import stream_toml
from tocsin.cli.register import Changes, compared
from tocsin.domain.readiness import Finding, Readiness, Weight
from tocsin.domain.register import Agreement
from tocsin.domain.values import PersonId
from tocsin.ports import Store, Transaction

LASTS = timedelta(minutes=30)
"""How long a file waits for the word that it is to be imported."""
KEPT = 8
SHOWN = 100
"""Agreements that are shown field by field; the counts are of all."""
_SAME = frozenset({"agreement_id", "reference", "party_id"})


class Field(NamedTuple):
    """One thing that an agreement says, before and after."""

    name: str
    before: str
    after: str


class Changed(NamedTuple):
    """One agreement that is new or changes."""

    reference: str
    party: str
    is_new: bool
    fields: tuple[Field, ...]


class Preview(NamedTuple):
    """What importing would do."""

    sha256: str
    name: str
    changes: Changes
    shown: tuple[Changed, ...]
    findings: tuple[Finding, ...]


class Waiting(NamedTuple):
    """A file that was shown and not imported yet."""

    content: bytes
    form: Format
    person_id: PersonId
    revision: int
    until: datetime


class Previews:
    """Keeps the last few files between showing and importing them, in memory only: they hold names and addresses."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[PersonId, str], Waiting] = OrderedDict()
        self._lock = Lock()

    def keep(self, sha256: str, waiting: Waiting) -> None:
        """Keep a file; of more than a few the oldest is forgotten."""
        with self._lock:
            self._waiting[waiting.person_id, sha256] = waiting
            while len(self._waiting) > KEPT:
                self._waiting.popitem(last=False)

    def take(self, person_id: PersonId, sha256: str, now: datetime) -> Waiting | None:
        """Return a person's own file, and forget it; None where it waits no more."""
        with self._lock:
            found = self._waiting.pop((person_id, sha256), None)
        return found if found is not None and now < found.until else None


def read_file(content: bytes, form: Format, id_key: bytes) -> Iterator[Agreement]:
    """Yield a file's agreements. Raises Refused, at the end, with every mistake."""
    return stream_toml(content, id_key) if form is Format.TOML else stream_register(content, id_key)


def preview(store: Store, content: bytes, form: Format, name: str, id_key: bytes, now: datetime) -> Preview:
    """Return what importing a file would do. Raises Refused with every mistake in it."""
    with store.reading() as tx:
        looking, shown = Readiness(now.date(), probing.answers(tx, now)), list[Changed]()

    def looked(tx: Transaction) -> Iterator[Agreement]:
        for agreement in read_file(content, form, id_key):
            if len(shown) < SHOWN and (found := _changed(tx, agreement)) is not None:
                shown.append(found)
            yield looking.look(agreement)

    with store.reading() as tx:
        changes = compared(store, looked(tx))
    findings = tuple(one for one in looking.findings() if one.severity is not Weight.INFO)
    return Preview(hashlib.sha256(content).hexdigest(), name, changes, tuple(shown), findings)


def _changed(tx: Transaction, agreement: Agreement) -> Changed | None:
    before = tx.register.agreement(agreement.agreement_id)
    if before == agreement:
        return None
    names = [name for name in Agreement.model_fields if name not in _SAME]
    pairs = ((name, getattr(before, name) if before else None, getattr(agreement, name)) for name in names)
    fields = tuple(Field(name.replace("_", " "), said(old), said(new)) for name, old, new in pairs if old != new)
    fields = tuple(field for field in fields if field.before != field.after)
    return Changed(agreement.reference, agreement.party_name, before is None, fields)


def said(value: object) -> str:
    """Return a part of an agreement in a line: what it says, without what it leaves open."""
    match value:
        case None | () | "" | False:
            return ""
        case BaseModel():
            parts = ((name, getattr(value, name)) for name in type(value).model_fields if not name.endswith("_id"))
            given = [(name, said(part)) for name, part in parts]
            return ", ".join(f"{name.replace('_', ' ')}: {words}" for name, words in given if words)
        case tuple() | list():
            return "; ".join(said(one) for one in value)
        case timedelta():
            return f"{value.total_seconds() / 3600:g} h"
        case _:
            return str(value)
