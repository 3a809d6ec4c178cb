"""Tokens: found by the digest of their secret, good for their scopes until they end."""

from datetime import timedelta

import pytest

from tests.ports.story import AT, HOUR
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Refused
from tocsin.domain.token import LONGEST_LIFE, Scope, Token, checked_life, digest_of, secret_of
from tocsin.domain.values import PersonId

SECRET = secret_of("x" * 43)
TOKEN = Token(
    token_id="tok-1",
    digest=digest_of(SECRET),
    person_id=PersonId("per-noor"),
    label="the Web UI on Noor's machine",
    scopes=frozenset({Scope.READ, Scope.DECODE}),
    made_at=AT,
    expires_at=AT + HOUR,
)
OTHER = TOKEN.model_copy(update={"token_id": "tok-2", "digest": "d", "person_id": PersonId("per-asha")})


@pytest.fixture
def kept(store: SqlStore) -> SqlStore:
    """A store with a token of Noor's and one of Asha's."""
    with store.writing() as tx:
        tx.tokens.add(TOKEN)
        tx.tokens.add(OTHER)
    return store


def test_a_token_is_found_by_its_secret(kept: SqlStore) -> None:
    """Every field comes back by the secret's digest; another secret finds nothing, and each person has their own."""
    with kept.reading() as tx:
        assert tx.tokens.found(digest_of(SECRET)) == TOKEN
        assert tx.tokens.found(digest_of(secret_of("y" * 43))) is None
        assert [tx.tokens.of(one.person_id) for one in (TOKEN, OTHER)] == [[TOKEN], [OTHER]]
        assert tx.tokens.of() == [TOKEN, OTHER]


def test_a_token_ends(kept: SqlStore) -> None:
    """It is good for its scopes only, until it expires or is revoked; revoking again says that it was done."""
    assert TOKEN.good(AT, Scope.DECODE)
    assert not TOKEN.good(AT, Scope.ACT)
    assert not TOKEN.good(TOKEN.expires_at, Scope.DECODE)
    with kept.writing() as tx:
        assert [tx.tokens.revoke("tok-1", AT), tx.tokens.revoke("tok-1", AT + HOUR)] == [True, False]
        revoked = tx.tokens.found(TOKEN.digest)
        assert revoked is not None
        assert revoked.revoked_at == AT
        assert not revoked.good(AT, Scope.DECODE)
        assert tx.tokens.found(OTHER.digest) == OTHER


def test_its_use_is_noted_to_the_minute(kept: SqlStore) -> None:
    """The first use is noted, one within the same minute writes nothing, and the next minute's is noted again."""
    seconds = (0, 59, 60)
    noted = []
    for after in seconds:
        with kept.writing() as tx:
            tx.tokens.used("tok-1", AT + timedelta(seconds=after))
            [token] = tx.tokens.of(TOKEN.person_id)
            assert token.last_used_at is not None
            noted.append((token.last_used_at - AT).seconds)
    assert noted == [0, 0, 60]


def test_a_token_holds_for_a_year_at_most() -> None:
    """No time, less than none and more than a year are refused."""
    assert checked_life(LONGEST_LIFE) == LONGEST_LIFE
    for life in (timedelta(), -HOUR, LONGEST_LIFE + HOUR):
        with pytest.raises(Refused, match="366 days at most"):
            checked_life(life)
    with pytest.raises(ValueError, match="43 characters"):
        secret_of("short")
