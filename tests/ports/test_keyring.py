"""The keyring on a folder: made whole, read only when nobody else could, rotated without losing anything."""

import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.adapters.keyring import FileKeyring, door_key_id, engine_public, seal_to_engine
from tocsin.domain.errors import Broken, Refused
from tocsin.ports import Keyring

SECRETS = ["masters.json", "namespace.json", "ids.key", "door.key", "engine.key", "log.key"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the keys go."""
    return tmp_path / "home" / "keys"


def test_it_keeps_the_port(folder: Path) -> None:
    """A keyring made and opened again holds the same keys."""
    made: Keyring = FileKeyring.create(folder)
    again: Keyring = FileKeyring.open(folder)

    assert again.id_key() == made.id_key()
    assert again.namespace_key() == made.namespace_key()
    assert again.master_id() == made.master_id()
    assert again.unwrap(*made.wrap(b"k" * 32, "here"), "here") == b"k" * 32


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    """Keys are random: no two installations have one in common, nor do two keys of one installation."""
    one, two = FileKeyring.create(tmp_path / "one"), FileKeyring.create(tmp_path / "two")

    assert len({one.id_key(), one.namespace_key(), two.id_key(), two.namespace_key()}) == 4
    assert one.door_private()[0] != two.door_private()[0]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read(folder: Path, umask: int) -> None:
    """Whatever the umask says, the folder is 0700 and each secret 0600; only public keys are 0644."""
    folder.parent.mkdir()
    before = os.umask(umask)
    try:
        FileKeyring.create(folder)
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert {name for name, path in files.items() if path.stat().st_mode & 0o777 == 0o600} == set(SECRETS)
    assert all(path.stat().st_mode & 0o777 == 0o644 for name, path in files.items() if name not in SECRETS)


def test_keys_are_never_overwritten(folder: Path) -> None:
    """Making keys where keys are is refused, changes none of them and leaves nothing behind."""
    before = FileKeyring.create(folder).id_key()

    with pytest.raises(Refused, match="they are kept"):
        FileKeyring.create(folder)

    assert FileKeyring.open(folder).id_key() == before
    assert [path.name for path in folder.parent.iterdir()] == ["keys"]


def test_anything_in_the_folder_stops_making(folder: Path) -> None:
    """Even a single stray file makes `create` refuse: it may be what is left of somebody's keys."""
    folder.mkdir(parents=True)
    (folder / "masters.json").write_text("{}")

    with pytest.raises(Refused, match="TOCSIN_HOME"):
        FileKeyring.create(folder)


def test_no_folder_means_init(folder: Path) -> None:
    """Without keys nothing starts, and the message says how to make them."""
    with pytest.raises(Refused, match="tocsin init"):
        FileKeyring.open(folder)


@pytest.mark.parametrize("name", [*SECRETS, "doors"])
def test_a_missing_key_is_refused(folder: Path, name: str) -> None:
    """A keyring with a key missing does not open, and is not mended by inventing another key."""
    FileKeyring.create(folder)
    (folder / name).rename(folder.parent / "away")

    with pytest.raises(Refused, match=rf"{name}.*backup.*tocsin init"):
        FileKeyring.open(folder)
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("content", [b"", b"AAAA", b"{}", b"[]", b"not base64!", b"\xff\xfe", b"null", b'{"keys": 1}'])
def test_a_misshapen_key_is_refused(folder: Path, name: str, content: bytes) -> None:
    """A file that holds something else than a key is named."""
    FileKeyring.create(folder)
    (folder / name).write_bytes(content)

    with pytest.raises(Refused, match=rf"{name} does not hold a key"):
        FileKeyring.open(folder)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o700])
def test_a_key_others_can_use_is_refused(folder: Path, name: str, mode: int) -> None:
    """A key open to the group or the world is refused with the command that closes it."""
    FileKeyring.create(folder)
    (folder / name).chmod(mode)

    with pytest.raises(Refused, match=rf"chmod 600 \S*{name}"):
        FileKeyring.open(folder)


def test_a_folder_others_can_enter_is_refused(folder: Path) -> None:
    """So is the folder itself, and a door's public key that Mallory could replace with hers."""
    keyring = FileKeyring.create(folder)
    public = folder / "doors" / f"{keyring.door_private()[0]}.pub"

    public.chmod(0o666)
    with pytest.raises(Refused, match=r"chmod 644 \S*door-"):
        FileKeyring.open(folder)
    public.chmod(0o644)
    folder.chmod(0o755)
    with pytest.raises(Refused, match=r"chmod 700 \S*keys"):
        FileKeyring.open(folder)


def test_a_wrapped_key_is_bound(folder: Path) -> None:
    """A wrapped key opens only under what it was wrapped for and with its own master; a changed bit breaks it."""
    keyring = FileKeyring.create(folder)
    key_id, wrapped = keyring.wrap(b"k" * 32, "key of incident inc-1")
    other = keyring.rotate_master()

    with pytest.raises(Broken, match="inc-2"):
        keyring.unwrap(key_id, wrapped, "key of incident inc-2")
    with pytest.raises(Broken, match="inc-1"):
        keyring.unwrap(other, wrapped, "key of incident inc-1")
    for place in range(len(wrapped)):
        altered = wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :]
        with pytest.raises(Broken, match="inc-1"):
            keyring.unwrap(key_id, altered, "key of incident inc-1")
    assert b"k" * 8 not in wrapped


@pytest.mark.parametrize("length", [0, 1, 12, 13, 20])
def test_a_cut_box_is_broken(folder: Path, length: int) -> None:
    """A wrapped key cut short is Broken, not a crash."""
    keyring = FileKeyring.create(folder)
    key_id, wrapped = keyring.wrap(b"k" * 32, "here")

    with pytest.raises(Broken):
        keyring.unwrap(key_id, wrapped[:length], "here")


def test_an_unknown_master_is_broken(folder: Path) -> None:
    """A key wrapped under a master that is not here says which one, and where it should be."""
    with pytest.raises(Broken, match=r"master-gone.*masters\.json"):
        FileKeyring.create(folder).unwrap("master-gone", b"", "here")


def test_rotation_loses_nothing(folder: Path) -> None:
    """After two rotations all that was wrapped before opens, the namespace key is the same, new keys use the newest."""
    keyring = FileKeyring.create(folder)
    namespace = keyring.namespace_key()
    wrapped = [keyring.wrap(b"a" * 32, "here")]
    for _ in range(2):
        keyring.rotate_master()
        wrapped.append(keyring.wrap(b"a" * 32, "here"))

    again = FileKeyring.open(folder)
    assert [again.unwrap(*one, "here") for one in wrapped] == [b"a" * 32] * 3
    assert len({key_id for key_id, _ in wrapped}) == 3
    assert again.namespace_key() == keyring.namespace_key() == namespace
    assert again.master_id() == wrapped[-1][0]
    assert json.loads((folder / "namespace.json").read_text())["key_id"] == again.master_id()


def test_a_running_worker_learns_of_a_rotation(folder: Path) -> None:
    """A keyring opened before another process rotated opens what was wrapped after, and its own rotation adds to it."""
    worker, admin = FileKeyring.create(folder), FileKeyring.open(folder)
    admin.rotate_master()
    wrapped = admin.wrap(b"k" * 32, "here")

    assert worker.unwrap(*wrapped, "here") == b"k" * 32
    stale = FileKeyring.open(folder)
    admin.rotate_master()
    stale.rotate_master()
    assert len(json.loads((folder / "masters.json").read_text())["keys"]) == 4


def test_a_crash_between_the_files_of_a_rotation(folder: Path) -> None:
    """Stopped after the new master was written and before the namespace key moved to it, everything still opens."""
    namespace = FileKeyring.create(folder).namespace_key()
    before = (folder / "namespace.json").read_text()
    FileKeyring.open(folder).rotate_master()
    (folder / "namespace.json").write_text(before)

    assert FileKeyring.open(folder).namespace_key() == namespace


def test_doors_are_named_by_their_fingerprint(folder: Path) -> None:
    """The installation's own door is accepted, and so is another once its public key is put beside it."""
    keyring = FileKeyring.create(folder)
    key_id, private = keyring.door_private()
    console = Ed25519PrivateKey.generate().public_key()

    assert list(keyring.door_publics()) == [key_id]
    assert keyring.door_publics()[key_id].public_bytes_raw() == private.public_key().public_bytes_raw()
    assert keyring.accept_door(console) == door_key_id(console)
    assert set(FileKeyring.open(folder).door_publics()) == {key_id, door_key_id(console)}


def test_a_report_is_sealed_with_the_public_key_alone(folder: Path, tmp_path: Path) -> None:
    """A host that holds nothing but `engine.pub` can seal a report; only the engine's keyring opens it."""
    keyring = FileKeyring.create(folder)
    spooler = tmp_path / "spooler"
    spooler.mkdir()
    (spooler / "engine.pub").write_text((folder / "engine.pub").read_text())

    sealed = seal_to_engine(engine_public(spooler), b"Asha reports")

    assert b"Asha" not in sealed
    assert keyring.open_from_engine(sealed) == b"Asha reports"
    assert seal_to_engine(engine_public(spooler), b"Asha reports") != sealed


def test_a_report_for_another_engine_is_refused(folder: Path, tmp_path: Path) -> None:
    """A report that was sealed to another engine, altered, cut or empty is refused."""
    keyring, other = FileKeyring.create(folder), FileKeyring.create(tmp_path / "other")
    sealed = seal_to_engine(engine_public(folder), b"Asha reports")

    with pytest.raises(Refused, match=r"engine\.pub"):
        other.open_from_engine(sealed)
    for wrong in (sealed[:-1], b"", b"x" * 60, bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(Refused):
            keyring.open_from_engine(wrong)


def test_a_wrong_public_key_is_refused(tmp_path: Path) -> None:
    """A missing `engine.pub`, or one that is no key, is refused with what to do."""
    with pytest.raises(Refused, match=r"engine\.pub"):
        engine_public(tmp_path)
    (tmp_path / "engine.pub").write_text("no key")
    with pytest.raises(Refused, match="does not hold a key"):
        engine_public(tmp_path)
    with pytest.raises(Refused, match="3 bytes"):
        seal_to_engine(b"abc", b"Asha reports")


def test_the_log_key_is_made_for_older_keys(folder: Path) -> None:
    """Keys from before the log was signed get its key, once; one that was lost is not made anew behind one's back."""
    FileKeyring.create(folder)
    shutil.rmtree(folder / "logs")
    (folder / "log.key").unlink()

    assert FileKeyring.complete(folder)
    made = FileKeyring.open(folder).log_private().private_bytes_raw()
    assert not FileKeyring.complete(folder)
    assert FileKeyring.open(folder).log_private().private_bytes_raw() == made

    (folder / "log.key").unlink()
    assert not FileKeyring.complete(folder)
    with pytest.raises(Refused, match=r"log\.key"):
        FileKeyring.open(folder)


def test_a_new_log_key_leaves_the_old_one_known(folder: Path) -> None:
    """After a rotation the new key signs, the log keeps its name, and the old public key is still known."""
    keyring = FileKeyring.create(folder)
    origin, old = keyring.log_origin(), keyring.log_private().public_key()

    keyring.rotate_log()

    again = FileKeyring.open(folder)
    assert again.log_origin() == origin
    assert again.log_publics() == (again.log_private().public_key(), old)
    assert again.log_private().public_key() != old
