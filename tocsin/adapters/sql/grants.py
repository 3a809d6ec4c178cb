"""What the worker's own role may do on PostgreSQL: everything it needs, and nothing to a line that is written once."""

from sqlalchemy import inspect

from tocsin.adapters.sql.engine import Transactions, create_engine_for
from tocsin.domain.errors import Refused

WRITTEN_ONCE = frozenset({"log_entries", "log_checkpoints", "log_pins", "receipts"})
"""The tables that are inserted into and read, never updated or deleted from."""


def grant(url: str, role: str) -> list[str]:
    """Let `role` work with the store; return the tables that it may only add to. Run it as the tables' owner.

    Raises:
        Refused: if the store is no PostgreSQL.
    """
    engine = create_engine_for(url)
    try:
        if engine.dialect.name != "postgresql":
            raise Refused("only PostgreSQL has roles; on SQLite the file's owner may do everything")
        tables = set(inspect(engine).get_table_names()) - {"alembic_version"}
        quoted = engine.dialect.identifier_preparer.quote
        with Transactions(engine).writing() as connection:
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {quoted(role)}")
            connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {quoted(role)}")
            for table in sorted(tables):
                rights = "SELECT, INSERT" if table in WRITTEN_ONCE else "SELECT, INSERT, UPDATE, DELETE"
                connection.exec_driver_sql(f"REVOKE ALL ON {quoted(table)} FROM {quoted(role)}")
                connection.exec_driver_sql(f"GRANT {rights} ON {quoted(table)} TO {quoted(role)}")
        return sorted(tables & WRITTEN_ONCE)
    finally:
        engine.dispose()
