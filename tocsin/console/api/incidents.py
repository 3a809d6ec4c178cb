"""Incidents: list them, read one and all that belongs to it, report one."""

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from tocsin.cli.explain import of_incident, policies
from tocsin.cli.views import IncidentView, WaveView, read_incident
from tocsin.console.api.routing import After, Limit, Page, Router, page_of
from tocsin.console.gate import Guard, Pass, sees_too
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.console.reading import IncidentLine, incidents_for
from tocsin.console.shown import all_shown, shown
from tocsin.domain.act import Envelope, Receipt, Report
from tocsin.domain.duty import Duty
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.letter import Letter
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import Receipt as ChannelReceipt
from tocsin.domain.rights import Action
from tocsin.domain.task import Task
from tocsin.domain.values import AgreementId, IncidentId, Instant, NoticeId, Value, WaveId
from tocsin.ports import Transaction


class Incidents(Page):
    """A page of incidents, newest report first."""

    items: tuple[IncidentLine, ...]


class Notices(Page):
    """A page of notices, by wave and ordinal."""

    items: tuple[Notice, ...]


class NewReport(Value):
    """What is reported. Only the title of the facts is needed."""

    facts: Facts
    triggers: dict[Trigger, Instant] = {}
    affected: tuple[AgreementId, ...] = ()
    everyone: bool = False
    sources: tuple[AgreementId, ...] = ()
    told_by: AgreementId | None = None
    split_from: IncidentId | None = None
    alert: str | None = None
    """The alert that this answers, in your own words: the same one joins the same incident."""


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    lists, sees, reports = (Guard(office, action) for action in (Action.LIST, Action.SEE, Action.REPORT))

    @router.get("/incidents")
    async def list_incidents(
        who: Annotated[Pass, Depends(lists)],
        state: Annotated[str, Query(alias="status", pattern="^(open|all)$")] = "all",
        after: After = None,
        limit: Limit = 50,
    ) -> Incidents:
        """List the incidents that you may see, newest report first."""
        open_only = state == "open"
        lines = await office.read(
            lambda tx: incidents_for(tx, who.visitor, open_only=open_only, after=after, limit=limit + 1)
        )
        return Incidents(items=tuple(lines[:limit]), next=page_of(lines, limit, lambda line: line.incident_id))

    @router.post("/incidents", status_code=201)
    async def report(said: NewReport, who: Annotated[Pass, Depends(reports)]) -> Receipt:
        """Report an incident, or join the one of the same alert. You are its owner, and on its team."""
        if said.split_from is not None:
            await office.read(lambda tx: sees_too(tx, who.visitor, said.split_from))
        told = {name: value for name, value in said if name != "alert"}
        alert = said.alert or (f"idempotent {who.act_id}" if who.act_id else None)
        return await office.report(who.visitor, Report(source_key=office.source_key(alert), **told), who.act_id)

    @router.get("/incidents/{incident_id}")
    async def read_one(
        incident_id: IncidentId, response: Response, who: Annotated[Pass, Depends(sees)]
    ) -> IncidentView:
        """Read everything about one incident. Its ETag is good for `If-Match` on an act."""
        response.headers["ETag"] = who.etag
        return await office.read(lambda tx: shown(tx, who, read_incident(tx, incident_id, office.now(), events=True)))

    @router.get("/incidents/{incident_id}/duties")
    async def read_duties(
        incident_id: IncidentId,
        who: Annotated[Pass, Depends(sees)],
        open_only: bool = False,
    ) -> list[Duty]:
        """List what is owed, nearest first, each with the rule it follows from and how its deadline came about."""
        return await office.read(lambda tx: all_shown(tx, who, tx.duties.of(incident_id, open_only=open_only)))

    @router.get("/incidents/{incident_id}/explanation")
    async def explain(
        who: Annotated[Pass, Depends(sees)], everything: Annotated[bool, Query(alias="all")] = False
    ) -> dict[str, Any]:
        """Say who must be told, by when and why: the document that `tocsin explain --json` prints."""

        def explained() -> dict[str, Any]:
            return of_incident(office, policies(office), who.incident, everything=everything).model_dump(mode="json")

        return await office.beside(explained)

    @router.get("/incidents/{incident_id}/tasks")
    async def read_tasks(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[Task]:
        """List the tasks, by due time."""
        return await office.read(lambda tx: all_shown(tx, who, tx.tasks.of(incident_id)))

    @router.get("/incidents/{incident_id}/acts")
    async def read_acts(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[Envelope]:
        """List what people did, in order, in their signed envelopes; privileged words only for who may read them."""
        return await office.read(lambda tx: all_shown(tx, who, tx.incidents.acts(incident_id)))

    @router.get("/incidents/{incident_id}/waves")
    async def read_waves(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> tuple[WaveView, ...]:
        """List the waves, and how far each came."""
        return await office.read(lambda tx: read_incident(tx, incident_id, office.now()).waves)

    @router.get("/incidents/{incident_id}/waves/{wave_id}/notices")
    async def read_notices(
        incident_id: IncidentId,
        wave_id: WaveId,
        who: Annotated[Pass, Depends(sees)],
        state: NoticeState | None = None,
        after: After = None,
        limit: Limit = 50,
    ) -> Notices:
        """List the notices of a wave, with the proof of each."""
        first = _ordinal(after)

        def read(tx: Transaction) -> list[Notice]:
            _wave_of(tx, incident_id, wave_id)
            last = None if state else first + limit + 1
            return tx.ledger.notices(wave_id, first=first, last=last, states=[state] if state else None)

        rows = (await office.read(read))[: limit + 1]
        return Notices(items=tuple(rows[:limit]), next=page_of(rows, limit, lambda row: str(row.ordinal + 1)))

    @router.get("/incidents/{incident_id}/notices/{notice_id}/letter")
    async def read_letter(incident_id: IncidentId, notice_id: NoticeId, who: Annotated[Pass, Depends(sees)]) -> Letter:
        """Read the letter of a notice exactly as it goes out."""

        def read(tx: Transaction) -> Letter | None:
            row = tx.ledger.notice(notice_id)
            return tx.ledger.letter(notice_id) if row and row.incident_id == incident_id else None

        letter = await office.read(read)
        if letter is None:
            raise hidden()
        return letter

    @router.get("/incidents/{incident_id}/notices/{notice_id}/receipts")
    async def read_receipts(
        incident_id: IncidentId, notice_id: NoticeId, who: Annotated[Pass, Depends(sees)]
    ) -> list[ChannelReceipt]:
        """List what channels and recipients said of a notice."""

        def read(tx: Transaction) -> list[ChannelReceipt]:
            row = tx.ledger.notice(notice_id)
            if row is None or row.incident_id != incident_id:
                raise hidden()
            return tx.receipts.of([notice_id])

        return await office.read(read)

    return router


def _ordinal(after: str | None) -> int:
    return int(after) if after is not None and after.isascii() and after.isdigit() and len(after) < 10 else 0


def _wave_of(tx: Transaction, incident_id: IncidentId, wave_id: WaveId) -> None:
    wave = tx.ledger.wave(wave_id)
    if wave is None or wave.incident_id != incident_id:
        raise hidden()
