"""Rounds of the register: begun, listed, and each contact's answer."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from tocsin import probing
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.problems import hidden
from tocsin.console.registering import SHOWN
from tocsin.console.rooms_incident import refused
from tocsin.console.rounding import open_round
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.probing import USUAL, Answer
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId

ORDER = {one: place for place, one in enumerate((Answer.BOUNCED, Answer.SILENT, Answer.SENDING, Answer.SENT))}
ORDER[Answer.CONFIRMED] = len(ORDER)
TONES = {Answer.CONFIRMED: "calm", Answer.BOUNCED: "late", Answer.SILENT: "soon"}


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    reads, probes = Guard(office, Action.READ_REGISTER), Guard(office, Action.PROBE)
    shown: dict[str, Any] = {"tones": TONES, "answers": list(Answer)}

    @router.get("/register/rounds")
    async def rounds(who: Annotated[Pass, Depends(reads)]) -> Response:
        """Show the rounds, newest first, and how another one is begun."""
        found = await office.read(lambda tx: probing.seen(tx, office.now()))
        usual = (office.now() + USUAL).date()
        return house.show("rounds.html", who, rounds=found, usual=usual, names=house.names(), **shown)

    @router.get("/register/rounds/{round_id}")
    async def one_round(
        round_id: IncidentId,
        who: Annotated[Pass, Depends(reads)],
        only: Annotated[Answer | None, Query(alias="answer")] = None,
        after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """Show what came of a round, contact by contact, those that need somebody first."""
        found = await office.read(lambda tx: probing.sheet(tx, round_id, office.now()))
        if found is None:
            raise hidden()
        addresses = {line.address.casefold(): line.answer for line in found.lines}
        counts = {answer: list(addresses.values()).count(answer) for answer in Answer}
        wanted = sorted((one for one in found.lines if only in {None, one.answer}), key=lambda one: ORDER[one.answer])
        values: dict[str, Any] = {
            "round": found.round,
            "counts": counts,
            "lines": wanted[after : after + SHOWN],
            "total": len(wanted),
        }
        values |= {"only": only, "after": after, "size": SHOWN, "names": house.names()}
        return house.show("round.html", who, **values, **shown)

    @router.post("/register/rounds")
    async def begin(request: Request, who: Annotated[Pass, Depends(probes)]) -> Response:
        """Begin a round for the whole register, or for the agreements that are named."""
        form = await request.form()
        named = str(form.get("references", "")).replace(",", "\n")
        references = [one.strip() for one in named.splitlines() if one.strip()]
        try:
            agreements = await office.read(lambda tx: house.agreements(tx, references))
            receipt = await open_round(office, who.visitor, agreements, _day(str(form.get("answer_by", ""))))
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, *receipt.lines)
        return RedirectResponse(f"/register/rounds/{receipt.incident_id}" if receipt.lines else "/register/rounds", 303)

    return router


def _day(written: str) -> date | None:
    if not written.strip():
        return None
    try:
        return date.fromisoformat(written.strip())
    except ValueError as error:
        raise Refused(f"{written!r} is no day; write it as 2026-11-27") from error
