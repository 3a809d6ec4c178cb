"""The notary: what it signs it knows again, and nothing else."""

from pathlib import Path

import pytest

from tests.rules.test_log_tree import INPUTS
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Refused
from tocsin.ports import Notary

HEAD = Frontier().extended(leaf_hash(content) for content in INPUTS)


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    """Return new keys."""
    return FileKeyring.create(tmp_path / "keys")


def test_it_keeps_the_port(keyring: FileKeyring) -> None:
    """A checkpoint says the head's size and root, and is known again."""
    notary: Notary = LogNotary.of(keyring)

    checkpoint = notary.check(notary.sign(HEAD))

    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (keyring.log_origin(), 8, HEAD.root())


def test_an_edited_checkpoint_is_refused(keyring: FileKeyring) -> None:
    """Another size, under the same signature, is refused; so is a text that is no checkpoint."""
    notary = LogNotary.of(keyring)

    with pytest.raises(Refused, match="not signed with the key"):
        notary.check(notary.sign(HEAD).replace("\n8\n", "\n7\n"))
    with pytest.raises(Refused, match="cannot be read"):
        notary.check("nothing")


def test_a_checkpoint_of_another_log_is_refused(keyring: FileKeyring, tmp_path: Path) -> None:
    """Another installation's checkpoint is refused, even when it takes our log's name."""
    ours, other = LogNotary.of(keyring), FileKeyring.create(tmp_path / "other")

    with pytest.raises(Refused, match="of the log"):
        ours.check(LogNotary.of(other).sign(HEAD))
    pretender = LogNotary(keyring.log_origin(), other.log_private(), other.log_publics())
    with pytest.raises(Refused, match="not signed with the key"):
        ours.check(pretender.sign(HEAD))


def test_a_rotated_key_checks_the_past(keyring: FileKeyring) -> None:
    """What the old key signed is still known after a rotation, and the fingerprint is the new key's."""
    before = LogNotary.of(keyring)
    note = before.sign(HEAD)

    keyring.rotate_log()

    after = LogNotary.of(keyring)
    assert after.check(note).size == 8
    assert after.fingerprint != before.fingerprint
    assert after.verifier_key.startswith(f"{keyring.log_origin()}+")
