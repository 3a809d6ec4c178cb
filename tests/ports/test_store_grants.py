"""The worker's own role on PostgreSQL works with the store, and cannot change or delete a line of the log."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.ports.conftest import Databases
from tests.ports.story import AT, entry
from tocsin.adapters.sql import create_engine_for, open_store
from tocsin.adapters.sql.grants import WRITTEN_ONCE, grant
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import Refused

ROLE = "tocsin_worker"


def test_the_workers_role_only_adds(postgres: Databases, vault: Vault) -> None:
    """As a real second role: the log is appended to and read, and update, delete and truncate are denied."""
    url = postgres.migrated()
    owner = create_engine(url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(f"CREATE ROLE {ROLE} LOGIN"))
    try:
        assert set(grant(url, ROLE)) == WRITTEN_ONCE
        as_worker = url.replace("postgres:@", f"{ROLE}:@").replace("//postgres@", f"//{ROLE}@")
        assert ROLE in as_worker
        store = open_store(as_worker, vault)
        with store.writing() as tx:
            assert tx.log.append([entry("a"), entry("b")]) == [0, 1]
            assert tx.remember("seen", AT)
        with store.reading() as tx:
            assert [stored.number for stored in tx.log.entries()] == [0, 1]
        store.close()
        worker = create_engine_for(as_worker)
        for table in sorted(WRITTEN_ONCE):
            column = {"log_entries": "number", "receipts": "receipt_id"}.get(table, "size")
            for way in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(DBAPIError, match="permission denied"), worker.begin() as connection:
                    connection.execute(text(way))
            with pytest.raises(DBAPIError, match="must be owner"), worker.begin() as connection:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        worker.dispose()
    finally:
        with owner.connect() as connection:
            connection.execute(text(f"DROP OWNED BY {ROLE}"))
            connection.execute(text(f"DROP ROLE {ROLE}"))
        owner.dispose()


def test_sqlite_has_no_roles(sqlite_template: Path) -> None:
    """On SQLite there is nothing to grant, and it says so."""
    with pytest.raises(Refused, match="only PostgreSQL has roles"):
        grant(f"sqlite:///{sqlite_template}", ROLE)
