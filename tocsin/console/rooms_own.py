"""One's own page: tokens for programs, the calendar's address, and who stands in while one is away."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.rooms_incident import refused
from tocsin.console.tokens import NewToken, make_token, revoke_token
from tocsin.domain.account import NewDelegation
from tocsin.domain.act import Role
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.rights import Action
from tocsin.domain.token import Scope
from tocsin.domain.values import PersonId
from tocsin.ports import Transaction

KINDS = {
    "command_line": frozenset({Scope.READ, Scope.ACT, Scope.REPORT}),
    "calendar": frozenset({Scope.FEED}),
    "reading": frozenset({Scope.READ}),
}
"""What a token is made for here; the API and the command line know each scope by itself."""


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    own = Guard(office, Action.OWN_ACCOUNT)

    @router.get("/me")
    async def me(who: Annotated[Pass, Depends(own)]) -> Response:
        """Show one's tokens and delegations."""

        def read(tx: Transaction) -> dict[str, Any]:
            person_id = who.visitor.person_id
            lent = [one for one in tx.accounts.delegations() if person_id in {one.giver, one.taker}]
            return {"tokens": tx.tokens.of(person_id), "lent": lent}

        found = await office.read(read)
        return house.show("own.html", who, **found, names=house.names(), kinds=list(KINDS))

    @router.post("/me/tokens")
    async def make(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """Make a token; its secret, or the calendar's address, is shown on the next page, this once."""
        form = await request.form()
        kind, label = str(form.get("kind", "")), str(form.get("label", "")).strip()
        try:
            if kind not in KINDS:
                raise Refused("say what the token is for")
            made = await make_token(office, who.visitor, NewToken(scopes=KINDS[kind], label=label or kind))
        except TocsinError as error:
            return refused(house, who, error)
        address = f"{office.settings.console_at}/calendar/{made.token}.ics"
        house.flash.tell(who, "Copy this now, it is not shown again:", address if kind == "calendar" else made.token)
        return RedirectResponse("/me", 303)

    @router.post("/me/tokens/revoke")
    async def revoke(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """End a token for good."""
        ended = await revoke_token(office, who.visitor, str((await request.form()).get("token_id", "")))
        house.flash.tell(who, "It is good for nothing any more." if ended else "There is no such token of yours.")
        return RedirectResponse("/me", 303)

    @router.post("/me/lend")
    async def lend(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """Lend one's roles to somebody between two instants."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            wanted = _wanted(form)
            await office.write(lambda tx: office.delegate(tx, who.visitor, wanted))
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, "They have your roles in that time; you may end it at any time.")
        return RedirectResponse("/me", 303)

    @router.post("/me/lend/end")
    async def end(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """End what was lent, at once."""
        key = str((await request.form()).get("delegation_id", ""))
        ended = await office.write(lambda tx: office.end_delegation(tx, who.visitor, key))
        house.flash.tell(who, "It has ended." if ended else "There is no such delegation of yours.")
        return RedirectResponse("/me", 303)

    return router


def _wanted(form: dict[str, str]) -> NewDelegation:
    try:
        roles = frozenset({Role(form["role"])}) if form.get("role") else None
        from_at, until_at = (_instant(form.get(name, "")) for name in ("from_at", "until_at"))
        return NewDelegation(taker=PersonId(form.get("to", "")), from_at=from_at, until_at=until_at, roles=roles)
    except ValueError:
        raise Refused("say to whom, and from when until when, in UTC, like 2026-11-21T03:10") from None


def _instant(given: str) -> datetime:
    found = datetime.fromisoformat(given)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
