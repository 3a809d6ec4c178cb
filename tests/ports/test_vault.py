"""The vault on a real store: a key per incident, read by threads and processes at once, destroyed for good."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from tests.ports.home import a_home
from tocsin.adapters.box import generation_of
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql.engine import Transactions, create_engine_for
from tocsin.adapters.sql.tables import incident_keys, later_keys
from tocsin.adapters.vault import KEPT, NAMESPACE_SCOPE, Vault
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.values import IncidentId
from tocsin.ports import Sealer

ONE, TWO = IncidentId("inc-1"), IncidentId("inc-2")
FACTS = b"Asha: the backup of Birch Clinic lay open"


class Watch:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """Yield an engine on a new store."""
    engine = create_engine_for(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    """Return a new keyring."""
    return FileKeyring.create(tmp_path / "keys")


@pytest.fixture
def vault(engine: Engine, keyring: FileKeyring) -> Vault:
    """Return a vault in which both incidents have a key."""
    vault = Vault(engine, keyring)
    vault.ensure(ONE)
    vault.ensure(TWO)
    return vault


def rows(engine: Engine) -> dict[str, tuple[bytes | None, str]]:
    """Return by incident the wrapped key and its master's key id, as they lie in the store."""
    with Transactions(engine).reading() as connection:
        found = connection.execute(select(incident_keys)).all()
    return {row.incident_id: (row.wrapped, row.key_id) for row in found}


def put_wrapped(engine: Engine, incident_id: IncidentId, wrapped: bytes) -> None:
    """Put another wrapped key into the store, as Mallory would."""
    with Transactions(engine).writing() as connection:
        changed = update(incident_keys).where(incident_keys.c.incident_id == incident_id)
        connection.execute(changed.values(wrapped=wrapped))


@pytest.mark.parametrize("scope", [ONE, NAMESPACE_SCOPE])
@pytest.mark.parametrize("content", [b"", b"x", FACTS, bytes(300_000)], ids=len)
def test_what_is_sealed_opens(vault: Vault, scope: str, content: bytes) -> None:
    """Content of any length comes back, from a sealing that does not show it and is never the same twice."""
    sealer: Sealer = vault

    sealed = sealer.seal(scope, content, "facts/1")

    assert sealer.open(scope, sealed, "facts/1") == content
    assert sealed != sealer.seal(scope, content, "facts/1")
    assert content not in sealed or len(content) < 2


def test_a_sealing_is_bound(vault: Vault) -> None:
    """It opens neither in another row nor in another incident, and no byte of it can be changed."""
    sealed = vault.seal(ONE, FACTS, "facts/1")

    for scope, about in ((ONE, "facts/2"), (TWO, "facts/1"), (NAMESPACE_SCOPE, "facts/1")):
        with pytest.raises(Broken, match=f"{scope} / {about}"):
            vault.open(scope, sealed, about)
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 0x80]) + sealed[place + 1 :]
        with pytest.raises(Broken, match="facts/1"):
            vault.open(ONE, altered, "facts/1")
    for cut in (b"", sealed[:1], sealed[:13], sealed[:-1]):
        with pytest.raises(Broken, match="facts/1"):
            vault.open(ONE, cut, "facts/1")


def test_each_incident_has_its_own_salt(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """A salt is the same in every process and for ever, and no other incident has it."""
    assert vault.salt(ONE) == Vault(engine, keyring).salt(ONE)
    assert vault.salt(ONE) != vault.salt(TWO)
    assert len(vault.salt(ONE)) == 32


def test_without_a_key_nothing_is_sealed(engine: Engine, keyring: FileKeyring) -> None:
    """An incident without a key is Broken: nothing is ever written in plain, and no key is made by reading."""
    vault = Vault(engine, keyring)

    with pytest.raises(Broken, match="inc-1 has no key"):
        vault.seal(ONE, FACTS, "facts/1")
    with pytest.raises(Broken, match="inc-1 has no key"):
        vault.open(ONE, b"", "facts/1")
    with pytest.raises(Broken, match="inc-1 has no key"):
        vault.salt(ONE)
    assert rows(engine) == {}


def test_ensure_makes_one_key(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """Ensuring again, here or in another process, changes nothing."""
    before = rows(engine)

    vault.ensure(ONE)
    Vault(engine, keyring).ensure(ONE)

    assert rows(engine) == before
    assert set(before) == {ONE, TWO}


def test_racing_ensures_agree(engine: Engine, keyring: FileKeyring) -> None:
    """Of many that ensure the same key at once, all end with the same one."""
    vaults = [Vault(engine, keyring) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda vault: vault.ensure(ONE), vaults))

    sealed = [vault.seal(ONE, FACTS, "facts/1") for vault in vaults]

    assert {vaults[0].open(ONE, one, "facts/1") for one in sealed} == {FACTS}


def test_it_reads_beside_a_writer(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """Sealing with a key that is not at hand works while another transaction holds the store's only writer."""
    fresh = Vault(engine, keyring)
    with Transactions(engine).writing():
        sealed = fresh.seal(ONE, FACTS, "facts/1")

    assert vault.open(ONE, sealed, "facts/1") == FACTS


def test_a_foreign_keyring_opens_nothing(vault: Vault, engine: Engine, tmp_path: Path) -> None:
    """The store alone, with other keys than its own, is unreadable, and says which key is missing."""
    sealed = vault.seal(ONE, FACTS, "facts/1")
    mallory = Vault(engine, FileKeyring.create(tmp_path / "mallory"))

    with pytest.raises(Broken, match="restore that file"):
        mallory.open(ONE, sealed, "facts/1")
    with pytest.raises(Broken, match="namespace"):
        mallory.open(NAMESPACE_SCOPE, vault.seal(NAMESPACE_SCOPE, FACTS, "register/1"), "register/1")


def test_a_key_cannot_be_given_to_another_incident(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """Mallory, who may write to the store, cannot make one incident be read with another's key."""
    put_wrapped(engine, TWO, rows(engine)[ONE][0] or b"")

    with pytest.raises(Broken, match="inc-2"):
        Vault(engine, keyring).open(TWO, vault.seal(ONE, FACTS, "facts/1"), "facts/1")


def test_rewrapping_moves_every_key(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """After two rotations, each followed by a rewrap, old sealings open, and no key hangs on an old master."""
    sealed = vault.seal(ONE, FACTS, "facts/1")

    for _ in range(2):
        current = keyring.rotate_master()
        assert vault.rewrap() == 2
        assert vault.rewrap() == 0
        assert {key_id for _, key_id in rows(engine).values()} == {current}

    assert Vault(engine, keyring).open(ONE, sealed, "facts/1") == FACTS
    assert Vault(engine, keyring).salt(ONE) == vault.salt(ONE)


@pytest.mark.parametrize("scope", [ONE, NAMESPACE_SCOPE])
def test_a_rotated_key_keeps_its_past(vault: Vault, engine: Engine, keyring: FileKeyring, scope: str) -> None:
    """Each generation opens what it sealed, new content goes under the newest, and the salt stays as it was."""
    worker = Vault(engine, keyring)
    sealed = [worker.seal(scope, FACTS, "facts/1")]
    salt = vault.salt(ONE)
    for generation in (2, 3):
        assert vault.rotate(scope) == generation == vault.newest(scope)
        sealed.append(vault.seal(scope, FACTS, "facts/1"))
    keyring.rotate_master()
    assert vault.rewrap() == 4  # both incidents' keys, and the two generations

    assert [generation_of(box) for box in sealed] == [1, 2, 3]
    for one in (worker, Vault(engine, keyring)):
        assert [one.open(scope, box, "facts/1") for box in sealed] == [FACTS] * 3
    assert Vault(engine, keyring).salt(ONE) == salt
    for place in range(1, 3):
        altered = sealed[2][:place] + bytes([sealed[2][place] ^ 1]) + sealed[2][place + 1 :]
        with pytest.raises(Broken, match="facts/1"):
            vault.open(scope, altered, "facts/1")


def test_every_generation_is_destroyed(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """Destroying a key destroys what its later generations sealed as well, and a destroyed key is not rotated."""
    vault.rotate(ONE)
    sealed = vault.seal(ONE, FACTS, "facts/1")
    vault.destroy(ONE)

    with Transactions(engine).reading() as connection:
        assert list(connection.scalars(select(later_keys.c.wrapped))) == [None]
    with pytest.raises(Broken, match="was destroyed"):
        Vault(engine, keyring).open(ONE, sealed, "facts/1")
    with pytest.raises(Broken, match="was destroyed"):
        vault.rotate(ONE)


def test_a_destroyed_key_is_gone(vault: Vault, engine: Engine, keyring: FileKeyring) -> None:
    """What a destroyed key sealed opens nowhere; there is no second key; other incidents are untouched."""
    sealed, other = vault.seal(ONE, FACTS, "facts/1"), vault.seal(TWO, FACTS, "facts/1")
    vault.destroy(ONE)
    vault.destroy(ONE)

    for one in (vault, Vault(engine, keyring)):
        with pytest.raises(Broken, match="key of incident inc-1 was destroyed"):
            one.open(ONE, sealed, "facts/1")
        with pytest.raises(Broken, match="was destroyed"):
            one.salt(ONE)
        with pytest.raises(Broken, match="was destroyed"):
            one.ensure(ONE)
    keyring.rotate_master()
    assert vault.rewrap() == 1
    assert rows(engine)[ONE][0] is None
    assert Vault(engine, keyring).open(TWO, other, "facts/1") == FACTS


def test_a_destroyed_key_leaves_no_bytes(tmp_path: Path) -> None:
    """The wrapped key is in SQLite's files before it is destroyed, and in none of them after."""
    home = a_home(tmp_path)
    home.vault.ensure(ONE)
    wrapped = rows(home.engine)[ONE][0] or b""
    assert any(wrapped in path.read_bytes() for path in tmp_path.glob("store.sqlite*"))

    home.vault.destroy(ONE)

    assert not [path.name for path in tmp_path.glob("store.sqlite*") if wrapped in path.read_bytes()]
    home.engine.dispose()


def test_destroying_an_unknown_key_is_refused(vault: Vault) -> None:
    """A mistyped incident is refused, so that nobody believes something was erased."""
    with pytest.raises(Refused, match="inc-9"):
        vault.destroy(IncidentId("inc-9"))


def test_a_key_destroyed_elsewhere_is_soon_unused(engine: Engine, keyring: FileKeyring) -> None:
    """A process that had the key open stops using it after a while, without being told."""
    watch = Watch()
    worker = Vault(engine, keyring, monotonic=watch)
    worker.ensure(ONE)
    sealed = worker.seal(ONE, FACTS, "facts/1")
    Vault(engine, keyring).destroy(ONE)

    assert worker.open(ONE, sealed, "facts/1") == FACTS
    watch.seconds = KEPT.total_seconds()
    assert not worker.ready(ONE)
    with pytest.raises(Broken, match="was destroyed"):
        worker.open(ONE, sealed, "facts/1")


def test_the_keys_at_hand_are_bounded(engine: Engine, keyring: FileKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps so many keys open and no more; one that was let go is simply read again."""
    monkeypatch.setattr("tocsin.adapters.vault._MOST_KEPT", 2)
    vault = Vault(engine, keyring)
    incidents = [IncidentId(f"inc-{number}") for number in range(4)]
    for incident_id in incidents:
        vault.ensure(incident_id)

    assert [vault.ready(incident_id) for incident_id in incidents] == [False, False, True, True]
    assert vault.open(incidents[0], vault.seal(incidents[0], FACTS, "a"), "a") == FACTS


def test_the_rows_are_dated(engine: Engine, keyring: FileKeyring) -> None:
    """A key's row says when it was made and when it was destroyed, in UTC."""
    moments = iter([datetime(2026, 3, 2, 1, 20, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)])
    vault = Vault(engine, keyring, now=lambda: next(moments))
    vault.ensure(ONE)
    vault.destroy(ONE)

    with Transactions(engine).reading() as connection:
        row = connection.execute(select(incident_keys)).one()
    assert row.destroyed_at - row.created_at == timedelta(days=184) - timedelta(hours=1, minutes=20)
