"""Signing the log's checkpoints with the installation's log key (Ed25519, RFC 8032), and checking such a signature."""

from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tocsin.adapters.keyring import FileKeyring
from tocsin.audit.checkpoint import Checkpoint, Note, Signature, fingerprint, key_hash, verifier_key
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Refused


class LogNotary:
    """Implements `tocsin.ports.Notary` for one log."""

    def __init__(self, origin: str, private: Ed25519PrivateKey, publics: Sequence[Ed25519PublicKey]) -> None:
        """Take the log's name, the key that signs, and every public key whose checkpoints of this log are taken."""
        self._origin = origin
        self._private = private
        self._publics = tuple(publics)

    @classmethod
    def of(cls, keyring: FileKeyring) -> "LogNotary":
        """Return the notary of an installation."""
        return cls(keyring.log_origin(), keyring.log_private(), keyring.log_publics())

    @property
    def fingerprint(self) -> str:
        """What people compare to know the log's key again: SHA-256 of the public key, in hex."""
        return fingerprint(self._public)

    @property
    def verifier_key(self) -> str:
        """The public key in the one-line form that verifiers of checkpoints take."""
        return verifier_key(self._origin, self._public)

    @property
    def _public(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def sign(self, head: Frontier) -> str:
        """Return the checkpoint of this head as a signed note."""
        text = Checkpoint(origin=self._origin, size=head.size, root=head.root()).text()
        signature = self._private.sign(text.encode())
        line = Signature(name=self._origin, key_hash=key_hash(self._origin, self._public), signature=signature)
        return Note(text=text, signatures=(line,)).whole()

    def check(self, note: str) -> Checkpoint:
        """Return what a note commits to.

        Raises:
            Refused: if it is no checkpoint, is one of another log, or is not signed with this log's key.
        """
        try:
            read = Note.parse(note)
            checkpoint = Checkpoint.from_text(read.text)
        except ValueError as error:
            raise Refused(f"a checkpoint of the log cannot be read: {error}") from error
        if checkpoint.origin != self._origin:
            raise Refused(f"it is a checkpoint of the log {checkpoint.origin}, not of {self._origin}")
        if not any(self._signed_by(read, public) for public in self._publics):
            raise Refused(
                f"the checkpoint of {checkpoint.size} entries is not signed with the key of {self._origin}; "
                "it was edited, or made with another key"
            )
        return checkpoint

    def _signed_by(self, note: Note, public: Ed25519PublicKey) -> bool:
        return note.signed_by(self._origin, public.public_bytes_raw(), _verifier(public))


def _verifier(public: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    def verifies(signature: bytes, text: bytes) -> bool:
        try:
            public.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return verifies
