"""Checkpoints as signed notes: the published example is read, and nothing that is not one passes."""

from base64 import b64decode
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.test_log_tree import ROOTS
from tocsin.audit.checkpoint import Checkpoint, Note, Signature, fingerprint, key_hash, verifier_key

NAME = "tocsin/log-abc"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
CHECKPOINT = Checkpoint(origin=NAME, size=8, root=ROOTS[7])
# The example of C2SP's tlog-checkpoint and the key and note of the reference implementation's test of notes.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
NEUMANN = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NEUMANN_PRIVATE = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]


def verifies(public: bytes) -> Callable[[bytes, bytes], bool]:
    """Return what checks a signature of this key."""

    def check(signature: bytes, text: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return check


def signed(checkpoint: Checkpoint, key: Ed25519PrivateKey = KEY, name: str = NAME) -> Note:
    """Return a checkpoint's note."""
    text = checkpoint.text()
    public = key.public_key().public_bytes_raw()
    line = Signature(name=name, key_hash=key_hash(name, public), signature=key.sign(text.encode()))
    return Note(text=text, signatures=(line,))


def test_the_published_example_is_read() -> None:
    """The specification's own checkpoint says its origin, size and root, and comes out as it went in."""
    note = Note.parse(EXAMPLE)

    checkpoint = Checkpoint.from_text(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert note.whole() == EXAMPLE


def test_the_published_note_is_signed_and_checked() -> None:
    """With the reference implementation's key we write the reference implementation's note, byte by byte."""
    key = Ed25519PrivateKey.from_private_bytes(NEUMANN_PRIVATE)
    public = key.public_key().public_bytes_raw()
    note = Note.parse(NEUMANN)

    line = Signature(
        name="PeterNeumann", key_hash=key_hash("PeterNeumann", public), signature=key.sign(note.text.encode())
    )
    assert Note(text=note.text, signatures=(line,)).whole() == NEUMANN
    assert verifier_key("PeterNeumann", public) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert note.signed_by("PeterNeumann", public, verifies(public))


def test_a_checkpoint_survives_its_note() -> None:
    """What was signed is read back, and the signature fits the key that made it and no other."""
    note = Note.parse(signed(CHECKPOINT).whole())
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

    assert Checkpoint.from_text(note.text) == CHECKPOINT
    assert note.signed_by(NAME, PUBLIC, verifies(PUBLIC))
    assert not note.signed_by(NAME, other, verifies(other))
    assert not note.signed_by("another/log", PUBLIC, verifies(PUBLIC))
    assert len(fingerprint(PUBLIC)) == 64


def test_another_text_is_not_signed() -> None:
    """A signature put under another size or root does not fit."""
    forged = signed(CHECKPOINT).model_copy(update={"text": CHECKPOINT.model_copy(update={"size": 7}).text()})

    assert not forged.signed_by(NAME, PUBLIC, verifies(PUBLIC))


def test_signatures_of_strangers_are_passed_over() -> None:
    """A witness may sign the same note: its line is ignored by who does not know it. A bad line of ours is not."""
    note, stranger = signed(CHECKPOINT), signed(CHECKPOINT, Ed25519PrivateKey.generate(), "a/witness")
    both = Note(text=note.text, signatures=(*stranger.signatures, *note.signatures))
    bad = note.signatures[0].model_copy(update={"signature": bytes(64)})

    assert Note.parse(both.whole()).signed_by(NAME, PUBLIC, verifies(PUBLIC))
    spoiled = Note(text=note.text, signatures=(*note.signatures, bad))
    assert not spoiled.signed_by(NAME, PUBLIC, verifies(PUBLIC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        f"{CHECKPOINT.text()}",
        f"{CHECKPOINT.text()}\n",
        f"{CHECKPOINT.text()}\n- name AAAAAAAA\n",
        f"{CHECKPOINT.text()}\n— a+b AAAAAAAA\n",
        f"{CHECKPOINT.text()}\n— name AAAA\n",
        f"{CHECKPOINT.text()}\n— name ???\n",
        f"{CHECKPOINT.text()}\n— name AAAAAAAA",
        signed(CHECKPOINT).whole().replace("\n8\n", "\n8\t\n"),
    ],
)
def test_what_is_no_note_is_said(text: str) -> None:
    """A text that is no signed note is refused."""
    with pytest.raises(ValueError, match=r"no signed note|base64"):
        Note.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", "a\n1\n§\n", f"\n1\n{'A' * 43}=\n", "a\n1\nAAAA"],
)
def test_what_is_no_checkpoint_is_said(text: str) -> None:
    """A text that is no checkpoint is refused."""
    with pytest.raises(ValueError, match=r"no checkpoint|base64"):
        Checkpoint.from_text(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is handed in is read or refused, and what is read comes out again as it was."""
    try:
        note = Note.parse(text)
    except ValueError:
        return
    assert note.whole() == text
