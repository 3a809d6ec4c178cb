"""Signing a pack, and the log's checkpoint in it, with the key of the log."""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.audit.checkpoint import Checkpoint
from tocsin.audit.tree import Frontier


class Signer(Protocol):
    """Holds the log's key."""

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public key."""

    @property
    def fingerprint(self) -> str:
        """What people compare to know the key again."""

    @property
    def verifier_key(self) -> str:
        """The public key in the one-line form that verifiers of checkpoints take."""

    def checkpoint(self, head: Frontier) -> str:
        """Return the log's head as a signed note; the same head gives the same note."""

    def check(self, note: str) -> Checkpoint:
        """Return what a signed note of this log commits to. Raises Refused if it is none."""

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature of the content."""


class LogSigner:
    """The signer of an installation."""

    def __init__(self, keyring: FileKeyring) -> None:
        self._private = keyring.log_private()
        self._notary = LogNotary.of(keyring)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the log's public key."""
        return self._private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """What people compare to know the key again."""
        return self._notary.fingerprint

    @property
    def verifier_key(self) -> str:
        """The public key in the one-line form that verifiers of checkpoints take."""
        return self._notary.verifier_key

    def checkpoint(self, head: Frontier) -> str:
        """Return the log's head as a signed note."""
        return self._notary.sign(head)

    def check(self, note: str) -> Checkpoint:
        """Return what a signed note of this log commits to. Raises Refused if it is none."""
        return self._notary.check(note)

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature of the content."""
        return self._private.sign(content)


def as_pem(public: bytes) -> bytes:
    """Return an Ed25519 public key as `openssl` reads it."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def from_pem(pem: bytes) -> bytes:
    """Return the 32 bytes of a public key. Raises ValueError if it is not Ed25519."""
    key = load_pem_public_key(pem)
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    raise ValueError("it is not an Ed25519 key")


def signature_holds(public: bytes, signature: bytes, content: bytes) -> bool:
    """Say whether the signature is this key's, over this content."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True
