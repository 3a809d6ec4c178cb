"""Passwords: kept as Argon2id hashes (RFC 9106), never in clear; and the secrets that links and cookies hold."""

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tocsin.domain.errors import Refused

SHORTEST, LONGEST = 12, 256
"""Characters of a password (ASVS 4.0.3, 2.1.1 and 2.1.2)."""
_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """Return the hash that is kept. Raises Refused for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(f"a password has {SHORTEST} to {LONGEST} characters; take a whole sentence")
    return _HASHER.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Say whether it is the password of a hash; None: of nobody, which takes as long."""
    nobody = _nobody()  # made by the first who asks, with an account or without, so that neither answer takes longer
    try:
        return _HASHER.verify(kept or nobody, password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """Return the hash that a password is compared with where there is no account."""
    return _HASHER.hash(secrets.token_urlsafe(16))


def new_secret() -> str:
    """Return a secret of 256 bits for a link, a cookie or a token."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret that nobody could guess: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
