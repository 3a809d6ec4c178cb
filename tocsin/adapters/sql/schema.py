"""The schema and its migrations. They are written to expand first and contract a release later."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from tocsin.adapters.sql.engine import Transactions, create_engine_for, sqlite_file
from tocsin.domain.errors import Refused

_LOCK = 0x746F6373696E
"""The number of the advisory lock that migrations hold on PostgreSQL: `tocsin` in ASCII."""


def migrate(url: str) -> None:
    """Bring the store at `url` to this version's schema, creating it if need be. Two at once wait for each other.

    Raises:
        Refused: if the URL cannot be a store.
        Deferred: if the database cannot be reached.
    """
    engine = create_engine_for(url)
    try:
        _create_file(engine)
        _upgrade(engine)
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> None:
    """Raise Refused unless the schema is exactly the one this version knows."""
    found, known = _revision(engine), ScriptDirectory.from_config(_config()).get_current_head()
    if found == known:
        return
    where = engine.url.render_as_string(hide_password=True)
    if found is None:
        raise Refused(f"there is no store at {where} yet; run `tocsin init`")
    raise Refused(f"the store at {where} has schema {found}, this version needs {known}; run `tocsin init`")


def _revision(engine: Engine) -> str | None:
    file = sqlite_file(engine)
    if file is not None and not file.exists():  # connecting would create it
        return None
    with Transactions(engine).reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _upgrade(engine: Engine) -> None:
    config = _config()
    with Transactions(engine).writing() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _create_file(engine: Engine) -> None:
    """Create the file readable by its owner only; its write-ahead log takes over the same mode."""
    file = sqlite_file(engine)
    if file is None:
        return
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise Refused(f"cannot create the store {file} ({error.strerror}); choose another TOCSIN_STORE_URL") from error


def _config() -> Config:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
