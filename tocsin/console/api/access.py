"""Who may come in: the list, its review, invitations, and closing somebody's account."""

from typing import Annotated

from fastapi import Depends

from tocsin.adapters.access import AccessLine, access_entry, invite, read_access, review
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import Denied, hidden
from tocsin.domain.rights import Action
from tocsin.domain.values import PersonId, Value
from tocsin.ports import Transaction


class Reviewed(Value):
    """A review, as the log has it."""

    digest: str
    """The SHA-256 of the list as CSV."""
    lines: int


class Invited(Value):
    """An invitation; the link is shown this once."""

    link: str


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    reads, reviews = Guard(office, Action.READ_ACCESS), Guard(office, Action.REVIEW_ACCESS)
    gives = Guard(office, Action.GIVE_ACCESS)

    @router.get("/access")
    async def read_all(who: Annotated[Pass, Depends(reads)]) -> list[AccessLine]:
        """List people, roles, how each signs in, tokens and last use."""
        return await office.read(lambda tx: read_access(tx, office.people(), office.now()))

    @router.post("/access/review", status_code=201)
    async def record(who: Annotated[Pass, Depends(reviews)]) -> Reviewed:
        """Record in the log that you have looked at the list as it stands now."""
        lines = await office.read(lambda tx: read_access(tx, office.people(), office.now()))
        digest = await office.beside(lambda: review(office.store, lines, who.visitor.actor, office.now()))
        return Reviewed(digest=digest, lines=len(lines))

    @router.post("/access/{user}/invitation", status_code=201)
    async def invite_one(user: str, who: Annotated[Pass, Depends(gives)]) -> Invited:
        """Invite somebody of `people.toml`; an older link, their password and their sessions end."""
        if who.visitor.token is not None:
            raise Denied(403, "a token lets nobody in; sign in to do this")
        person = office.people().person(user)
        token = await office.beside(lambda: invite(office.store, person, who.visitor.actor, office.wall()))
        return Invited(link=f"{office.settings.console_at}/invitation/{token}")

    @router.delete("/access/{person_id}", status_code=204)
    async def close(person_id: PersonId, who: Annotated[Pass, Depends(gives)]) -> None:
        """Close somebody's account: their sessions and tokens are good for nothing from now on."""

        def shut(tx: Transaction) -> bool:
            account = tx.accounts.one(person_id)
            if account is None:
                return False
            tx.accounts.put(account.model_copy(update={"disabled_at": account.disabled_at or office.now()}))
            tx.accounts.end_sessions(person_id)
            tx.log.append([access_entry("closed", person_id, who.visitor.actor, office.now())])
            return True

        if not await office.write(shut):
            raise hidden()

    return router
