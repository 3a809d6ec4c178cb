"""The pages for our own people. Each route names its action by a guard; see docs/decisions/0011-console.md."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.paper import page
from tocsin.console.reading import IncidentLine, incidents_for
from tocsin.domain.rights import Action


def routes(office: Office) -> APIRouter:
    """Return the pages."""
    router = APIRouter()
    lists = Guard(office, Action.LIST)

    @router.get("/")
    async def now(who: Annotated[Pass, Depends(lists)]) -> Response:
        """Show the open incidents."""
        return page("now.html", who, lines=await asyncio.to_thread(_lines, office, who))

    return router


def _lines(office: Office, who: Pass) -> list[IncidentLine]:
    with office.store.reading() as tx:
        return incidents_for(tx, who.visitor, open_only=True)
