"""What the parts of the store share inside one transaction: statements in chunks, and sealing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from tocsin.adapters.sql.many import Many
from tocsin.ports import Sealer

T = TypeVar("T")
Row = dict[str, Any]

CHUNK = 500
"""Rows per statement: large enough to cost nothing each, small enough to keep memory flat."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


class Session:
    """One open transaction with the means to seal what is written in it."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self.connection = connection
        self.many = Many(connection)
        self._sealer = sealer

    @property
    def on_postgresql(self) -> bool:
        """Whether writers run side by side and must lock what they decide upon."""
        return self.connection.dialect.name == "postgresql"

    def upsert(self, table: Table, rows: Iterable[Row], *, guard: str | None = None, keep: Sequence[str] = ()) -> None:
        """Insert rows, or replace those with the same primary key except the columns in `keep`.

        With `guard`, a row whose guard column is lower than the stored one changes nothing.
        """
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table)
        changed = {c.name: insert.excluded[c.name] for c in table.c if c.name not in {*keys, *keep}}
        where = insert.excluded[guard] >= table.c[guard] if guard else None
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed, where=where)
        for chunk in chunks(rows):
            self.connection.execute(statement, chunk)

    def add(self, table: Table, rows: Iterable[Row], *, unique: Sequence[str] = ()) -> None:
        """Insert rows; one whose `unique` columns (default: the primary key) are there already is left out."""
        statement = self._insert(table).on_conflict_do_nothing(index_elements=unique or list(table.primary_key))
        for chunk in chunks(rows):
            self.connection.execute(statement, chunk)

    def added(self, table: Table, row: Row) -> bool:
        """Insert one row; return False if its primary key is there already."""
        statement = self._insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
        return self.connection.execute(statement.returning(*table.primary_key), row).first() is not None

    def seal(self, scope: str, content: str | bytes, *about: str) -> bytes:
        """Encrypt under the scope's key; `about` is table, column and row id."""
        plain = content.encode() if isinstance(content, str) else content
        return self._sealer.seal(scope, plain, "/".join(about))

    def open(self, scope: str, sealed: bytes, *about: str) -> bytes:
        """Decrypt what `seal` made. Raises Broken if its key is gone, or it was altered or moved."""
        return self._sealer.open(scope, bytes(sealed), "/".join(about))

    def mark(self, what: str, value: str) -> str:
        """Return a keyed digest of a value, to find it by."""
        return self._sealer.mark(what, value)

    def _insert(self, table: Table) -> PostgresInsert | SqliteInsert:
        return postgresql.insert(table) if self.on_postgresql else sqlite.insert(table)
