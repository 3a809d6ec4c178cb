"""A store that is full or may only be read: it refuses to write as something that passes, is read, and goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, make_url

from tests.ports.conftest import Databases, Files, _administer
from tests.ports.story import AT
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Deferred

ROWS, WIDTH = 400, 2000


@contextmanager
def full(store: SqlStore) -> Iterator[None]:
    """Let the file grow no more: SQLite refuses as it does on a full disk."""

    def limit(connection: object, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # type: ignore[attr-defined] # raised to what there is

    def free(connection: object, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1073741823")  # type: ignore[attr-defined]

    event.listen(store._engine, "checkout", limit)
    yield
    event.remove(store._engine, "checkout", limit)
    event.listen(store._engine, "checkout", free)


@contextmanager
def read_only(store: SqlStore, server: Databases) -> Iterator[None]:
    """Let the database be one that may only be read, as a standby is."""
    name = make_url(str(store._engine.url.render_as_string(hide_password=False))).database
    _administer(server.url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store._engine.dispose()
    yield
    _administer(server.url, f"ALTER DATABASE {name} RESET default_transaction_read_only")
    store._engine.dispose()


def fill(store: SqlStore) -> None:
    """Write until it refuses."""
    for number in range(ROWS):
        with store.writing() as tx:
            tx.remember(f"{number}:{'x' * WIDTH}", AT)


def test_store_that_takes_nothing(store: SqlStore, databases: Databases | Files) -> None:
    """What cannot be written now is tried again; what is there can be read; once it is mended it is written."""
    with store.writing() as tx:
        tx.remember("before", AT)
    broken = full(store) if isinstance(databases, Files) else read_only(store, databases)
    with broken:
        with pytest.raises(Deferred, match="not available now, try again"):
            fill(store)
        with store.reading() as tx:
            assert tx.remembers("before")
    with store.writing() as tx:
        assert tx.remember(f"after:{'x' * WIDTH}", AT)
