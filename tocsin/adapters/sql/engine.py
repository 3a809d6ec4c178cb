"""Connections: what SQLite and PostgreSQL must promise before the store trusts them, and what their errors mean."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tocsin.domain.errors import Broken, Deferred, Refused

PATIENCE_SECONDS = 30
"""How long a writer waits for the writers before it."""

STATEMENTS_KEPT = 32
"""Statements that an SQLite connection keeps prepared: one over a hundred rows takes 400 kB, and is not met again."""

MODE = "tocsin_mode"
"""The execution option that says what a connection is for: `write`, `read`, or, without it, either."""

_OURS = re.compile("no such|has no column")
_STALE = re.compile("readonly|disk I/O")
"""Connections that were opened on a file that nobody may write keep failing after it is mended: they are dropped."""
"""What SQLite calls operational although it is a mistake of ours."""

_READ_ONLY = "25006"
"""PostgreSQL's word for a database that may only be read: a standby, for as long as the change to it takes."""

_BEGIN = {"write": ("OFF", "BEGIN IMMEDIATE"), "read": ("ON", "BEGIN")}


def create_engine_for(url: str) -> Engine:
    """Return an engine for `sqlite:///FILE` or `postgresql+psycopg://…`. It connects to nothing yet.

    Raises:
        Refused: if the URL names another database, or SQLite without a file.
    """
    parsed = _checked(url)
    if parsed.get_backend_name() == "postgresql":
        # Dead connections are found before a transaction starts, not in its middle.
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
    kept = {"cached_statements": STATEMENTS_KEPT}
    # The connection used last goes first: few are busy, and each keeps statements and pages of its own.
    engine = create_engine(
        parsed, hide_parameters=True, pool_size=10, max_overflow=20, pool_use_lifo=True, connect_args=kept
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def sqlite_file(engine: Engine) -> Path | None:
    """Return the file of an SQLite store; None for PostgreSQL."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


class Transactions:
    """Opens transactions on one engine. Writers of this process queue for SQLite here, not in its busy loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits at the end, or rolls back on any exception."""
        with self._my_turn(), _errors_translated(self._engine), self._engine.connect() as connection:
            writer = connection.execution_options(**{MODE: "write"})
            with writer.begin():
                yield writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one snapshot of the store and cannot change it."""
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        if self._engine.dialect.name == "sqlite":
            options = {MODE: "read"}
        with _errors_translated(self._engine, reading=True), self._engine.connect() as connection:
            reader = connection.execution_options(**options)
            with reader.begin():
                yield reader

    def _my_turn(self) -> AbstractContextManager[None]:
        return self._queued() if self._engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def _queued(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=PATIENCE_SECONDS):
            raise Deferred(f"another write to the store has been running for {PATIENCE_SECONDS} s; try again")
        try:
            yield
        finally:
            self._turn.release()


@contextmanager
def _errors_translated(engine: Engine, *, reading: bool = False) -> Iterator[None]:
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except IntegrityError as error:
        raise Broken(f"the store {where} refused a row that contradicts another: {error.orig}") from error
    except PoolTimeout as error:
        raise Deferred(f"all connections to the store {where} are in use; try again") from error
    except DBAPIError as error:
        ours = _OURS.search(str(error.orig)) or (reading and "readonly" in str(error.orig))
        standby = not reading and getattr(error.orig, "sqlstate", None) == _READ_ONLY
        if (isinstance(error, OperationalError) and not ours) or standby:
            if _STALE.search(str(error.orig)):
                engine.dispose()
            # Locked, deadlocked, unreachable. If it was lost at the very commit, `once` finds what was done.
            raise Deferred(f"the store {where} is not available now, try again: {error.orig}") from error
        raise Broken(f"the store {where} failed, and trying again will not help: {error.orig}") from error
    except StatementError as error:
        raise Broken(f"the store {where} was given a value that it cannot keep: {error.orig}") from error


def _checked(url: str) -> URL:
    fix = "use sqlite:////path/to/store.sqlite or postgresql+psycopg://user@host/database"
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise Refused(f"the store's URL cannot be read; {fix}") from error
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise Refused(f"the store cannot be on {parsed.render_as_string(hide_password=True)}; {fix}")
    return parsed


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own; `_begin_sqlite` does
    connection.execute(f"PRAGMA busy_timeout={PATIENCE_SECONDS * 1000}")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # A destroyed key must not stay readable in a freed page.
    connection.execute("PRAGMA secure_delete=ON")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a writer as one at once: a reader that turns writer half-way would fail on a snapshot gone stale."""
    query_only, begin = _BEGIN.get(connection.get_execution_options().get(MODE, ""), ("OFF", "BEGIN"))
    connection.exec_driver_sql(f"PRAGMA query_only={query_only}")
    connection.exec_driver_sql(begin)
