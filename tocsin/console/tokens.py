"""A person's own tokens: made with their secret shown once, listed without it, ended for good."""

import secrets
from datetime import timedelta

from tocsin.adapters.access import access_entry
from tocsin.console.office import Office, Visitor
from tocsin.console.problems import Denied
from tocsin.domain.token import (
    DEFAULT_LIFE,
    Scope,
    Token,
    checked_life,
    digest_of,
    refuse_feed_and_more,
    secret_of,
)
from tocsin.domain.values import Instant, Value, derived_id
from tocsin.ports import Transaction


class NewToken(Value):
    """What a token is to be good for."""

    scopes: frozenset[Scope]
    label: str = ""
    life: timedelta = DEFAULT_LIFE


class MadeToken(Value):
    """A token with its secret, which is shown this once."""

    token: str
    token_id: str
    expires_at: Instant


def refuse_by_token(visitor: Visitor) -> None:
    """Raise Denied for a program: what it gave away would outlive it."""
    if visitor.token is not None:
        raise Denied(403, "a token gives nothing away that outlives it; sign in to do this")


async def make_token(office: Office, visitor: Visitor, said: NewToken) -> MadeToken:
    """Make a token of a visitor's own. Raises Denied for a program, and Refused for what no token may be."""
    refuse_by_token(visitor)
    if not said.scopes:
        raise Denied(422, "say what it is good for: scopes")
    refuse_feed_and_more(said.scopes)
    secret, at = secret_of(secrets.token_urlsafe(32)), office.wall()
    token = Token(
        token_id=derived_id("tok", secret),
        digest=digest_of(secret),
        person_id=visitor.person_id,
        label=said.label,
        scopes=said.scopes,
        made_at=at,
        expires_at=at + checked_life(said.life),
    )

    def make(tx: Transaction) -> None:
        tx.tokens.add(token)
        tx.log.append([access_entry("token_made", token.person_id, visitor.actor, at, token=token.token_id)])

    await office.write(make)
    return MadeToken(token=secret, token_id=token.token_id, expires_at=token.expires_at)


async def revoke_token(office: Office, visitor: Visitor, token_id: str) -> bool:
    """End a token of a visitor's own; False if there is no such token of theirs."""

    def revoke(tx: Transaction) -> bool:
        mine = next((one for one in tx.tokens.of(visitor.person_id) if one.token_id == token_id), None)
        if mine and tx.tokens.revoke(token_id, office.now()):
            about = access_entry("token_revoked", mine.person_id, visitor.actor, office.now(), token=token_id)
            tx.log.append([about])
        return mine is not None

    return await office.write(revoke)
