"""What people do to an incident: one route for each kind of act, made from the acts themselves."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_args

from fastapi import Body, Depends

from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass, refuse_unless, sees_too
from tocsin.console.office import Office
from tocsin.domain.act import Absorb, Attach, Deed, DutyEnd, EndDuty, Handover, MergeInto, Receipt, Report
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.probe_deed import Probe
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, Value

DEEDS: dict[Action, type[Value]] = {
    Action(deed.model_fields["kind"].default): deed
    for deed in get_args(get_args(Deed)[0])
    if deed not in {Report, Attach, Probe, AskErasure, ConfirmErasure}
}
"""Every kind of act upon an incident, but those that have routes of their own: a report makes an incident, a file comes
with its bytes, a round belongs to the register, and erasing is done beside the incident's workflow."""


def routes(office: Office) -> Router:
    """Return a route for each act."""
    router = Router(office)
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


def _doing(office: Office, guard: Guard, kind: type[Value]) -> Callable[..., Awaitable[Receipt]]:
    async def do(
        incident_id: IncidentId, deed: Annotated[Any, Body()], who: Annotated[Pass, Depends(guard)]
    ) -> Receipt:
        await _check(office, deed, who)
        return await office.do(who.visitor, deed, incident_id, who.act_id)

    do.__annotations__["deed"] = Annotated[kind, Body()]
    do.__doc__ = kind.__doc__
    return do


async def _check(office: Office, deed: Value, who: Pass) -> None:
    """Refuse what this kind of act needs beyond its rule: nobody reaches through one incident into another."""
    match deed:
        case EndDuty(how=how) if how is not DutyEnd.DISCHARGED:
            refuse_unless(Action.WAIVE, who)
        case Absorb(source=other) | MergeInto(target=other):
            await office.read(lambda tx: sees_too(tx, who.visitor, other))
        case Handover(to=person_id):
            await office.read(lambda tx: office.colleague(tx, person_id))
        case _:
            pass
