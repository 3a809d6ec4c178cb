"""Rounds of the register: whom we asked whether notices reach them, when, and what came of it."""

from datetime import date
from typing import Annotated

from fastapi import Depends

from tocsin import probing
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.console.rounding import open_round
from tocsin.domain.act import Receipt
from tocsin.domain.rights import Action
from tocsin.domain.values import AgreementId, IncidentId, Value


class NewRound(Value):
    """A round that is asked for."""

    agreements: tuple[AgreementId, ...] = ()
    """Whose contacts are asked; empty: those of the whole register."""
    answer_by: date | None = None
    """The last day (UTC) for an answer; None: in 14 days."""


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    reads, probes = Guard(office, Action.READ_REGISTER), Guard(office, Action.PROBE)

    @router.get("/register/rounds")
    async def list_rounds(who: Annotated[Pass, Depends(reads)]) -> list[probing.Seen]:
        """List the rounds, newest first, with how many addresses gave each answer."""
        return await office.read(lambda tx: probing.seen(tx, office.now()))

    @router.get("/register/rounds/{round_id}")
    async def read_round(round_id: IncidentId, who: Annotated[Pass, Depends(reads)]) -> probing.Sheet:
        """Read what came of a round, contact by contact."""
        found = await office.read(lambda tx: probing.sheet(tx, round_id, office.now()))
        if found is None:
            raise hidden()
        return found

    @router.post("/register/rounds")
    async def start_round(wanted: NewRound, who: Annotated[Pass, Depends(probes)]) -> Receipt:
        """Ask each contact, by a letter marked as a test, to confirm that security notices reach it there."""
        return await open_round(office, who.visitor, wanted.agreements, wanted.answer_by, who.act_id)

    return router
