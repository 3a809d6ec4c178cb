"""The audit log. One row, the head, is locked by whoever appends: so numbers have no gaps."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import LargeBinary, Select, cast, select, update
from sqlalchemy.exc import NoResultFound

from tocsin.adapters.sql.session import Session, chunks
from tocsin.adapters.sql.tables import log_entries, log_head
from tocsin.audit.entry import Entry, EntryDraft, leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry
from tocsin.domain.errors import Broken
from tocsin.domain.values import IncidentId

PAGE = 1_000
_COLUMNS = ("number", "key", "incident_id", "body", "leaf")


class SqlLog:
    """Keeps `tocsin.ports.Log`. Triggers in the database refuse to change or delete an entry."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection
        self._many = session.many
        self.appended: list[EntryDraft] = []
        """What this transaction has added, in the order of the numbers."""

    def append(self, drafts: Iterable[EntryDraft]) -> list[int]:
        """Append entries with gapless numbers and move the head, in the transaction of the caller.

        A draft whose key is in the log already is not appended again; its number is returned instead.
        """
        numbers: list[int] = []
        before = head = self._head(lock=True)
        for chunk in chunks(drafts):
            known = self._numbers([draft.key for draft in chunk])
            self.appended += [draft for draft in chunk if draft.key not in known]
            rows = _numbered(chunk, known, head.size)
            if rows:
                self._many.insert(log_entries, _COLUMNS, rows)
                head = head.extended(bytes.fromhex(leaf) for *_, leaf in rows)
            numbers += [known[draft.key] for draft in chunk]
        if head != before:
            self._connection.execute(update(log_head).values(size=head.size, peaks=json.dumps(head.peaks)))
        return numbers

    def has(self, key: str) -> bool:
        """Say whether an entry of this key is in the log."""
        return bool(self._numbers([key]))

    def entries(self, first: int = 0, *, incident_id: IncidentId | None = None) -> Iterator[StoredEntry]:
        """Yield entries by number from `first`, a page at a time."""
        query = self._readable()
        if incident_id is not None:
            query = query.where(log_entries.c.incident_id == incident_id)
        query = query.order_by(log_entries.c.number).limit(PAGE)
        rows = self._connection.execute(query.where(log_entries.c.number >= first)).all()
        while rows:
            yield from map(_stored, rows)
            rows = self._connection.execute(query.where(log_entries.c.number > rows[-1].number)).all()

    def head(self) -> Frontier:
        """Return the frontier after the newest entry."""
        return self._head(lock=False)

    def _head(self, *, lock: bool) -> Frontier:
        query = select(log_head.c.size, log_head.c.peaks)
        try:
            row = self._connection.execute(query.with_for_update() if lock else query).one()
            return Frontier(size=row.size, peaks=tuple(json.loads(row.peaks)))
        except (NoResultFound, ValueError, TypeError) as error:
            raise Broken(
                "the head of the log in the table log_head cannot be read: it was deleted or edited; "
                "keep the store as it is, and compare it with a backup"
            ) from error

    def _readable(self) -> Select[Any]:
        """Return the query of entries whose columns can be read whatever somebody wrote into them."""
        body, leaf = log_entries.c.body, log_entries.c.leaf
        if self._connection.dialect.name != "sqlite":
            return select(log_entries.c.number, body, leaf)
        # SQLite keeps whatever type an edit gave a cell, text that is no UTF-8 included: the bytes are always readable.
        columns = (cast(column, LargeBinary).label(column.name) for column in (body, leaf))
        return select(log_entries.c.number, *columns)

    def _numbers(self, keys: list[str]) -> dict[str, int]:
        return dict(map(tuple, self._many.select((log_entries.c.key, log_entries.c.number), keys)))


def _numbered(drafts: list[EntryDraft], known: dict[str, int], size: int) -> list[tuple[Any, ...]]:
    """Return the rows of the drafts that are new, and add their numbers to `known`."""
    rows: list[tuple[Any, ...]] = []
    for draft in drafts:
        if draft.key not in known:
            known[draft.key] = number = size + len(rows)
            body = Entry.trusted({"number": number, "draft": draft}).to_bytes()
            rows.append((number, draft.key, draft.incident_id, body, leaf_hash(body).hex()))
    return rows


def _stored(row: Any) -> StoredEntry:
    # An edited cell may hold anything; the entry's own hash tells, so reading it must not fail.
    leaf = row.leaf if isinstance(row.leaf, str) else _bytes(row.leaf).decode(errors="replace")
    return StoredEntry(number=row.number, body=_bytes(row.body), leaf=leaf)


def _bytes(cell: Any) -> bytes:
    return cell.encode() if isinstance(cell, str) else bytes(cell or b"")
