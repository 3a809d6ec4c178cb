"""Now: the open incidents by nearest deadline, what waits for whoever looks, and the report of a new one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from markupsafe import Markup

from tocsin.cli.todo import Todo, erasures_for
from tocsin.console.board import AT_ONCE, Board, Card
from tocsin.console.forms import Form, new_facts
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.paper import part
from tocsin.console.problems import Denied
from tocsin.domain.act import Report
from tocsin.domain.clock import ClockSpec, Mark
from tocsin.domain.incident import Severity
from tocsin.domain.rights import Action
from tocsin.domain.tempo import time_left
from tocsin.domain.values import IncidentId, PersonId, Value
from tocsin.playbooks import load_playbooks
from tocsin.ports import Transaction

SHOWN = 50
WAITING = 12
STREAM = "text/event-stream"


class Shown(Value):
    """What the page is made of, beside the cards."""

    open: int
    pages: int
    at: int
    waiting: tuple[Todo, ...]
    more: int
    unread: int


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    lists, reports = Guard(office, Action.LIST), Guard(office, Action.REPORT)
    reader = Reader(house)

    @router.get("/")
    async def now(
        who: Annotated[Pass, Depends(lists)], number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1
    ) -> Response:
        """Show the open incidents by nearest deadline, and what waits for whoever looks."""
        cards, shown = await office.read(lambda tx: reader.read(tx, who, number))
        reader.go_on(shown.unread)
        titles = {todo.incident_id: card.facts.title for todo in shown.waiting if (card := _card(house.board, todo))}
        names, at = house.names(), office.now()
        lines = [line(card, names, at) for card in cards]
        return house.show("now.html", who, lines=lines, shown=shown, titles=titles)

    @router.get("/live")
    async def live(request: Request, who: Annotated[Pass, Depends(lists)]) -> Response:
        """Tell a page's script which incidents have changed, as they do (server-sent events)."""
        if STREAM not in request.headers.get("accept", ""):
            raise Denied(406, "this is a stream of events for our own pages; they update themselves by it")
        if house.live.full:
            raise Denied(503, "too many pages listen; load the page again to see what is new")
        return StreamingResponse(house.live.stream(who), media_type=STREAM, headers={"X-Accel-Buffering": "no"})

    @router.get("/report")
    async def ask(who: Annotated[Pass, Depends(reports)]) -> Response:
        """Ask what happened. Only a title is needed."""
        kinds = await asyncio.to_thread(_kinds)
        return house.show("report.html", who, kinds=kinds, severities=list(Severity))

    @router.post("/report")
    async def report(request: Request, who: Annotated[Pass, Depends(reports)]) -> Response:
        """Report it; whoever does is its owner."""
        fields = {name: str(value) for name, value in (await request.form()).items()}

        def read(tx: Transaction) -> tuple[Form, Report]:
            form = Form(fields, lambda references: house.agreements(tx, references), {})
            deed = Report(
                facts=new_facts(form),
                affected=form.references("references"),
                everyone=form.get("everyone") == "yes",
                source_key=office.source_key(None),
            )
            return form, deed

        _, deed = await office.read(read)
        receipt = await office.report(who.visitor, deed)
        house.flash.tell(who, *(receipt.lines or ("reported; its clocks run",)))
        return RedirectResponse(f"/incidents/{receipt.incident_id}", 303)

    return router


class Reader:
    """Reads the page; what is not read yet of many incidents is read beside it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._reading: asyncio.Task[None] | None = None

    def go_on(self, unread: int) -> None:
        """Read the rest beside the requests, a few incidents at a time."""
        if unread and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._rest())

    async def _rest(self) -> None:
        board, more = self._house.board, True

        def some(tx: Transaction) -> bool:
            missing = board.missing(None)
            board.read_more(tx, missing[:AT_ONCE])
            return len(missing) > AT_ONCE

        while more:
            more = await self._house.office.read(some)

    def read(self, tx: Transaction, who: Pass, number: int) -> tuple[Sequence[Card], Shown]:
        """Return the cards of one page, and the rest of it."""
        board, mine = self._house.board, self._house.theirs(tx, who)
        board.refresh(tx)
        if missing := board.missing(mine):
            board.read_more(tx, missing[:AT_ONCE])
        me, office = self._house.me(who), self._house.office
        waiting = [*board.waiting(me, mine), *erasures_for(tx, me, office.now(), office.settings.kept_for)]
        cards = board.open() if mine is None else [card for card in board.open() if card.incident_id in mine]
        pages = max(1, -(-len(cards) // SHOWN))
        at = min(number, pages)
        shown = Shown(
            open=len(cards),
            pages=pages,
            at=at,
            waiting=tuple(waiting[:WAITING]),
            more=max(0, len(waiting) - WAITING),
            unread=max(0, len(missing) - AT_ONCE),
        )
        return cards[(at - 1) * SHOWN : at * SHOWN], shown


def line(card: Card, names: dict[PersonId, str], now: datetime) -> Markup:
    """Return an incident as the list shows it: made again only when it has changed, or its words for the time have."""
    spec, owner = card.nearest, card.state.owner
    name = names.get(owner, "the engine" if owner == "engine" else owner) if owner else "nobody"
    words = (time_left(spec.target_at, now), _tone(spec, now)) if spec else ("", "")
    if card.line is None or card.line[0] != (*words, name):
        card.line = ((*words, name), part("now_line.html", "line", card=card, owner=name, tone=words[1], now=now))
    return card.line[1]


def _tone(spec: ClockSpec, now: datetime) -> str:
    if now > spec.target_at:
        return "late"
    return "pressing" if now > spec.mark_at(Mark.THREE_QUARTERS) else "calm"


def _card(board: Board, todo: Todo) -> Card | None:
    return board.card(IncidentId(todo.incident_id)) if todo.incident_id else None


def _kinds() -> list[tuple[str, str]]:
    books = load_playbooks()
    return [(kind, books.for_kind(kind).title) for kind in books.kinds()]
