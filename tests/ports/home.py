"""A whole installation in a folder: keys, a store that holds incident keys, and a vault on both."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql.engine import Transactions, create_engine_for
from tocsin.adapters.sql.tables import incident_keys, later_keys
from tocsin.adapters.vault import Vault


class Home(NamedTuple):
    """One installation: its keys, its store and a vault on both."""

    folder: Path
    keyring: FileKeyring
    engine: Engine
    vault: Vault


def a_home(folder: Path) -> Home:
    """Return a new installation in a folder."""
    keyring = FileKeyring.create(folder / "keys")
    engine = create_engine_for(f"sqlite:///{folder / 'store.sqlite'}")
    with Transactions(engine).writing() as connection:
        incident_keys.create(connection)
        later_keys.create(connection)
    return Home(folder / "keys", keyring, engine, Vault(engine, keyring))
