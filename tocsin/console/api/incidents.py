"""Incidents: list them, read one, report one."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tocsin.cli.views import IncidentView, read_incident
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.reading import IncidentLine, incidents_for
from tocsin.domain.act import Receipt, Report
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.rights import Action
from tocsin.domain.values import AgreementId, IncidentId, Instant, Value


class Incidents(Value):
    """A page of incidents, newest report first."""

    items: tuple[IncidentLine, ...]
    next: str | None = None
    """What to give as `after` for the next page; None: that was the last one."""


class NewReport(Value):
    """What is reported. Only the title of the facts is needed."""

    facts: Facts
    triggers: dict[Trigger, Instant] = {}
    affected: tuple[AgreementId, ...] = ()
    everyone: bool = False
    sources: tuple[AgreementId, ...] = ()
    told_by: AgreementId | None = None
    alert: str | None = None
    """The alert that this answers, in your own words: the same one joins the same incident."""


def routes(office: Office) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    lists, sees, reports = (Guard(office, action) for action in (Action.LIST, Action.SEE, Action.REPORT))

    @router.get("/incidents")
    async def list_incidents(
        who: Annotated[Pass, Depends(lists)],
        state: Annotated[str, Query(alias="status", pattern="^(open|all)$")] = "all",
        after: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Incidents:
        """List the incidents that you may see, newest report first."""

        def read() -> list[IncidentLine]:
            with office.store.reading() as tx:
                return incidents_for(tx, who.visitor, open_only=state == "open", after=after, limit=limit + 1)

        lines = await asyncio.to_thread(read)
        return Incidents(items=tuple(lines[:limit]), next=lines[limit - 1].incident_id if len(lines) > limit else None)

    @router.get("/incidents/{incident_id}")
    async def read_one(
        incident_id: IncidentId, response: Response, who: Annotated[Pass, Depends(sees)]
    ) -> IncidentView:
        """Read everything about one incident."""

        def read() -> IncidentView:
            with office.store.reading() as tx:
                return read_incident(tx, incident_id, office.now(), events=True)

        response.headers["ETag"] = f'"{who.incident.sequence}"'
        return await asyncio.to_thread(read)

    @router.post("/incidents", status_code=201)
    async def report(said: NewReport, who: Annotated[Pass, Depends(reports)]) -> Receipt:
        """Report an incident, or join the one of the same alert. You are its owner, and on its team."""
        deed = Report(
            source_key=office.source_key(said.alert), **{name: value for name, value in said if name != "alert"}
        )
        return await office.report(who.visitor, deed)

    return router
