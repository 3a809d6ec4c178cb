"""Whether this program and a store's tables understand each other; light, because every command asks it.

Tables are expanded first and contracted a release later. So a program may find tables that are newer than it is: it
works with them as long as no migration since took away what it needs, which the store itself says in `schema_range`.
"""

from sqlalchemy import Connection, Engine, MetaData, Table, inspect, select

from tocsin.adapters.sql.engine import Transactions, sqlite_file
from tocsin.adapters.sql.tables import schema_range
from tocsin.domain.errors import Refused

KNOWN = "0014"
"""The newest migration. A test compares it with the migrations themselves."""


def check_schema(engine: Engine) -> None:
    """Raise Refused unless the tables are those that this program knows, or newer ones that it can work with."""
    found, compatible_since = _revision(engine)
    if found == KNOWN or (found is not None and found > KNOWN and compatible_since <= KNOWN):
        return
    where = engine.url.render_as_string(hide_password=True)
    if found is None:
        raise Refused(f"there is no store at {where} yet; run `tocsin init`")
    if found > KNOWN:
        raise Refused(
            f"the store at {where} has schema {found}, which needs a program that knows {compatible_since}; this one "
            f"knows {KNOWN}: run the newer version"
        )
    raise Refused(f"the store at {where} has schema {found}, this version needs {KNOWN}; run `tocsin migrate`")


def is_behind(engine: Engine) -> bool:
    """Say whether there are no tables yet, or older ones than this program knows: migrating mends that."""
    found, _ = _revision(engine)
    return found is None or found < KNOWN


def _revision(engine: Engine) -> tuple[str | None, str]:
    """Return the version of the tables, None for none, and the oldest version whose programs can use them."""
    file = sqlite_file(engine)
    if file is not None and not file.exists():  # connecting would create it
        return None, ""
    with Transactions(engine).reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None, ""
        versions = Table("alembic_version", MetaData(), autoload_with=connection)
        found = connection.scalar(select(versions.c.version_num))
        return found, _compatible_since(connection, found) if found is not None and found > KNOWN else ""


def _compatible_since(connection: Connection, found: str) -> str:
    if not inspect(connection).has_table(schema_range.name):
        return found
    return connection.scalar(select(schema_range.c.compatible_since)) or found
