"""Signing a pack, and the checkpoint of the log in it, with the key of the log."""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.audit.checkpoint import Checkpoint, Note, Signature, key_hash
from tocsin.audit.tree import Frontier


class Signer(Protocol):
    """Holds the log's key. It signs what it is given, and says by which name and public key it is known."""

    @property
    def origin(self) -> str: ...  # noqa: D102 - the name of the log, and of its key

    @property
    def public(self) -> bytes: ...  # noqa: D102 - the 32 bytes of the public key

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature of the content."""


def signed_checkpoint(signer: Signer, head: Frontier) -> str:
    """Return the log's head as a signed note; the same head gives the same note."""
    text = Checkpoint(origin=signer.origin, size=head.size, root=head.root()).text()
    made = signer.sign(text.encode())
    signature = Signature(name=signer.origin, key_hash=key_hash(signer.origin, signer.public), signature=made)
    return Note(text=text, signatures=(signature,)).whole()


def as_pem(public: bytes) -> bytes:
    """Return an Ed25519 public key as `openssl` reads it."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def holds(public: bytes, signature: bytes, content: bytes) -> bool:
    """Say whether the signature is this key's, over this content."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
