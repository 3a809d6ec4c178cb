"""One sealed box: a version byte, a random 96-bit nonce, and AES-256-GCM over the content (NIST SP 800-38D).

What the box is about is authenticated but not stored: whoever opens it must know it, so a box cannot be moved.
"""

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.domain.errors import Broken

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12


def close_box(key: AESGCM, content: bytes, *about: str) -> bytes:
    """Seal `content`, bound to `about`."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + key.encrypt(nonce, content, _bound(about))


def open_box(key: AESGCM, box: bytes, *about: str) -> bytes:
    """Return the content of a box.

    Raises:
        Broken: if the box was altered, cut, moved, or sealed under another key.
    """
    if box[:1] != _VERSION:
        raise Broken(
            f"{' / '.join(about)} is not sealed in a form that this version knows; restore it from a backup, "
            "or run the version that wrote it"
        )
    nonce, sealed = box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :]
    try:
        return key.decrypt(nonce, sealed, _bound(about))
    except (InvalidTag, ValueError) as error:
        raise Broken(
            f"{' / '.join(about)} does not open: it was altered, moved from another place, or sealed under another "
            "key; restore it, or the keys it was sealed under, from a backup"
        ) from error


def derived(key: bytes, purpose: bytes) -> bytes:
    """Return a 256-bit key for one purpose (HKDF-SHA-256, RFC 5869), so that no key serves two."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def _bound(about: tuple[str, ...]) -> bytes:
    # As JSON, so that ("a", "b c") and ("a b", "c") stay different.
    return json.dumps(["tocsin", *about]).encode()
