"""Those who sign in: their account, their session, and who stands in for whom. Pure; secrets are digests here."""

from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.act import Role
from tocsin.domain.values import Instant, PersonId, Value

SESSION_LASTS = timedelta(hours=12)
"""How long a session is good for at most (ASVS 4.0.3, 3.3.2)."""
SESSION_IDLES = timedelta(minutes=30)
"""After how long without a request it ends."""
INVITED_FOR = timedelta(days=7)
"""How long an invitation may be taken up."""


class Source(StrEnum):
    """Who says that it is them."""

    LOCAL = "local"
    """A password here; `people.toml` says their roles."""
    OIDC = "oidc"
    """An OpenID provider, which says their groups."""


class Account(Value):
    """Somebody who may sign in."""

    person_id: PersonId
    user: str
    name: str
    email: str = ""
    source: Source = Source.LOCAL
    roles: frozenset[Role] = frozenset()
    """As the provider's groups gave them at the last sign-in; for a local account `people.toml` says them."""
    password: str | None = None
    """Its Argon2id hash; None before the invitation is taken up."""
    invitation: str | None = None
    """The SHA-256 of the token in the invitation's link."""
    invited_until: Instant | None = None
    last_login_at: Instant | None = None
    disabled_at: Instant | None = None


class SignedIn(Value):
    """A session: that a browser which holds a secret is this person's."""

    digest: str
    """The SHA-256 of the secret."""
    person_id: PersonId
    how: str
    """How the person was authenticated, as it stands in the envelopes of their acts."""
    opened_at: Instant
    seen_at: Instant

    def good(self, now: datetime) -> bool:
        """Say whether it has neither grown old nor lain idle."""
        return now < self.opened_at + SESSION_LASTS and now < self.seen_at + SESSION_IDLES


class Delegation(Value):
    """That somebody's roles are another's, too, between two instants: for absence."""

    delegation_id: str
    giver: PersonId
    taker: PersonId
    roles: frozenset[Role]
    from_at: Instant
    until_at: Instant
    ended_at: Instant | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether it is in force."""
        return self.from_at <= now < self.until_at and self.ended_at is None


class NewDelegation(Value):
    """Who is to have your roles as well, from when until when."""

    taker: PersonId
    from_at: Instant
    until_at: Instant
    roles: frozenset[Role] | None = None
    """None: all of yours."""
