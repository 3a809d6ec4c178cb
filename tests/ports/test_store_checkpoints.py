"""The checkpoints of the log: append-only, and a fork, a cut tail or a rewritten entry calls a person and is named."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from activities.checkpoints import Checkpoints, Kept
from activities.commitments import sliced
from activities.sweep import SweepOrder
from tests.ports.story import AT, HOUR, entry
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.adapters.sql import SqlStore, create_engine_for
from tocsin.adapters.witnesses import FileWitness
from tocsin.audit.entry import Entry, leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.tempo import Tempo
from tocsin.ports import Pin, Witness

MINUTE = timedelta(minutes=1)


class Keeper:
    """Keeps the log of one store, sweep after sweep, with the pages it sent in a folder."""

    def __init__(self, store: SqlStore, url: str, keyring: FileKeyring, folder: Path) -> None:
        self.store = store
        self.url = url
        self.folder = folder
        self.notary = LogNotary.of(keyring)
        self.file = FileWitness(folder / "volume.txt")
        self.witnesses: list[Witness] = [self.file]
        self.at = AT

    async def sweep(self, *drafts: str) -> tuple[Kept, Kept, Kept]:
        """Append entries, let five minutes pass, and sweep."""
        with self.store.writing() as tx:
            tx.log.append(entry(key) for key in drafts)
        self.at += 5 * MINUTE
        order = SweepOrder(at=self.at, tempo=Tempo(origin=AT), run_id="run-1")
        pager = ChannelPager(Outbox(self.folder, "pages"), "on-call@processor.example", "desk@processor.example")
        deeds = Checkpoints(self.store, self.notary, self.witnesses, pager)
        return await deeds.sign(order), await deeds.pin(order), await deeds.check(order)

    def edit(self, *statements: str) -> None:
        """Change the store as whoever owns the database can: past the guards."""
        engine = create_engine_for(self.url)
        lite = engine.dialect.name == "sqlite"
        with engine.begin() as connection:
            if lite:
                found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
                for name in found.scalars().all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(text("SET session_replication_role = replica"))
            for statement in statements:
                connection.exec_driver_sql(statement if lite else statement.replace("?", "%s"))
        engine.dispose()

    def rewrite(self, number: int) -> None:
        """Replace an entry and its leaf hash, and build the head anew: only a checkpoint can tell."""
        with self.store.reading() as tx:
            stored = list(tx.log.entries())
        body = Entry(number=number, draft=entry("another")).to_bytes()
        leaves = [bytes.fromhex(one.leaf) for one in stored]
        leaves[number] = leaf_hash(body)
        head = Frontier().extended(leaves)
        literal = f"x'{body.hex()}'" if self.url.startswith("sqlite") else f"'\\x{body.hex()}'"
        self.edit(
            f"UPDATE log_entries SET body = {literal}, leaf = '{leaves[number].hex()}' WHERE number = {number}",
            f"UPDATE log_head SET peaks = '{json.dumps(head.peaks)}'",
        )

    def cut(self, size: int) -> None:
        """Cut the log's tail, and set its head and checkpoints back as they were then."""
        with self.store.reading() as tx:
            head = Frontier().extended(bytes.fromhex(one.leaf) for one in list(tx.log.entries())[:size])
        self.edit(
            f"DELETE FROM log_entries WHERE number >= {size}",
            f"UPDATE log_head SET size = {size}, peaks = '{json.dumps(head.peaks)}'",
            f"DELETE FROM log_checkpoints WHERE size > {size}",
            f"DELETE FROM log_pins WHERE size > {size}",
        )

    def pages(self) -> list[str]:
        """Return the pages' text, subjects included."""
        return [path.read_bytes().replace(b"=\r\n", b"").decode() for path in (self.folder / "pages").glob("*.eml")]


@pytest.fixture
def keeper(store: SqlStore, store_url: str, keyring: FileKeyring, tmp_path: Path) -> Keeper:
    """Return the keeper of a new store."""
    return Keeper(store, store_url, keyring, tmp_path)


async def test_checkpoints_are_made_while_entries_come(keeper: Keeper) -> None:
    """Each sweep signs what is new and hands it to the witness; without new entries nothing is signed again."""
    assert await keeper.sweep() == (Kept(), Kept(), Kept())
    await keeper.sweep("a", "b", "c")
    await keeper.sweep("d")
    assert await keeper.sweep() == (Kept(size=4), Kept(size=4), Kept(size=4))

    with keeper.store.reading() as tx:
        made = list(tx.checkpoints.after(0))
        assert [(row.head.size, row.at) for row in made] == [(3, AT + 10 * MINUTE), (4, AT + 15 * MINUTE)]
        assert tx.checkpoints.newest() == made[1]
        assert tx.checkpoints.newest(at_most=3) == made[0]
        assert tx.checkpoints.newest(at_most=2) is None
        assert tx.checkpoints.pinned("file") == 4
        assert tx.checkpoints.pins(3) == [Pin(witness="file", size=3, at=AT + 10 * MINUTE)]
    assert keeper.notary.check(made[1].note).root == made[1].head.root()
    assert await keeper.file.newest() == made[1].note
    assert keeper.pages() == []


@pytest.mark.parametrize("table", ["log_checkpoints", "log_pins"])
async def test_the_database_keeps_them(keeper: Keeper, table: str) -> None:
    """Whoever comes past the store cannot change or remove a checkpoint or what a witness took."""
    await keeper.sweep("a")
    engine = create_engine_for(keeper.url)
    ways = [f"UPDATE {table} SET size = size", f"DELETE FROM {table}"]
    lite = engine.dialect.name == "sqlite"
    ways.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" if lite else f"TRUNCATE {table}")
    for way in ways:
        with pytest.raises(DBAPIError, match="the log is append-only"), engine.begin() as connection:
            connection.execute(text(way))
    engine.dispose()


async def test_a_rewritten_entry_is_named(keeper: Keeper) -> None:
    """An entry rewritten together with its leaf hash and the head is found, and a person is told which it is."""
    await keeper.sweep(*"abcdefgh")
    await keeper.sweep(*"ijkl")
    keeper.rewrite(9)

    signed, _, checked = await keeper.sweep("m")

    assert signed.wrong == checked.wrong == ("The audit log does not hold from entry 8 on",)
    assert any("from entry 8 on" in page for page in keeper.pages())


async def test_a_changed_byte_is_named_exactly(keeper: Keeper) -> None:
    """An entry whose bytes alone were changed is named by its number, though newer ones were signed since."""
    await keeper.sweep(*"abcdefgh")
    await keeper.sweep(*"ijkl")
    literal = "x'7b7d'" if keeper.url.startswith("sqlite") else r"'\x7b7d'"
    keeper.edit(f"UPDATE log_entries SET body = {literal} WHERE number = 5")

    *_, checked = await keeper.sweep("m")

    assert checked.wrong[0] == "The audit log does not hold from entry 5 on"
    count = len(keeper.pages())
    await keeper.sweep("n")
    assert len(keeper.pages()) == count  # the same trouble calls once a day


async def test_a_cut_tail_is_named(keeper: Keeper) -> None:
    """A log put back to an older state, checkpoints and all, is told by the witness outside; nothing is signed over."""
    await keeper.sweep(*"abcdefgh")
    await keeper.sweep(*"ijkl")
    keeper.cut(8)

    _, pinned, checked = await keeper.sweep()
    assert pinned.wrong == ("The audit log does not hold from entry 8 on",)
    assert checked.wrong == ()  # the store itself is whole: only what lies outside can tell
    assert any("it had 12 before: its tail was cut" in page for page in keeper.pages())

    keeper.at += 2 * HOUR
    await keeper.sweep("z")
    assert keeper.notary.check(await keeper.file.newest() or "").size == 12


async def test_a_tail_cut_beside_its_checkpoint_is_named(keeper: Keeper) -> None:
    """A log shorter than its own newest checkpoint is not signed again, and a person is told from where on."""
    await keeper.sweep(*"abcd")
    with keeper.store.reading() as tx:
        head = Frontier().extended(bytes.fromhex(one.leaf) for one in list(tx.log.entries())[:3])
    keeper.edit(
        "DELETE FROM log_entries WHERE number = 3",
        f"UPDATE log_head SET size = 3, peaks = '{json.dumps(head.peaks)}'",
    )
    keeper.witnesses = []

    signed, *_ = await keeper.sweep()

    assert signed.wrong == ("The audit log does not hold from entry 3 on",)


async def test_a_fork_is_named(keeper: Keeper) -> None:
    """A log cut and grown again differently, with its own good checkpoints, is told from what the witness holds."""
    await keeper.sweep(*"abcdefgh")
    await keeper.sweep(*"ijkl")
    keeper.cut(8)
    keeper.witnesses = []
    await keeper.sweep(*"vwxyz")  # signed by the true key: only the witness can tell
    assert keeper.pages() == []
    keeper.witnesses = [keeper.file]

    signed, pinned, _ = await keeper.sweep()

    assert signed.wrong == ()
    assert pinned.wrong == ("The audit log does not hold from entry 8 on",)
    assert any("forked or rewritten" in page for page in keeper.pages())


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE log_checkpoints SET note = 'nothing'",
        "UPDATE log_checkpoints SET peaks = '[]'",
        "UPDATE log_checkpoints SET peaks = 'no'",
        "UPDATE log_checkpoints SET note = replace(note, 'tocsin/', 'another/')",
    ],
)
async def test_an_edited_checkpoint_is_found(keeper: Keeper, edit: str) -> None:
    """A checkpoint that is not what was signed calls a person."""
    await keeper.sweep("a", "b")
    keeper.edit(edit)
    keeper.witnesses = []

    signed, _, checked = await keeper.sweep()

    assert signed.wrong == checked.wrong == ("The audit log does not hold from its checkpoints on",)


class Deaf(FileWitness):
    """A witness that takes nothing for a while."""

    deaf = True

    async def pin(self, note: str, at: object) -> bytes:
        """Take it unless deaf."""
        if self.deaf:
            raise TimeoutError
        return self._pin(note)


async def test_a_witness_that_fails_is_tried_again_and_paged(keeper: Keeper) -> None:
    """It blocks nothing, is tried at each sweep, calls a person after an hour, once a day, and catches up."""
    witness = Deaf(keeper.folder / "volume.txt")
    keeper.witnesses = [witness]
    assert [kept.wrong for kept in await keeper.sweep("a")] == [(), (), ()]
    keeper.at += 50 * MINUTE
    assert [kept.wrong for kept in await keeper.sweep("b")] == [(), (), ()]

    keeper.at += 10 * MINUTE
    _, pinned, _ = await keeper.sweep("c")
    assert pinned.wrong == ("The log's witness file takes no checkpoint",)
    await keeper.sweep("d")
    assert len(keeper.pages()) == 1

    witness.deaf = False
    await keeper.sweep()
    assert keeper.notary.check(await witness.newest() or "").size == 4


async def test_slices_go_round_the_whole_log(keeper: Keeper) -> None:
    """However small the slice, within as many turns as there are slices every old entry has been recomputed."""
    for number in range(6):
        await keeper.sweep(*(f"{number}/{turn}" for turn in range(4)))
    literal = "x'00'" if keeper.url.startswith("sqlite") else r"'\x00'"
    keeper.edit(f"UPDATE log_entries SET body = {literal} WHERE number = 9")

    def at_turn(turn: int) -> int | None:
        with keeper.store.reading() as tx:
            return sliced(tx, keeper.notary, AT + turn * 5 * MINUTE, size=4).first_bad

    found = [at_turn(turn) for turn in range(6)]
    assert found.count(9) >= 1
    assert set(found) == {9, None}
