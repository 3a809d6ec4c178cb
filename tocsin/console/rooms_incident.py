"""One incident: facts and questions, the clocks on one line of time, tasks, notices, events; and what is done to it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.cli.acting import DONE
from tocsin.cli.explain_page import QUESTIONS, facts_in_words
from tocsin.cli.todo import by_urgency, waiting_for
from tocsin.console import timeline
from tocsin.console.board import Detail
from tocsin.console.forms import DEEDS, Form, deed_of
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.problems import problem_of
from tocsin.console.shown import shown
from tocsin.domain.act import Decide, Deed, Role
from tocsin.domain.clock import ClockState
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.gdpr_decision import Proposal
from tocsin.domain.hold import HoldKind
from tocsin.domain.incident import OVER, Facts, Trigger
from tocsin.domain.notice import WaveKind
from tocsin.domain.register import OnLift
from tocsin.domain.rights import Action
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction

STATED = tuple(name for name in Facts.model_fields if name not in {"title", "answers", "translations", "enisa"})
TRIGGERS = (Trigger.OCCURRENCE, Trigger.DETECTION, Trigger.DISCOVERY, Trigger.AWARENESS, Trigger.CONFIRMATION)
"""The instants that a form asks for; statutes' own events are stated by the command line or the API."""
CHOICES = {
    "hold_kinds": list(HoldKind),
    "on_lifts": list(OnLift),
    "wave_kinds": list(WaveKind),
    "task_kinds": [TaskKind.INVESTIGATION, TaskKind.MITIGATION, TaskKind.IMPROVEMENT],
    "triggers": TRIGGERS,
    "owners": (Role.RESPONDER, Role.APPROVER, Role.ADMIN),
}


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    sees = Guard(office, Action.SEE)

    @router.get("/incidents/{incident_id}")
    async def one(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Show one incident."""
        detail = await office.read(lambda tx: _seen(tx, who, house.board.detail(tx, incident_id)))
        explained = await house.explanation(who.incident)
        return house.show("incident.html", who, **_shown(house, who, detail), questions=_questions(explained))

    @router.get("/incidents/{incident_id}/why")
    async def why(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Show who must be told, by when, and why: every step of every deadline."""
        found = await house.explanation(who.incident)
        facts = await office.read(lambda tx: tx.incidents.facts(incident_id))
        values: dict[str, Any] = {"found": found, "state": who.incident, "in_words": facts_in_words}
        return house.show("why.html", who, title=facts.title if facts else incident_id, **values)

    for action in DEEDS:
        router.add_api_route(
            f"/incidents/{{incident_id}}/do/{action}",
            _doing(house, Guard(office, action), action),
            methods=["POST"],
            name=f"form_{action}",
        )
    router.add_api_route(
        "/incidents/{incident_id}/do/decide", _deciding(house, Guard(office, Action.DECIDE)), methods=["POST"]
    )
    return router


def _seen(tx: Transaction, who: Pass, detail: Detail) -> Detail:
    return detail._replace(view=shown(tx, who, detail.view))


def _shown(house: House, who: Pass, detail: Detail) -> dict[str, Any]:
    view, now = detail.view, house.office.now()
    names = house.names()
    return {
        "view": view,
        "clocks": sorted(view.clocks, key=lambda one: (one.state is ClockState.ENDED, one.spec.target_at)),
        "whys": detail.whys,
        "drawing": timeline.draw(view, now),
        "tone": timeline.tone,
        "mine": by_urgency(waiting_for(house.me(who), view, now)),
        "names": names,
        "team": sorted(names.get(one, one) for one in detail.team),
        "over": view.status in OVER,
        "stated": [(name, getattr(view.facts, name)) for name in STATED if getattr(view.facts, name) not in {None, ()}],
        "tasks_open": [task for task in view.tasks if task.state is not TaskState.DONE],
        "tasks_done": [task for task in view.tasks if task.state is TaskState.DONE],
        "running": any(clock.state is ClockState.RUNNING for clock in view.clocks),
        **CHOICES,
    }


def _questions(explained: Any) -> Any:
    return explained.decide.questions[:QUESTIONS] if explained.decide else ()


def _doing(house: House, guard: Guard, action: Action) -> Callable[..., Awaitable[Response]]:
    async def do(incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(guard)]) -> Response:
        fields = {name: str(value) for name, value in (await request.form()).items()}

        def read(tx: Transaction) -> Deed:
            found = Form(fields, lambda references: house.agreements(tx, references), house.names())
            return deed_of(action, found)

        try:
            deed = await house.office.read(read)
            receipt = await house.office.do(who.visitor, deed, incident_id)
        except TocsinError as error:
            return refused(house, who, error)
        words = receipt.lines or (f"{DONE.get(deed.kind, '')}the incident is {receipt.status}",)
        house.flash.tell(who, *words)
        return RedirectResponse(f"/incidents/{incident_id}", 303)

    do.__doc__ = f"{action} an incident, from a form."
    return do


def _deciding(house: House, guard: Guard) -> Callable[..., Awaitable[Response]]:
    async def decide(incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(guard)]) -> Response:
        """Decide whom GDPR articles 33 and 34 want told, against the proposal as the page showed it."""
        fields = {name: str(value) for name, value in (await request.form()).items()}
        try:
            proposed = (await house.explanation(who.incident)).decision
            deed = decision_of(
                fields, Proposal.model_validate({n: getattr(proposed, n) for n in Proposal.model_fields})
            )
            receipt = await house.office.do(who.visitor, deed, incident_id)
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, *(receipt.lines or ("decided; the register of breaches has it",)))
        return RedirectResponse(f"/incidents/{incident_id}", 303)

    return decide


def decision_of(fields: dict[str, str], proposal: Proposal) -> Deed:
    """Return a decision from its form. Raises Refused where a part is not said."""
    said = [fields.get(name) for name in ("authority", "subjects")]
    if not {"yes", "no"}.issuperset(said):
        raise Refused("say both, yes or no: whether the authority is told, and whether the people are")
    authority, subjects = (one == "yes" for one in said)
    return Decide(authority=authority, subjects=subjects, reason=fields.get("reason", "").strip(), proposal=proposal)


def refused(house: House, who: Pass, error: TocsinError) -> Response:
    """Return the page that says why something was not done."""
    found = problem_of(error)
    here = f"/incidents/{who.incident.incident_id}" if who.state else "/"
    return house.show("refused.html", who, status=found.status, detail=found.detail, here=here)
