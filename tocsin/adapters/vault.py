"""Encryption at rest: a random key per incident, kept in the store wrapped under a master key.

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
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tocsin.adapters.box import KEY_BYTES, close_box, derived, open_box
from tocsin.adapters.sql.engine import Transactions
from tocsin.adapters.sql.tables import incident_keys
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.values import IncidentId
from tocsin.ports import Keyring

NAMESPACE_SCOPE = "namespace"
"""The scope of what belongs to no incident."""

KEPT = timedelta(minutes=10)
"""How long an opened key is used without looking again: a key destroyed elsewhere is used no longer than this."""

_MOST_KEPT = 1024


class _Opened(NamedTuple):
    content: AESGCM
    salt: bytes
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
        return scope == NAMESPACE_SCOPE or self._at_hand(scope) is not None

    def ensure(self, incident_id: IncidentId) -> None:
        """Create the incident's key if there is none yet, in a transaction of its own.

        Call it before a writing transaction begins: on SQLite there is one writer at a time.

        Raises:
            Broken: if the key was destroyed; it never gets a second one.
        """
        if self.ready(incident_id):
            return
        if self._row(incident_id) is None:
            self._insert(incident_id)
        self._key(incident_id)

    def seal(self, scope: str, content: bytes, about: str) -> bytes:
        """Encrypt under the scope's key; `about` (which row, which column) is bound and must be given to open."""
        return close_box(self._key(scope).content, content, scope, about)

    def open(self, scope: str, sealed: bytes, about: str) -> bytes:
        """Decrypt.

        Raises:
            Broken: if the key is gone, or anything was altered or moved.
        """
        return open_box(self._key(scope).content, sealed, scope, about)

    def salt(self, incident_id: IncidentId) -> bytes:
        """Return the incident's salt for the log's digests; it is gone when the incident's key is."""
        return self._key(incident_id).salt

    def mark(self, what: str, value: str) -> str:
        """Return HMAC-SHA-256, in hex, of a value under the id key; `what` keeps kinds of values apart."""
        return hmac.new(self._keyring.id_key(), f"{what}\x1f{value}".encode(), hashlib.sha256).hexdigest()

    def destroy(self, incident_id: IncidentId) -> None:
        """Destroy the incident's key; repeating it changes nothing. There is no way back.

        Other processes use a key they have opened for up to `KEPT` more.

        Raises:
            Refused: if there is no such key.
        """
        if self._row(incident_id) is None:
            raise Refused(f"there is no key of incident {incident_id} to destroy; `tocsin list` shows the incidents")
        gone = (
            update(incident_keys)
            .where(incident_keys.c.incident_id == incident_id, incident_keys.c.destroyed_at.is_(None))
            .values(wrapped=None, destroyed_at=self._now())
        )
        with self._transactions.writing() as connection:
            connection.execute(gone)
        self._forget_old_pages()
        with self._lock:
            self._opened.pop(incident_id, None)

    def rewrap(self) -> int:
        """Wrap every incident's key under the current master key; return how many moved. Safe to run again."""
        stale = select(incident_keys).where(
            incident_keys.c.key_id != self._keyring.master_id(), incident_keys.c.destroyed_at.is_(None)
        )
        with self._transactions.reading() as connection:
            rows = connection.execute(stale).all()
        return sum(self._rewrap(row) for row in rows)

    def sealed_under(self) -> dict[str, int]:
        """Return, by master key id, how many incidents' keys are sealed under it."""
        query = (
            select(incident_keys.c.key_id, func.count().label("keys"))
            .where(incident_keys.c.destroyed_at.is_(None))
            .group_by(incident_keys.c.key_id)
        )
        with self._transactions.reading() as connection:
            return {row.key_id: row.keys for row in connection.execute(query)}

    def _rewrap(self, row: Row[tuple[object, ...]]) -> int:
        about = _about(row.incident_id)
        key_id, wrapped = self._keyring.wrap(self._keyring.unwrap(row.key_id, row.wrapped, about), about)
        # A key that was destroyed meanwhile must not come back.
        moved = (
            update(incident_keys)
            .where(incident_keys.c.incident_id == row.incident_id, incident_keys.c.destroyed_at.is_(None))
            .values(wrapped=wrapped, key_id=key_id)
        )
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

    def _keep(self, scope: str, key: bytes) -> _Opened:
        stale_at = self._monotonic() + KEPT.total_seconds()
        opened = _Opened(AESGCM(derived(key, b"content")), derived(key, b"log salt"), stale_at)
        with self._lock:
            self._opened.pop(scope, None)
            if len(self._opened) >= _MOST_KEPT:
                self._opened.pop(next(iter(self._opened)))
            self._opened[scope] = opened
        return opened

    def _read(self, scope: str) -> bytes:
        if scope == NAMESPACE_SCOPE:
            return self._keyring.namespace_key()
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
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with self._transactions.writing() as connection:
            # Whoever comes second keeps the first one's key.
            connection.execute(dialect.insert(incident_keys).values(values).on_conflict_do_nothing())


def _about(incident_id: str) -> str:
    return f"key of incident {incident_id}"
