"""Receipts that nobody owns: listed, read as they came, given to their notice."""

from typing import Annotated, Any

from fastapi import Depends, Response

from tocsin import receiving
from tocsin.console.api.files import DOCUMENT, download
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass, sees_too
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.domain.probe_deed import is_round
from tocsin.domain.receipt import Receipt as ChannelReceipt
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, NoticeId, Value
from tocsin.ports import Transaction


class Whose(Value):
    """The notice that a parked receipt belongs to; None: to none of ours."""

    incident_id: IncidentId | None = None
    notice_id: NoticeId | None = None


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    reads_log, switches = Guard(office, Action.READ_LOG), Guard(office, Action.SWITCH_CHANNEL)

    @router.get("/receipts/parked")
    async def read_parked(who: Annotated[Pass, Depends(reads_log)]) -> list[ChannelReceipt]:
        """List the receipts that nobody could assign."""
        return await office.read(lambda tx: tx.receipts.parked())

    @router.get("/receipts/{receipt_id}/raw", response_class=Response, responses={200: DOCUMENT})
    async def read_raw(receipt_id: str, who: Annotated[Pass, Depends(reads_log)]) -> Response:
        """Download a receipt exactly as it came."""
        found = await office.read(lambda tx: tx.receipts.raw(receipt_id))
        if found is None:
            raise hidden()
        return Response(found, media_type="application/octet-stream", headers=download("receipt"))

    @router.post("/receipts/{receipt_id}/assign")
    async def assign(receipt_id: str, whose: Whose, who: Annotated[Pass, Depends(switches)]) -> dict[str, str]:
        """Give a parked receipt to its notice, or set it aside; either is written into the log."""

        def find(tx: Transaction) -> Any:
            if whose.notice_id is None:
                return None
            row = tx.ledger.notice(whose.notice_id)
            if row is None or row.incident_id != whose.incident_id:
                raise hidden()
            if not is_round(row.incident_id):
                sees_too(tx, who.visitor, row.incident_id)
            return row

        row = await office.read(find)
        await office.beside(
            lambda: receiving.assign(office.store, receipt_id, row, who.visitor.person_id, office.now())
        )
        return {"receipt": receipt_id, "notice": row.number if row else ""}

    return router
