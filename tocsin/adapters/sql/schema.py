"""The schema and its migrations. They are written to expand first and contract a release later."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from tocsin.adapters.sql.engine import Transactions, create_engine_for, sqlite_file
from tocsin.domain.errors import Refused

if TYPE_CHECKING:
    from alembic.config import Config

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


def _upgrade(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that only a migration needs

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


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see `_upgrade`

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
