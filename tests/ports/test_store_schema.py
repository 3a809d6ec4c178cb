"""The schema: made by migrations alone, safely at any time, and checked before the store is used."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.ports.conftest import Databases, Files
from tests.ports.story import entry
from tocsin.adapters.sql import SqlStore, create_engine_for, migrate, open_store
from tocsin.adapters.sql.revision import KNOWN
from tocsin.adapters.sql.schema import _config
from tocsin.adapters.sql.tables import metadata
from tocsin.adapters.vault import Vault
from tocsin.cli.setup import _brought_up_to_date
from tocsin.domain.errors import Deferred, Refused

MIGRATE = "import sys; from tocsin.adapters.sql import migrate; migrate(sys.argv[1])"


def test_the_migrations_make_the_tables_that_the_store_uses(store_url: str) -> None:
    """The migrations and the tables in the code say the same."""
    engine = create_engine_for(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    """What every command compares the store with is the head of the migrations."""
    assert ScriptDirectory.from_config(_config()).get_current_head() == KNOWN


def test_migrating_again_changes_nothing(store: SqlStore, store_url: str) -> None:
    """A store that has the newest schema keeps everything when it is migrated once more."""
    with store.writing() as tx:
        tx.log.append([entry("a")])

    migrate(store_url)

    with store.reading() as tx:
        assert tx.log.head().size == 1


def test_several_processes_may_migrate_at_once(databases: Databases | Files, vault: Vault) -> None:
    """Three processes start on an empty database together: all succeed, and the store is whole."""
    url = databases.empty()
    command = [sys.executable, "-W", "error", "-c", MIGRATE, url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]

    ended = [(process.communicate()[1], process.returncode) for process in started]

    assert ended == [("", 0)] * 3
    store = open_store(url, vault)
    with store.reading() as tx:
        assert tx.log.head().size == 0
    store.close()


def test_a_store_that_was_never_made_is_refused(databases: Databases | Files, vault: Vault) -> None:
    """Opening says what to run, and creates nothing by the way."""
    url = databases.empty()

    with pytest.raises(Refused, match=r"there is no store at .* yet; run `tocsin init`"):
        open_store(url, vault)

    if url.startswith("sqlite"):
        assert not Path(url.removeprefix("sqlite:///")).exists()


def marked(url: str, version: str, compatible_since: str | None = None) -> None:
    """Make a store look as if another version had migrated it."""
    engine = create_engine_for(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :is"), {"is": version})
        if compatible_since is not None:
            connection.execute(text("UPDATE schema_range SET compatible_since = :is"), {"is": compatible_since})
    engine.dispose()


def test_a_store_of_an_older_version_is_refused(store_url: str, vault: Vault) -> None:
    """Tables that lack what this version needs are not touched before they are migrated."""
    marked(store_url, "0001")

    with pytest.raises(Refused, match=f"has schema 0001, this version needs {KNOWN}; run `tocsin migrate`"):
        open_store(store_url, vault)


def test_a_newer_store_that_only_grew_is_used(store_url: str, vault: Vault) -> None:
    """A program works with newer tables that say it can, and migrating with it changes nothing: workers go on."""
    marked(store_url, "9999", compatible_since=KNOWN)

    store = open_store(store_url, vault)
    with store.writing() as tx:
        tx.log.append([entry("a")])
    store.close()
    assert not _brought_up_to_date(store_url)


def test_a_newer_store_that_lost_something_is_refused(store_url: str, vault: Vault) -> None:
    """Where a newer version took away what this one needs, nothing is touched; the fix is the newer program."""
    marked(store_url, "9999", compatible_since="9998")

    for attempt in (lambda: open_store(store_url, vault), lambda: _brought_up_to_date(store_url)):
        with pytest.raises(Refused, match=r"needs a program that knows 9998; .*: run the newer version"):
            attempt()


def test_a_migration_that_takes_away_says_so() -> None:
    """Whatever does more than add tells older programs, in `schema_range`, that they can no longer work here."""
    folder = Path(_config().get_main_option("script_location") or "") / "versions"
    files = [file for file in sorted(folder.glob("*.py")) if file.name >= "0011"]
    adds = {"create_table", "create_index", "add_column", "bulk_insert"}
    assert files
    for file in files:
        done = set(re.findall(r"\bop\.(\w+)", file.read_text()))
        assert done <= adds or "compatible_since" in file.read_text(), file.name


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://db.example/tocsin", "not a url", "oracle:"]
)
def test_what_cannot_be_a_store_is_refused(url: str) -> None:
    """Only an SQLite file or PostgreSQL can be the store, and the message says how to name one."""
    with pytest.raises(Refused, match=r"use sqlite:////path/to/store\.sqlite or postgresql\+psycopg://"):
        migrate(url)


def test_a_password_is_never_shown(vault: Vault) -> None:
    """A database that cannot be reached is named without its password, and trying again may help."""
    with pytest.raises(Deferred, match="is not available now, try again") as caught:
        open_store("postgresql://tocsin:hunter2@127.0.0.1:1/tocsin", vault)

    assert "hunter2" not in str(caught.value)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """On SQLite the store's folder and file are made unreadable for others."""
    file = tmp_path / "home" / "store.sqlite"
    migrate(f"sqlite:///{file}")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A path through a file gives one sentence, not a traceback."""
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match="cannot create the store"):
        migrate(f"sqlite:///{tmp_path / 'file' / 'store.sqlite'}")
