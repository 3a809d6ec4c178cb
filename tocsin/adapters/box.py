"""One sealed box: a version byte, a random 96-bit nonce, and AES-256-GCM over the content (NIST SP 800-38D).

A box under a later generation of its key says which, so that old boxes open with old keys after a rotation.
What the box is about is authenticated but not stored: whoever opens it must know it, so a box cannot be moved.
"""

import os
from json.encoder import encode_basestring_ascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.domain.errors import Broken

KEY_BYTES = 32
_FIRST, _LATER = b"\x01", b"\x02"
_GENERATION_BYTES = 2
_NONCE_BYTES = 12


def close_box(key: AESGCM, content: bytes, *about: str, generation: int = 1) -> bytes:
    """Seal `content`, bound to `about` and to the generation of the key."""
    nonce = os.urandom(_NONCE_BYTES)
    return _head(generation) + nonce + key.encrypt(nonce, content, _bound(about, generation))


def generation_of(box: bytes) -> int:
    """Return which generation of its key a box was sealed under; 1 for one that is in no form of ours."""
    return int.from_bytes(box[1 : 1 + _GENERATION_BYTES]) if box[:1] == _LATER else 1


def open_box(key: AESGCM, box: bytes, *about: str) -> bytes:
    """Return the content of a box.

    Raises:
        Broken: if the box was altered, cut, moved, or sealed under another key.
    """
    if box[:1] not in (_FIRST, _LATER):
        raise Broken(
            f"{' / '.join(about)} is not sealed in a form that this version knows; restore it from a backup, "
            "or run the version that wrote it"
        )
    generation = generation_of(box)
    rest = box[len(_head(generation)) :]
    nonce, sealed = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    try:
        return key.decrypt(nonce, sealed, _bound(about, generation))
    except (InvalidTag, ValueError) as error:
        raise Broken(
            f"{' / '.join(about)} does not open: it was altered, moved from another place, or sealed under another "
            "key; restore it, or the keys it was sealed under, from a backup"
        ) from error


def derived(key: bytes, purpose: bytes) -> bytes:
    """Return a 256-bit key for one purpose (HKDF-SHA-256, RFC 5869), so that no key serves two."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def _head(generation: int) -> bytes:
    return _FIRST if generation == 1 else _LATER + generation.to_bytes(_GENERATION_BYTES)


def _bound(about: tuple[str, ...], generation: int) -> bytes:
    # As JSON, so that ("a", "b c") and ("a b", "c") stay different.
    words = ["tocsin", *about]
    later = f", {generation}" if generation > 1 else ""
    # As `json.dumps` writes the list, at a third of the time: it is written for each letter and each proof.
    return f"[{', '.join(map(encode_basestring_ascii, words))}{later}]".encode()
