"""The SQL store: SQLAlchemy Core over SQLite or PostgreSQL. One file per part of the store."""

from tocsin.adapters.sql.engine import create_engine_for
from tocsin.adapters.sql.schema import migrate
from tocsin.adapters.sql.store import SqlStore, open_store

__all__ = ["SqlStore", "create_engine_for", "migrate", "open_store"]
