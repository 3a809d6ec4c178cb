"""One's own: who am I, tokens, who stands in for me."""

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import Depends

from tocsin.adapters.access import access_entry
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import Denied, hidden
from tocsin.domain.account import Delegation, NewDelegation
from tocsin.domain.act import Role
from tocsin.domain.rights import Action
from tocsin.domain.token import DEFAULT_LIFE, Scope, Token, checked_life, digest_of, refuse_feed_and_more, secret_of
from tocsin.domain.values import Instant, PersonId, Value, derived_id
from tocsin.ports import Transaction


class Myself(Value):
    """Who asks, as this installation knows them."""

    user: str
    person_id: PersonId
    name: str
    roles: frozenset[Role]
    authenticated: str
    scopes: frozenset[Scope] | None


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


class TokenLine(Value):
    """A token in a list: never its secret."""

    token_id: str
    label: str
    scopes: frozenset[Scope]
    made_at: Instant
    expires_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    own = Guard(office, Action.OWN_ACCOUNT)

    @router.get("/me")
    async def read_me(who: Annotated[Pass, Depends(own)]) -> Myself:
        """Say who you are here, and with which roles."""
        said = who.visitor.actor.model_dump()
        return Myself(user=who.visitor.user, scopes=who.visitor.scopes, **said)

    @router.get("/me/tokens")
    async def read_tokens(who: Annotated[Pass, Depends(own)]) -> list[TokenLine]:
        """List your tokens."""
        return await office.read(lambda tx: [_line(token) for token in tx.tokens.of(who.visitor.person_id)])

    @router.post("/me/tokens", status_code=201)
    async def make_token(said: NewToken, who: Annotated[Pass, Depends(own)]) -> MadeToken:
        """Make a token of your own; its secret is shown this once. A token makes none."""
        _refuse_by_token(who)
        if not said.scopes:
            raise Denied(422, "say what it is good for: scopes")
        refuse_feed_and_more(said.scopes)
        secret, at = secret_of(secrets.token_urlsafe(32)), office.wall()
        token = Token(
            token_id=derived_id("tok", secret),
            digest=digest_of(secret),
            person_id=who.visitor.person_id,
            label=said.label,
            scopes=said.scopes,
            made_at=at,
            expires_at=at + checked_life(said.life),
        )

        def make(tx: Transaction) -> None:
            tx.tokens.add(token)
            tx.log.append([access_entry("token_made", token.person_id, who.visitor.actor, at, token=token.token_id)])

        await office.write(make)
        return MadeToken(token=secret, token_id=token.token_id, expires_at=token.expires_at)

    @router.delete("/me/tokens/{token_id}", status_code=204)
    async def revoke_token(token_id: str, who: Annotated[Pass, Depends(own)]) -> None:
        """End a token of yours for good, at once."""

        def revoke(tx: Transaction) -> bool:
            mine = next((one for one in tx.tokens.of(who.visitor.person_id) if one.token_id == token_id), None)
            if mine and tx.tokens.revoke(token_id, office.now()):
                about = access_entry("token_revoked", mine.person_id, who.visitor.actor, office.now(), token=token_id)
                tx.log.append([about])
            return mine is not None

        if not await office.write(revoke):
            raise hidden()

    @router.get("/me/delegations")
    async def read_delegations(who: Annotated[Pass, Depends(own)]) -> list[Delegation]:
        """List who stands in for you, and for whom you do."""
        me = who.visitor.person_id
        return await office.read(lambda tx: [one for one in tx.accounts.delegations() if me in {one.giver, one.taker}])

    @router.post("/me/delegations", status_code=201)
    async def delegate(said: NewDelegation, who: Annotated[Pass, Depends(own)]) -> Delegation:
        """Lend your roles to somebody between two instants. What was lent to you is not yours to lend."""
        _refuse_by_token(who)
        return await office.write(lambda tx: office.delegate(tx, who.visitor, said))

    @router.delete("/me/delegations/{delegation_id}", status_code=204)
    async def end_delegation(delegation_id: str, who: Annotated[Pass, Depends(own)]) -> None:
        """End a delegation that you gave, at once."""
        if not await office.write(lambda tx: office.end_delegation(tx, who.visitor, delegation_id)):
            raise hidden()

    return router


def _refuse_by_token(who: Pass) -> None:
    if who.visitor.token is not None:
        raise Denied(403, "a token gives nothing away that outlives it; sign in to do this")


def _line(token: Token) -> TokenLine:
    return TokenLine.model_validate({name: getattr(token, name) for name in TokenLine.model_fields})
