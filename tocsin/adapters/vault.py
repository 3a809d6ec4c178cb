"""Encryption at rest: a random key per incident, kept in the store wrapped under a master key.

A key has generations: what is new is sealed under the newest, and the older ones stay to open what they sealed.

Destroying one incident's key makes everything sealed under it unreadable, wherever copies of it lie. What the key
itself may still lie in is the business of whoever keeps backups of the store: a backup holds the wrapped key too.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Engine, Row, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tocsin.adapters.box import KEY_BYTES, close_box, derived, generation_of, open_box
from tocsin.adapters.sql.engine import Transactions
from tocsin.adapters.sql.tables import incident_keys, later_keys
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.values import IncidentId
from tocsin.ports import Keyring

NAMESPACE_SCOPE = "namespace"
"""The scope of what belongs to no incident."""

KEPT = timedelta(minutes=10)
"""How long an opened key is used without looking again: a key destroyed elsewhere is used no longer than this."""

_MOST_KEPT = 1024


class _Opened(NamedTuple):
    keys: tuple[AESGCM, ...]
    """By generation, the first one first."""
    salt: bytes
    """Of the first generation: it must outlive rotations."""
    stale_at: float


def _now() -> datetime:
    return datetime.now(UTC)


class Vault:
    """Implements `tocsin.ports.Sealer`. Usable from several threads at once.

    Give it an engine of its own: a key is looked up while the caller's transaction holds a connection, so that a
    pool shared with the store could run dry with every holder waiting for one more.
    """

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        *,
        now: Callable[[], datetime] = _now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the store's engine and the keyring; `now` dates rows, `monotonic` (seconds) ages opened keys."""
        self._engine = engine
        self._transactions = Transactions(engine)
        self._keyring = keyring
        self._now = now
        self._monotonic = monotonic
        self._opened: dict[str, _Opened] = {}
        self._lock = Lock()

    def ready(self, scope: str) -> bool:
        """Say whether the scope's key is at hand, so that `seal` and `open` will not read the store."""
        return self._at_hand(scope) is not None

    def ensure(self, incident_id: IncidentId) -> None:
        """Create the incident's key if there is none yet, in a transaction of its own, and have it at hand.

        Call it before a writing transaction begins: on SQLite there is one writer at a time.

        Raises:
            Broken: if the key was destroyed; it never gets a second one.
        """
        if self.ready(incident_id):
            return
        if incident_id != NAMESPACE_SCOPE and self._row(incident_id) is None:
            self._insert(incident_id)
        self._key(incident_id)

    def newest(self, scope: str) -> int:
        """Return the generation of the scope's key that new content is sealed under."""
        return len(self._key(scope).keys)

    def seal(self, scope: str, content: bytes, about: str, generation: int | None = None) -> bytes:
        """Encrypt under the scope's key; `about` (which row, which column) is bound and must be given to open.

        `generation` is one of the key's; default: the newest.
        """
        keys = self._key(scope).keys
        generation = generation or len(keys)
        return close_box(keys[generation - 1], content, scope, about, generation=generation)

    def open(self, scope: str, sealed: bytes, about: str) -> bytes:
        """Decrypt.

        Raises:
            Broken: if the key is gone, or anything was altered or moved.
        """
        generation = generation_of(sealed)
        opened = self._key(scope)
        if not 1 <= generation <= len(opened.keys):
            # Another process may have rotated since this key was opened.
            opened = self._keep(scope, self._read(scope))
        if not 1 <= generation <= len(opened.keys):
            raise Broken(
                f"{scope} / {about} is sealed under generation {generation} of a key that has {len(opened.keys)}: it "
                "was altered, or the store is older than what it is asked to open; restore the newer one"
            )
        return open_box(opened.keys[generation - 1], sealed, scope, about)

    def salt(self, incident_id: IncidentId) -> bytes:
        """Return the incident's salt for the log's digests; it is gone when the incident's key is."""
        return self._key(incident_id).salt

    def mark(self, what: str, value: str) -> str:
        """Return HMAC-SHA-256, in hex, of a value under the id key; `what` keeps kinds of values apart."""
        return hmac.new(self._keyring.id_key(), f"{what}\x1f{value}".encode(), hashlib.sha256).hexdigest()

    def destroy(self, incident_id: IncidentId) -> None:
        """Destroy the incident's key, in all its generations; repeating it changes nothing. There is no way back.

        Other processes use a key they have opened for up to `KEPT` more.

        Raises:
            Refused: if there is no such key.
        """
        if self._row(incident_id) is None:
            raise Refused(f"there is no key of incident {incident_id} to destroy; `tocsin list` shows the incidents")
        at = self._now()
        with self._transactions.writing() as connection:
            for table, scope in _TABLES:
                own = update(table).where(scope == incident_id, table.c.destroyed_at.is_(None))
                connection.execute(own.values(wrapped=None, destroyed_at=at))
        self._forget_old_pages()
        with self._lock:
            self._opened.pop(incident_id, None)

    def rotate(self, scope: str) -> int:
        """Give the scope's key a new generation and return its number; the older ones stay, to open what they sealed.

        Other processes seal under it once they look again, after `KEPT` at the latest.

        Raises:
            Broken: if there is no key, or it was destroyed.
        """
        generation = len(self._read(scope)) + 1
        key_id, wrapped = self._keyring.wrap(secrets.token_bytes(KEY_BYTES), _about(scope, generation))
        row = {"scope": scope, "generation": generation, "wrapped": wrapped, "key_id": key_id}
        with self._transactions.writing() as connection:
            adding = self._inserting(later_keys).values(row | {"created_at": self._now()})
            # Whoever comes second has rotated as well: one new generation is enough.
            connection.execute(adding.on_conflict_do_nothing())
        self._keep(scope, self._read(scope))
        return generation

    def rewrap(self) -> int:
        """Wrap every key under the current master key; return how many moved. Safe to run again."""
        current, moved = self._keyring.master_id(), 0
        for table, _ in _TABLES:
            stale = select(table).where(table.c.key_id != current, table.c.destroyed_at.is_(None))
            with self._transactions.reading() as connection:
                rows = connection.execute(stale).all()
            moved += sum(self._rewrap(table, row) for row in rows)
        return moved

    def sealed_under(self) -> dict[str, int]:
        """Return, by master key id, how many keys are sealed under it."""
        counts: dict[str, int] = {}
        with self._transactions.reading() as connection:
            for table, _ in _TABLES:
                query = select(table.c.key_id, func.count().label("keys")).group_by(table.c.key_id)
                for row in connection.execute(query.where(table.c.destroyed_at.is_(None))):
                    counts[row.key_id] = counts.get(row.key_id, 0) + row.keys
        return counts

    def _rewrap(self, table: Table, row: Row[Any]) -> int:
        about = _about(row.scope, row.generation) if table is later_keys else _about(row.incident_id)
        key_id, wrapped = self._keyring.wrap(self._keyring.unwrap(row.key_id, row.wrapped, about), about)
        same = [column == getattr(row, column.name) for column in table.primary_key]
        # A key that was destroyed meanwhile must not come back.
        moved = update(table).where(*same, table.c.destroyed_at.is_(None)).values(wrapped=wrapped, key_id=key_id)
        with self._transactions.writing() as connection:
            return connection.execute(moved).rowcount

    def _forget_old_pages(self) -> None:
        if self._engine.dialect.name != "sqlite":
            return
        # The write-ahead log holds the wrapped key until it is checkpointed.
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def _key(self, scope: str) -> _Opened:
        return self._at_hand(scope) or self._keep(scope, self._read(scope))

    def _at_hand(self, scope: str) -> _Opened | None:
        opened = self._opened.get(scope)
        return opened if opened is not None and self._monotonic() < opened.stale_at else None

    def _keep(self, scope: str, keys: list[bytes]) -> _Opened:
        stale_at = self._monotonic() + KEPT.total_seconds()
        ciphers = tuple(AESGCM(derived(key, b"content")) for key in keys)
        opened = _Opened(ciphers, derived(keys[0], b"log salt"), stale_at)
        with self._lock:
            self._opened.pop(scope, None)
            if len(self._opened) >= _MOST_KEPT:
                self._opened.pop(next(iter(self._opened)))
            self._opened[scope] = opened
        return opened

    def _read(self, scope: str) -> list[bytes]:
        """Return the scope's keys, the first generation first."""
        first = self._keyring.namespace_key() if scope == NAMESPACE_SCOPE else self._first(scope)
        mine = select(later_keys).where(later_keys.c.scope == scope).order_by(later_keys.c.generation)
        with self._transactions.reading() as connection:
            rows = connection.execute(mine).all()
        return [first, *(self._keyring.unwrap(r.key_id, r.wrapped, _about(scope, r.generation)) for r in rows)]

    def _first(self, scope: str) -> bytes:
        row = self._row(scope)
        if row is None:
            raise Broken(f"incident {scope} has no key in the store; is TOCSIN_STORE_URL the store it was reported to?")
        if row.destroyed_at is not None:
            raise Broken(
                f"the key of incident {scope} was destroyed at {row.destroyed_at}: what it sealed cannot be read again"
            )
        return self._keyring.unwrap(row.key_id, row.wrapped, _about(scope))

    def _row(self, incident_id: str) -> Row[tuple[object, ...]] | None:
        with self._transactions.reading() as connection:
            return connection.execute(select(incident_keys).where(incident_keys.c.incident_id == incident_id)).first()

    def _insert(self, incident_id: IncidentId) -> None:
        key_id, wrapped = self._keyring.wrap(secrets.token_bytes(KEY_BYTES), _about(incident_id))
        values = {"incident_id": incident_id, "wrapped": wrapped, "key_id": key_id, "created_at": self._now()}
        with self._transactions.writing() as connection:
            # Whoever comes second keeps the first one's key.
            connection.execute(self._inserting(incident_keys).values(values).on_conflict_do_nothing())

    def _inserting(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        return postgresql.insert(table) if self._engine.dialect.name == "postgresql" else sqlite.insert(table)


_TABLES: tuple[tuple[Table, ColumnElement[str]], ...] = (
    (incident_keys, incident_keys.c.incident_id),
    (later_keys, later_keys.c.scope),
)


def _about(scope: str, generation: int = 1) -> str:
    return f"key of incident {scope}" if generation == 1 else f"generation {generation} of the key of {scope}"
