"""Delivery: every notice that was released, what proves it, whom it fell to, and a new one by a person's own act."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import ValidationError

from tocsin.console import delivering
from tocsin.console.delivering import Cursor, Wanted
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.problems import hidden
from tocsin.console.reviewing import agreements_of, recipient
from tocsin.console.rooms_incident import refused
from tocsin.domain.act import AddNote, Draft
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.incident import OVER
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, NoticeId
from tocsin.ports import Transaction

Word = Annotated[str, Query(max_length=200)]
GONE = "that notice is under way: the engine settles it by itself, and sending again now would tell them twice"


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    sees, drafts = Guard(office, Action.SEE), Guard(office, Action.DRAFT)

    @router.get("/incidents/{incident_id}/delivery")
    async def delivery(
        incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(sees)], after: Word = ""
    ) -> Response:
        """Show the notices that a filter lets through, a page at a time."""
        wanted = wanted_of(request.query_params)

        def read(tx: Transaction) -> dict[str, Any]:
            waves = delivering.released(tx, incident_id)
            counts = {wave.wave_id: tx.ledger.counts(wave.wave_id) for wave in waves}
            facts = tx.incidents.facts(incident_id)
            return {
                "title": facts.title if facts else incident_id,
                "sheet": delivering.sheet(tx, incident_id, wanted, Cursor.read(after)),
                "waves": waves,
                "counts": counts,
                "by_state": _totals(counts),
            }

        found = await office.read(read)
        asked = urlencode({name: value for name, value in wanted.model_dump(mode="json").items() if value})
        values: dict[str, Any] = {"wanted": wanted, "asked": asked, "after": after, "incident_id": incident_id}
        return house.show("delivery.html", who, **found, **values, **_WORDS)

    @router.get("/incidents/{incident_id}/delivery.csv")
    async def export(incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Export them as CSV, by the same filter."""
        lines = delivering.csv_lines(office.store, incident_id, wanted_of(request.query_params))
        name = {"Content-Disposition": f'attachment; filename="{incident_id}-notices.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=name)

    @router.get("/incidents/{incident_id}/notices/{notice_id}")
    async def notice(incident_id: IncidentId, notice_id: NoticeId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Show one notice: every receipt, the chain of contacts, the duties that it answers."""

        def read(tx: Transaction) -> dict[str, Any]:
            row = _row(tx, incident_id, notice_id)
            wave = tx.ledger.wave(row.wave_id)
            assert wave is not None
            facts = tx.incidents.facts(incident_id)
            return {
                "title": facts.title if facts else incident_id,
                "one": recipient(row, agreements_of(tx, wave, [row]).get(row.agreement_id)),
                "wave": wave,
                "chain": delivering.chain_of(tx, wave, row),
                "receipts": tx.receipts.of([notice_id]),
                "duties": tx.duties.by_id(row.duty_ids),
                "again": delivering.kind_to_send_again(tx, row),
                "outdated": tx.register.outdated(incident_id),
            }

        found = await office.read(read)
        over = who.incident.status in OVER
        return house.show("delivered.html", who, incident_id=incident_id, over=over, **found, **_WORDS)

    @router.post("/incidents/{incident_id}/notices/{notice_id}/again")
    async def again(
        incident_id: IncidentId, notice_id: NoticeId, request: Request, who: Annotated[Pass, Depends(drafts)]
    ) -> Response:
        """Draft a new notice to the same party, for a second person to release; the reason is noted."""
        reason = str((await request.form()).get("reason", "")).strip()
        try:
            row = await office.read(lambda tx: _row(tx, incident_id, notice_id))
            kind = await office.read(lambda tx: delivering.kind_to_send_again(tx, row))
            if kind is None:
                raise Refused(GONE)
            if not reason:
                raise Refused("the reason is missing; say why they are written to again")
            deed = Draft(wave_kind=kind, agreements=(row.agreement_id,))
            receipt = await office.do(who.visitor, deed, incident_id)
            wave_id = receipt.ids.get("wave", "")
            text = f"Written to anew after notice {row.number}, by wave {wave_id}: {reason}"
            await office.do(who.visitor, AddNote(text=text), incident_id)
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, *receipt.lines, "another approver reads and releases it")
        return RedirectResponse(f"/incidents/{incident_id}/review/{wave_id}", 303)

    return router


_WORDS: dict[str, Any] = {"words": delivering.WORDS, "tones": delivering.TONES, "states": list(NoticeState)}


def wanted_of(asked: Mapping[str, str]) -> Wanted:
    """Return the filter of a form; what it does not know lets all through."""
    given = {name: asked[name].strip() for name in Wanted.model_fields if asked.get(name, "").strip()}
    try:
        return Wanted.model_validate(given)
    except ValidationError:
        return Wanted()


def _totals(counts: Mapping[Any, Any]) -> dict[NoticeState, int]:
    found: dict[NoticeState, int] = {}
    for one in counts.values():
        for state, count in one.by_state.items():
            found[state] = found.get(state, 0) + count
    return found


def _row(tx: Transaction, incident_id: IncidentId, notice_id: NoticeId) -> Notice:
    row = tx.ledger.notice(notice_id)
    if row is None or row.incident_id != incident_id:
        raise hidden()
    return row
