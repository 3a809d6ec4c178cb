"""Audit: what happened and who did it, the fixed questions, the evidence, and whether the log holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from tocsin.console import auditing
from tocsin.console.auditing import Wanted
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.rooms_incident import refused
from tocsin.domain.errors import TocsinError
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction

KINDS = (
    *("act", "act.release", "act.hold", "act.note", "clock", "duties", "duty", "notice", "receipt", "wave"),
    "incident.read",
)
After = Annotated[int, Query(ge=0, le=1_000_000_000)]


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    sees, reads_log = Guard(office, Action.SEE), Guard(office, Action.READ_LOG)

    @router.get("/incidents/{incident_id}/audit")
    async def incident(
        incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(sees)], after: After = 0
    ) -> Response:
        """Show the timeline of an incident as far as a search lets it through, and what to do with its evidence."""
        wanted = wanted_of(request.query_params)

        def read(tx: Transaction) -> dict[str, Any]:
            facts = tx.incidents.facts(incident_id)
            clocks = [row.spec for row in tx.duties.clocks(incident_id)]
            return {
                "title": facts.title if facts else incident_id,
                "page": auditing.timeline(tx, incident_id, wanted, after),
                "workflows": list(auditing.workflows(who.incident, clocks)),
            }

        found = await office.read(read)
        return house.show("audit_incident.html", who, incident_id=incident_id, **found, **_shown(house, wanted, after))

    @router.get("/incidents/{incident_id}/audit/questions")
    async def questions(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Answer what auditors ask of every incident."""

        def read(tx: Transaction) -> dict[str, Any]:
            facts = tx.incidents.facts(incident_id)
            return {
                "title": facts.title if facts else incident_id,
                "answers": auditing.answers(tx, incident_id),
            }

        found = await office.read(read)
        return house.show("questions.html", who, incident_id=incident_id, points=auditing.POINTS, **found)

    @router.get("/incidents/{incident_id}/audit/check")
    async def check(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Make the evidence pack, and show what came of checking it from its files alone."""
        try:
            result = await auditing.checked(office, incident_id)
        except TocsinError as error:
            return refused(house, who, error)
        facts = await office.read(lambda tx: tx.incidents.facts(incident_id))
        title = facts.title if facts else incident_id
        return house.show("checked.html", who, incident_id=incident_id, title=title, result=result)

    @router.get("/audit")
    async def log(
        request: Request,
        who: Annotated[Pass, Depends(reads_log)],
        after: Annotated[int | None, Query(ge=0, le=1_000_000_000)] = None,
        verify: Annotated[str, Query(pattern="^(yes)?$")] = "",
    ) -> Response:
        """Search the log of the installation; verify it if asked to."""
        wanted = wanted_of(request.query_params)
        names = {str(key): name for key, name in house.names().items()}

        def read(tx: Transaction) -> dict[str, Any]:
            newest, head = tx.checkpoints.newest(), tx.log.head()
            # Without a search the newest entries are shown; a search goes through the log from its beginning.
            first = after if after is not None else 0 if wanted != Wanted() else max(0, head.size - auditing.SHOWN)
            return {
                "page": auditing.entries(tx, wanted, names, first),
                "first": first,
                "head": head,
                "newest": newest,
                "pins": tx.checkpoints.pins(newest.head.size) if newest else [],
            }

        found = await office.read(read)
        standing = await office.beside(lambda: auditing.standing(office)) if verify else None
        shown = _shown(house, wanted, found.pop("first"))
        return house.show("audit.html", who, standing=standing, **found, **shown)

    return router


def wanted_of(asked: Mapping[str, str]) -> Wanted:
    """Return the search of a form; an instant that cannot be read lets all through."""
    words = {name: asked.get(name, "").strip()[:200] for name in ("actor", "kind", "text")}
    return Wanted(**words, first=_instant(asked.get("first", "")), last=_instant(asked.get("last", "")))


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _shown(house: House, wanted: Wanted, after: int) -> dict[str, Any]:
    given = {name: value for name, value in wanted.model_dump(mode="json").items() if value}
    settings = house.office.settings
    origin = next(iter(settings.ui_origins.split()), "")
    return {
        "wanted": wanted,
        "asked": urlencode(given),
        "after": after,
        "kinds": KINDS,
        "ui": f"{origin}/namespaces/{quote(settings.temporal_namespace, safe='')}/workflows" if origin else "",
        "quoted": lambda text: quote(text, safe=""),
    }
