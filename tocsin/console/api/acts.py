"""What people do to an incident: one route for each kind of act, made from the acts themselves."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Body, Depends

from tocsin.console.gate import Guard, Pass, refuse_unless
from tocsin.console.office import Office
from tocsin.domain.act import Deed, DutyEnd, EndDuty, Receipt, Report
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId

DEEDS: dict[Action, type[Deed]] = {
    Action(deed.model_fields["kind"].default): deed for deed in get_args(get_args(Deed)[0]) if deed is not Report
}
"""Every kind of act upon an incident that there is; a report makes the incident and has a route of its own."""


def routes(office: Office) -> APIRouter:
    """Return a route for each act."""
    router = APIRouter()
    for action, deed in DEEDS.items():
        router.add_api_route(
            f"/incidents/{{incident_id}}/acts/{action}",
            _doing(office, Guard(office, action), deed),
            methods=["POST"],
            name=f"act_{action}",
            summary=(deed.__doc__ or "").split("\n")[0],
            response_description="what came of it",
        )
    return router


def _doing(office: Office, guard: Guard, kind: type[Any]) -> Callable[..., Awaitable[Receipt]]:
    async def do(
        incident_id: IncidentId, deed: Annotated[Any, Body()], who: Annotated[Pass, Depends(guard)]
    ) -> Receipt:
        if isinstance(deed, EndDuty) and deed.how is not DutyEnd.DISCHARGED:
            refuse_unless(Action.WAIVE, who)
        return await office.do(who.visitor, deed, incident_id)

    do.__annotations__["deed"] = Annotated[kind, Body()]
    do.__doc__ = kind.__doc__
    return do
