"""The log and its keys on the command line, without an engine: checkpoints, proofs, rotation."""

import json
from pathlib import Path
from typing import Any

import pytest

from activities.commitments import signed
from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation, free_port
from tests.ports.story import AT, INCIDENT, entry, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.sql import create_engine_for, open_store
from tocsin.adapters.vault import Vault
from tocsin.audit.entry import leaf_hash
from tocsin.audit.proof import Inclusion, verify_inclusion
from tocsin.cli.session import Session
from tocsin.domain.values import IncidentId


@pytest.fixture
def cli(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home that was set up, far from any engine."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    return desk


def happen(cli: Desk, *keys: str) -> None:
    """Append entries and sign a checkpoint, as the worker does."""
    url = f"sqlite:///{cli.home / 'store.sqlite'}"
    engine = create_engine_for(url)
    keyring = FileKeyring.open(cli.home / "keys")
    vault = Vault(engine, keyring)
    vault.ensure(IncidentId("inc-one"))
    store = open_store(url, vault)
    with store.writing() as tx:
        tx.log.append(entry(key) for key in keys)
        assert signed(tx, LogNotary.of(keyring), AT).holds
    store.close()
    engine.dispose()


def logged(kind: str) -> list[dict[str, Any]]:
    """Return the log's entries whose kind begins like this."""
    work = Session("asha")
    with work.store.reading() as tx:
        found = [json.loads(stored.body) for stored in tx.log.entries()]
    work.close()
    return [one for one in found if one["kind"].startswith(kind)]


def test_before_the_first_checkpoint(cli: Desk) -> None:
    """Without a checkpoint the commands say when there will be one."""
    for words in (("log", "checkpoint"), ("log", "prove", "0")):
        ran = cli.tocsin(*words)
        assert (ran.code, "no checkpoint yet" in ran.err) == (1, True)


def test_a_checkpoint_kept_elsewhere(cli: Desk, tmp_path: Path) -> None:
    """The printed checkpoint, kept in a file, is compared with the log later; another log's is refused."""
    happen(cli, "a", "b", "c")
    shown = cli.tocsin("log", "checkpoint", "--json").json
    assert (shown["size"], shown["witnesses"]) == (3, {})
    assert shown["fingerprint"] in cli.tocsin("log", "checkpoint").out
    kept = tmp_path / "kept.txt"
    kept.write_text(shown["note"])

    happen(cli, "d")

    assert "began as this checkpoint of 3 entries says" in cli.tocsin("log", "check", str(kept)).out
    assert "as 2 signed checkpoints say" in cli.tocsin("log", "verify").out
    kept.write_text(shown["note"].replace("\n3\n", "\n2\n"))
    refused = cli.tocsin("log", "check", str(kept))
    assert (refused.code, "not signed with the key" in refused.err) == (1, True)


def test_a_log_put_back_is_told_by_the_kept_checkpoint(cli: Desk, tmp_path: Path) -> None:
    """A store put back to an older copy holds in itself, and does not against a checkpoint kept elsewhere."""
    happen(cli, "a")
    older = (cli.home / "store.sqlite").read_bytes()
    happen(cli, "b", "c")
    kept = tmp_path / "kept.txt"
    kept.write_text(cli.tocsin("log", "checkpoint", "--json").json["note"])
    for left in cli.home.glob("store.sqlite*"):
        left.unlink()
    (cli.home / "store.sqlite").write_bytes(older)

    assert cli.tocsin("log", "verify").code == 0
    told = cli.tocsin("log", "check", str(kept))
    assert (told.code, "the log has 1 entries, it had 3" in told.err) == (1, True)


def test_an_entry_is_proved(cli: Desk) -> None:
    """The printed proof leads from the entry to the root in the checkpoint."""
    happen(cli, *"abcde")

    shown = cli.tocsin("log", "prove", "3", "--json").json

    root = LogNotary.of(FileKeyring.open(cli.home / "keys")).check(shown["checkpoint"]).root
    proof = Inclusion.model_validate(shown["proof"])
    assert verify_inclusion(leaf_hash(shown["entry"].encode()), proof, root)
    assert "entry 3 is in the checkpoint of 5 entries" in cli.tocsin("log", "prove", "3").out
    assert "5 comes later" in cli.tocsin("log", "prove", "5").err


def test_keys_are_rotated(cli: Desk) -> None:
    """A new master key takes over every incident's key, and the old checkpoints hold under a new log key."""
    happen(cli, "a")
    before = cli.tocsin("keys", "list", "--json").json
    assert before["masters"] == {before["master"]: 1}

    rotated = cli.tocsin("keys", "rotate", "--json").json
    assert rotated["moved"] == 1
    after = cli.tocsin("keys", "list", "--json").json
    assert after["masters"] == {before["master"]: 0, rotated["master"]: 1}

    assert cli.tocsin("keys", "rotate", "--log").code == 0
    assert cli.tocsin("keys", "list", "--json").json["log"] != before["log"]
    assert cli.tocsin("log", "verify").code == 0
    assert "current, seals the keys of 1 incidents" in cli.tocsin("keys", "list").out
    assert [(e["kind"], e["data"]["key"]) for e in logged("keys.")] == [
        ("keys.rotated", "master"),
        ("keys.rotated", "log"),
    ]


def test_data_keys_rotate_and_keys_are_exported(cli: Desk) -> None:
    """The namespace and each open incident get a new key; an exported keyring, the only one there, reads on."""
    happen(cli, "a")
    work = Session("asha")
    work.vault.ensure(INCIDENT)
    with work.store.writing() as tx:
        tx.incidents.put_state(state(), AT)
    work.close()
    assert cli.tocsin("keys", "rotate", "--data", "--json").json["generations"] == {"namespace": 2, INCIDENT: 2}
    exported = cli.home.parent / "keyring"

    assert cli.tocsin("keys", "export", str(exported)).code == 0
    assert exported.stat().st_mode & 0o777 == 0o600
    assert [e["kind"] for e in logged("keys.")] == ["keys.rotated", "keys.exported"]
    assert "was not written: File exists" in cli.tocsin("keys", "export", str(exported)).err

    (cli.home / "keys").rename(cli.home / "away")
    assert "there are no keys" in cli.tocsin("list").err
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_KEYRING_FILE", str(exported))
        assert INCIDENT in cli.tocsin("list").out
    (cli.home / "away").rename(cli.home / "keys")
