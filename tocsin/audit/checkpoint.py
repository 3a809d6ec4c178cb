"""Checkpoints: the log's size and root as a signed note, in the form of C2SP (signed-note and tlog-checkpoint).

```
tocsin/log-5xk2…          the origin: which log
17                        how many entries
CsUY…                     the root, base64
                          an empty line
— tocsin/log-5xk2… Az3…   who signed: key name, and base64 of the key's hash and the Ed25519 signature
```

Only the text lives here; who holds a key signs and checks it.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Self

from tocsin.domain.values import Value

_ED25519 = b"\x01"
_KEY_HASH_BYTES = 4
_MOST_SIGNATURES = 100
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH = "\N{EM DASH}"


class Checkpoint(Value):
    """What a log commits to: that its first `size` entries have this root (hex)."""

    origin: str
    size: int
    root: str

    def text(self) -> str:
        """Return the note's text, which the signature covers."""
        return f"{self.origin}\n{self.size}\n{b64encode(bytes.fromhex(self.root)).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a note's text.

        Raises:
            ValueError: if it is none of a checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise ValueError("it is no checkpoint: origin, size and root must each stand on a line")
        root = _base64(lines[2])
        if len(root) != hashlib.sha256().digest_size:
            raise ValueError("it is no checkpoint: its root is no SHA-256 hash")
        return cls(origin=lines[0], size=int(lines[1]), root=root.hex())


class Signature(Value):
    """One signature line of a note."""

    name: str
    key_hash: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line."""
        return f"{_DASH} {self.name} {b64encode(self.key_hash + self.signature).decode()}\n"


class Note(Value):
    """A signed note taken apart. Nothing in it is believed before a signature of a known key was checked."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Take a note apart.

        Raises:
            ValueError: if it is none.
        """
        text, blank, tail = note.rpartition("\n\n")
        lines = tail.split("\n")
        if not blank or lines.pop() or not lines or len(lines) > _MOST_SIGNATURES:
            raise ValueError("it is no signed note: text, an empty line and signatures must follow each other")
        if any(ord(letter) < ord(" ") and letter != "\n" for letter in note):
            raise ValueError("it is no signed note: it has control characters")
        return cls(text=f"{text}\n", signatures=tuple(_signature(line) for line in lines))

    def whole(self) -> str:
        """Return the note as it is written down."""
        return f"{self.text}\n{''.join(one.line() for one in self.signatures)}"

    def signed_by(self, name: str, public: bytes, verifies: Callable[[bytes, bytes], bool]) -> bool:
        """Say whether this key signed it; `verifies` is told signature and text, and says whether they fit.

        A line that names the key and does not fit makes the whole note worthless, whatever the others say.
        """
        known = key_hash(name, public)
        mine = [one.signature for one in self.signatures if (one.name, one.key_hash) == (name, known)]
        return bool(mine) and all(verifies(signature, self.text.encode()) for signature in mine)


def key_hash(name: str, public: bytes) -> bytes:
    """Return the four bytes by which a signature names an Ed25519 key: SHA-256 over name, newline, 0x01 and key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_HASH_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """Return a public key in the one-line form in which verifiers of checkpoints are given it."""
    return f"{name}+{key_hash(name, public).hex()}+{b64encode(_ED25519 + public).decode()}"


def fingerprint(public: bytes) -> str:
    """Return what people compare to know a log's key again: SHA-256 over the 32 raw bytes, in hex."""
    return hashlib.sha256(public).hexdigest()


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    named = bool(name) and "+" not in name and not any(letter.isspace() for letter in name)
    if dash != _DASH or not named:
        raise ValueError("it is no signed note: a signature line is not dash, name and signature")
    held = _base64(encoded)
    if len(held) <= _KEY_HASH_BYTES:
        raise ValueError("it is no signed note: a signature is too short")
    return Signature(name=name, key_hash=held[:_KEY_HASH_BYTES], signature=held[_KEY_HASH_BYTES:])


def _base64(text: str) -> bytes:
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise ValueError("it holds something else than base64") from error
