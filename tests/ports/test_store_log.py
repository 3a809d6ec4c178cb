"""The log in the store: gapless whatever happens at once, each entry once, and nothing can be changed or taken away."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.ports.story import INCIDENT, OTHER_INCIDENT, entry
from tocsin.adapters.sql import SqlStore, create_engine_for
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import verify
from tocsin.domain.errors import Broken


def append(store: SqlStore, *keys: str) -> list[int]:
    """Append an entry for each key in one transaction."""
    with store.writing() as tx:
        return tx.log.append(entry(key) for key in keys)


def test_the_log_begins_empty(store: SqlStore) -> None:
    """The head of an empty log is the frontier of no leaves."""
    with store.reading() as tx:
        assert tx.log.head() == Frontier()
        assert list(tx.log.entries()) == []


def test_entries_are_numbered_and_the_head_is_built_on_them(store: SqlStore) -> None:
    """Numbers start at 0 and have no gaps; recomputing the tree from the entries gives the stored head."""
    assert append(store, "a", "b", "c") == [0, 1, 2]
    assert append(store) == []
    assert append(store, "d") == [3]

    with store.reading() as tx:
        verdict = verify(tx.log.entries(), tx.log.head())
    assert verdict.holds, verdict.why
    assert verdict.size == 4


def test_the_same_key_is_one_entry(store: SqlStore) -> None:
    """An entry written twice, by a retry or in one go, keeps its first number."""
    assert append(store, "a", "b") == [0, 1]
    assert append(store, "b", "c", "a", "c") == [1, 2, 0, 2]

    with store.reading() as tx:
        assert tx.log.head().size == 3


def test_a_transaction_that_fails_leaves_no_gap(store: SqlStore) -> None:
    """Numbers that were never committed are given again."""
    append(store, "a")

    def append_and_die() -> None:
        with store.writing() as tx:
            assert tx.log.append([entry("lost")]) == [1]
            raise Broken("power cut")

    with pytest.raises(Broken, match="power cut"):
        append_and_die()

    assert append(store, "b") == [1]


def test_concurrent_appends_leave_no_gap(store: SqlStore, second_store: SqlStore) -> None:
    """Eight threads on two openings of the store append at once, some the same keys: the log holds together."""

    def work(number: int) -> None:
        for turn in range(6):
            append((store, second_store)[number % 2], f"{number}/{turn}", f"shared {turn}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    with store.reading() as tx:
        verdict = verify(tx.log.entries(), tx.log.head())
    assert verdict.holds, verdict.why
    assert verdict.size == 8 * 6 + 6


def test_entries_are_read_from_a_number_and_by_incident(store: SqlStore) -> None:
    """More entries than one page are read in order, from any number, all or those of one incident."""
    drafts = [entry(str(number), incident_id=(INCIDENT, OTHER_INCIDENT, None)[number % 3]) for number in range(2_500)]
    with store.writing() as tx:
        tx.log.append(drafts)

    with store.reading() as tx:
        assert [stored.number for stored in tx.log.entries()] == list(range(2_500))
        assert [stored.number for stored in tx.log.entries(2_400)] == list(range(2_400, 2_500))
        other = [stored.number for stored in tx.log.entries(1_000, incident_id=OTHER_INCIDENT)]
    assert other == list(range(1_000, 2_500, 3))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_entries SET body = body WHERE number = 1",
        "UPDATE log_entries SET number = 9 WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 2",
        "DELETE FROM log_entries",
    ],
)
def test_the_database_refuses_to_change_the_log(store: SqlStore, store_url: str, tampering: str) -> None:
    """Whoever comes past the store meets the guard in the database."""
    append(store, "a", "b", "c")

    _expect_refusal(create_engine_for(store_url), tampering)

    with store.reading() as tx:
        assert verify(tx.log.entries(), tx.log.head()).holds


@pytest.mark.parametrize(
    "edit",
    [
        """UPDATE log_entries SET body = replace(body, '"kind"', '"kinD"') WHERE number = 1""",
        "UPDATE log_entries SET body = CAST(body AS TEXT) || ' ' WHERE number = 1",
        "UPDATE log_entries SET body = CAST(x'ff' AS TEXT) WHERE number = 1",
        "UPDATE log_entries SET body = 12 WHERE number = 1",
        "UPDATE log_entries SET body = x'' WHERE number = 1",
        "UPDATE log_entries SET leaf = x'ff' WHERE number = 1",
        "UPDATE log_entries SET leaf = CAST(x'ff' AS TEXT) WHERE number = 1",
        "UPDATE log_entries SET leaf = 7 WHERE number = 1",
    ],
)
def test_an_entry_that_was_edited_by_hand_is_named(store: SqlStore, store_url: str, edit: str) -> None:
    """Whatever type or bytes an edit left in SQLite's cell, checking the log ends in a verdict naming that entry."""
    _edit_on_sqlite(store, store_url, edit)

    with store.reading() as tx:
        verdict = verify(tx.log.entries(), tx.log.head())
    assert (verdict.holds, verdict.first_bad) == (False, 1)


@pytest.mark.parametrize(
    "edit",
    ["DELETE FROM log_head", "UPDATE log_head SET peaks = 'nothing'", "UPDATE log_head SET peaks = '[1]'"],
)
def test_a_head_that_was_edited_by_hand_is_named(store: SqlStore, store_url: str, edit: str) -> None:
    """A head that cannot be read stops whoever reads it, with the reason and what to do."""
    _edit_on_sqlite(store, store_url, edit)

    with store.reading() as tx, pytest.raises(Broken, match="log_head cannot be read"):
        tx.log.head()


def _edit_on_sqlite(store: SqlStore, store_url: str, edit: str) -> None:
    """Append three entries, take the guards away as whoever owns the file can, and edit."""
    engine = create_engine_for(store_url)
    if engine.dialect.name != "sqlite":
        pytest.skip("a column of PostgreSQL keeps its type")
    append(store, "a", "b", "c")
    with engine.begin() as connection:
        guards = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for guard in guards:
            connection.execute(text(f"DROP TRIGGER {guard}"))
        connection.execute(text(edit))
    engine.dispose()


def test_no_entry_is_replaced_or_swept_away(store: SqlStore, store_url: str) -> None:
    """The ways around an ordinary trigger are guarded too: replacing on SQLite, truncating on PostgreSQL."""
    append(store, "a")
    engine = create_engine_for(store_url)
    if engine.dialect.name == "sqlite":
        values = "VALUES (0, 'a', NULL, x'00', 'leaf')"
        _expect_refusal(engine, f"INSERT OR REPLACE INTO log_entries (number, key, incident_id, body, leaf) {values}")
    else:
        _expect_refusal(engine, "TRUNCATE log_entries")

    with store.reading() as tx:
        assert verify(tx.log.entries(), tx.log.head()).holds


def _expect_refusal(engine: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match="the log is append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
