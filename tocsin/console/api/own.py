"""One's own: who am I, tokens, who stands in for me."""

from typing import Annotated

from fastapi import Depends

from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.console.tokens import MadeToken, NewToken, make_token, refuse_by_token, revoke_token
from tocsin.domain.account import Delegation, NewDelegation
from tocsin.domain.act import Role
from tocsin.domain.rights import Action
from tocsin.domain.token import Scope, Token
from tocsin.domain.values import Instant, PersonId, Value


class Myself(Value):
    """Who asks, as this installation knows them."""

    user: str
    person_id: PersonId
    name: str
    roles: frozenset[Role]
    authenticated: str
    scopes: frozenset[Scope] | None


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
    async def new_token(said: NewToken, who: Annotated[Pass, Depends(own)]) -> MadeToken:
        """Make a token of your own; its secret is shown this once. A token makes none."""
        return await make_token(office, who.visitor, said)

    @router.delete("/me/tokens/{token_id}", status_code=204)
    async def end_token(token_id: str, who: Annotated[Pass, Depends(own)]) -> None:
        """End a token of yours for good, at once."""
        if not await revoke_token(office, who.visitor, token_id):
            raise hidden()

    @router.get("/me/delegations")
    async def read_delegations(who: Annotated[Pass, Depends(own)]) -> list[Delegation]:
        """List who stands in for you, and for whom you do."""
        me = who.visitor.person_id
        return await office.read(lambda tx: [one for one in tx.accounts.delegations() if me in {one.giver, one.taker}])

    @router.post("/me/delegations", status_code=201)
    async def delegate(said: NewDelegation, who: Annotated[Pass, Depends(own)]) -> Delegation:
        """Lend your roles to somebody between two instants. What was lent to you is not yours to lend."""
        refuse_by_token(who.visitor)
        return await office.write(lambda tx: office.delegate(tx, who.visitor, said))

    @router.delete("/me/delegations/{delegation_id}", status_code=204)
    async def end_delegation(delegation_id: str, who: Annotated[Pass, Depends(own)]) -> None:
        """End a delegation that you gave, at once."""
        if not await office.write(lambda tx: office.end_delegation(tx, who.visitor, delegation_id)):
            raise hidden()

    return router


def _line(token: Token) -> TokenLine:
    return TokenLine.model_validate({name: getattr(token, name) for name in TokenLine.model_fields})
