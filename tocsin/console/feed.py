"""The calendar feed: whoever has its address reads the deadlines of one person, as far as that person may see them."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response

from tocsin.adapters.calendar_feed import Entry, as_calendar
from tocsin.cli.todo import Me
from tocsin.console.desk import Desk
from tocsin.console.office import Office, Visitor
from tocsin.console.reading import states_for
from tocsin.console.webhooks import source_of
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.task import TaskState
from tocsin.domain.token import Scope
from tocsin.ports import Transaction

NOT_FOUND = "There is no such calendar.\n"


def routes(desk: Desk, office: Office) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/calendar/{secret}.ics")
    async def feed(request: Request, secret: str) -> Response:
        """Give the calendar whose secret this is. A token of the scope `feed` is its address, and ends it."""
        if not desk.pages.allows(source_of(request)):
            return Response("Too many requests; try again in a minute.\n", 429, media_type="text/plain")
        found = await office.read(lambda tx: _read(tx, office, secret))
        if found is None:
            return Response(NOT_FOUND, 404, media_type="text/plain")
        visitor, entries = found
        if visitor.token is not None:
            token_id = visitor.token
            await office.beside(lambda: office.token_used(token_id))
        return Response(as_calendar(entries, office.now()), media_type="text/calendar; charset=utf-8")

    return router


def _read(tx: Transaction, office: Office, secret: str) -> tuple[Visitor, list[Entry]] | None:
    visitor = office.bearer(tx, secret, Scope.FEED)
    if visitor is None:
        return None
    states = states_for(tx, visitor, open_only=True)
    found = (entry for state in states for entry in entries_of(tx, visitor, state, office.settings.console_at))
    return visitor, sorted(found, key=lambda entry: (entry.at, entry.uid))


def entries_of(tx: Transaction, visitor: Visitor, state: IncidentState, console_at: str) -> Iterator[Entry]:
    """Yield what falls due of one incident. Titles that people typed, and names, stay out of it."""
    key, link = state.incident_id, f"{console_at}/incidents/{state.incident_id}"
    for spec in state.clocks.values():
        what = "deadline" if spec.deadline_at else "internal target; the clause has no number"
        text = f"{what}; incident {key}, clock {spec.clock_id}"
        yield Entry(uid=spec.clock_id, at=spec.target_at, title=f"{spec.title} ({key})", text=text, link=link)
    for hold in tx.duties.holds(key):
        if hold.lifted_at is None and hold.review_at is not None:
            yield Entry(uid=hold.hold_id, at=hold.review_at, title=f"Review a hold ({key})", link=link)
    for hold_id, until in state.provisional.items():
        yield Entry(uid=f"{hold_id}.confirm", at=until, title=f"Confirm a hold, or it lapses ({key})", link=link)
    actor = visitor.actor
    me = Me(user=visitor.user, name=actor.name, person_id=actor.person_id, roles=actor.roles)
    for task in tx.tasks.of(key):
        if task.state is TaskState.OPEN and me.owns(task.owner):
            yield Entry(uid=task.task_id, at=task.due_at, title=f"Your task {task.task_id} ({key})", link=link)
