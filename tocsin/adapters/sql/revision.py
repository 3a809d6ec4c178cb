"""Whether a store has the schema that this version knows; light, because every command asks it."""

from sqlalchemy import Engine, MetaData, Table, inspect, select

from tocsin.adapters.sql.engine import Transactions, sqlite_file
from tocsin.domain.errors import Refused

KNOWN = "0010"
"""The newest migration. A test compares it with the migrations themselves."""


def check_schema(engine: Engine) -> None:
    """Raise Refused unless the schema is exactly the one this version knows."""
    found = _revision(engine)
    if found == KNOWN:
        return
    where = engine.url.render_as_string(hide_password=True)
    if found is None:
        raise Refused(f"there is no store at {where} yet; run `tocsin init`")
    raise Refused(f"the store at {where} has schema {found}, this version needs {KNOWN}; run `tocsin init`")


def _revision(engine: Engine) -> str | None:
    file = sqlite_file(engine)
    if file is not None and not file.exists():  # connecting would create it
        return None
    with Transactions(engine).reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        versions = Table("alembic_version", MetaData(), autoload_with=connection)
        return connection.scalar(select(versions.c.version_num))
