"""Tokens: what a person's programs and pages show instead of a password. Pure; the secret itself is never kept."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.errors import Refused
from tocsin.domain.values import Instant, PersonId, Value

PREFIX = "tocsin_"
"""How every secret begins, so that a scanner finds one that was pasted where it does not belong."""
DEFAULT_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=366)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly `last_used_at` is kept: a write for each request would be one too many."""

_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class Scope(StrEnum):
    """What a token is good for. It never lets anybody do more than its person may."""

    READ = "read"
    """Read what the person may see."""
    ACT = "act"
    """Do what the person may do."""
    REPORT = "report"
    """Report incidents, and nothing else: for a source of alerts."""
    DECODE = "decode"
    """Read Temporal's histories in clear, of the incidents that the person may see."""
    FEED = "feed"
    """Read one's own deadlines as a calendar. Its secret stands in an address, so it is good for nothing else."""


class Token(Value):
    """A token as it is kept: by the digest of its secret."""

    token_id: str
    digest: str
    """The SHA-256 of the secret, in hex. The secret has 256 random bits, so that nothing slower is called for."""
    person_id: PersonId
    label: str
    """What it is for, as its person says."""
    scopes: frozenset[Scope]
    made_at: Instant
    expires_at: Instant
    last_used_at: Instant | None = None
    revoked_at: Instant | None = None

    def good(self, now: datetime, scope: Scope) -> bool:
        """Say whether it holds for this scope."""
        return self.revoked_at is None and now < self.expires_at and scope in self.scopes


def secret_of(random: str) -> str:
    """Return the secret made of 43 random characters of `A-Z a-z 0-9 _ -`. Raises ValueError for anything else."""
    secret = PREFIX + random
    if not _SECRET.fullmatch(secret):
        raise ValueError("a token's secret has 43 characters of a link")
    return secret


def digest_of(secret: str) -> str:
    """Return what a secret is found by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def refuse_feed_and_more(scopes: Iterable[Scope]) -> None:
    """Raise Refused for a token that is good for a feed and for something else: a feed's secret is in an address."""
    wanted = set(scopes)
    if Scope.FEED in wanted and wanted != {Scope.FEED}:
        raise Refused("a feed's secret stands in an address, so its token is good for nothing else; make two")


def checked_life(life: timedelta) -> timedelta:
    """Return how long a token is to hold. Raises Refused if that is too long, or no time at all."""
    if not timedelta() < life <= LONGEST_LIFE:
        raise Refused(f"a token holds for {LONGEST_LIFE.days} days at most, and not for {life}; make it anew in time")
    return life
