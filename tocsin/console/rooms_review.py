"""Review and release: the letters of each wave exactly as they leave, and a second person's word that they may."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.cli.views import WaveView, read_incident
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.problems import hidden
from tocsin.console.reviewing import Reviewing
from tocsin.console.rooms_incident import refused
from tocsin.domain.act import Release
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.letter import TOKEN_PLACEHOLDER, Letter
from tocsin.domain.promise import in_words
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, NoticeId, WaveId
from tocsin.ports import Transaction, WaveRow

RECIPIENTS = 25
LETTER_HEADERS = {
    # What is in a letter is shown and runs nothing, loads nothing, leads nowhere; only our own page may frame it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    _show_waves(router, house)
    _show_letters(router, house)
    _take_decisions(router, house)
    return router


def _show_waves(router: APIRouter, house: House) -> None:
    office, sees = house.office, Guard(house.office, Action.SEE)
    reviewing = Reviewing(office.settings)

    @router.get("/incidents/{incident_id}/review")
    async def waves(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Show the waves: those that wait for release first."""
        view = await office.read(lambda tx: read_incident(tx, incident_id, office.now()))
        if len(view.waves) == 1:
            return RedirectResponse(f"/incidents/{incident_id}/review/{view.waves[0].wave.wave_id}", 303)
        drafters = {seen.wave.wave_id: drafters_of(who, seen.wave) for seen in view.waves}
        waiting = [seen for seen in view.waves if waits(seen.wave)]
        others = [seen for seen in reversed(view.waves) if not waits(seen.wave)]
        values: dict[str, Any] = {"waiting": waiting, "others": others, "names": house.names(), "drafters": drafters}
        return house.show("waves.html", who, view=view, **values, in_words=in_words)

    @router.get("/incidents/{incident_id}/review/{wave_id}")
    async def wave(
        incident_id: IncidentId,
        wave_id: WaveId,
        who: Annotated[Pass, Depends(sees)],
        letter: NoticeId | None = None,
        after: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Response:
        """Show the letters of a wave, one of each kind or the one that is asked for, and a page of its recipients."""

        def read(tx: Transaction) -> dict[str, Any]:
            title, seen = _wave(tx, incident_id, wave_id, house)
            groups = reviewing.groups(tx, seen.wave)
            first = letter or (groups[0].sample if groups else None)
            shown = reviewing.shown(tx, seen.wave, first) if first else None
            if letter is not None and shown is None:
                raise hidden()
            recipients = reviewing.recipients(tx, seen.wave, after, RECIPIENTS + 1)
            return {
                "title": title,
                "seen": seen,
                "groups": groups,
                "shown": shown,
                "recipients": recipients[:RECIPIENTS],
                "more": len(recipients) > RECIPIENTS,
            }

        found = await office.read(read)
        values: dict[str, Any] = {
            "after": after,
            "names": house.names(),
            "placeholder": TOKEN_PLACEHOLDER,
            "size": RECIPIENTS,
        }
        drafted = found["seen"].wave
        values |= {"waits": waits(drafted), "drafters": drafters_of(who, drafted), "in_words": in_words}
        return house.show("review.html", who, incident_id=incident_id, **found, **values)


def _show_letters(router: APIRouter, house: House) -> None:
    office, sees = house.office, Guard(house.office, Action.SEE)

    @router.get("/incidents/{incident_id}/letters/{notice_id}")
    async def letter_html(
        incident_id: IncidentId, notice_id: NoticeId, who: Annotated[Pass, Depends(sees)]
    ) -> Response:
        """Show the HTML of a letter from its stored bytes, in a sandbox."""
        found = await office.read(lambda tx: _letter(tx, incident_id, notice_id))
        return Response(found.html, media_type="text/html", headers=LETTER_HEADERS)

    @router.get("/incidents/{incident_id}/letters/{notice_id}/bytes")
    async def letter_bytes(
        incident_id: IncidentId, notice_id: NoticeId, who: Annotated[Pass, Depends(sees)]
    ) -> Response:
        """Download the very bytes that the channel is given; the secret part of a link is put in as it leaves."""

        def read(tx: Transaction) -> tuple[Letter, bytes]:
            letter = _letter(tx, incident_id, notice_id)
            return letter, tx.ledger.prepared(notice_id) or b""

        found, content = await office.read(read)
        name = f'attachment; filename="{found.notice_number}.eml"'
        headers = {"Content-Disposition": name, "Content-Security-Policy": "sandbox"}
        return Response(content, media_type="application/octet-stream", headers=headers)


def _take_decisions(router: APIRouter, house: House) -> None:
    office = house.office
    releases, sends_back = Guard(office, Action.RELEASE), Guard(office, Action.SEND_BACK)

    @router.post("/incidents/{incident_id}/do/release")
    async def release(incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(releases)]) -> Response:
        """Release the waves that are ticked, each bound to the digest of what was shown."""
        form = await request.form()
        chosen = [WaveId(str(one)) for one in form.getlist("wave")]
        try:
            if not chosen:
                raise Refused("no wave is ticked; tick those whose letters you have read")
            first, *also = (Approved(wave_id=one, digest=str(form.get(f"digest.{one}", ""))) for one in chosen)
            deed = Release(wave_id=first.wave_id, digest=first.digest, also=tuple(also))
            lines = (await office.do(who.visitor, deed, incident_id)).lines or ("released",)
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, *lines)
        return RedirectResponse(f"/incidents/{incident_id}", 303)

    @router.post("/incidents/{incident_id}/do/send_back")
    async def send_back(
        incident_id: IncidentId, request: Request, who: Annotated[Pass, Depends(sends_back)]
    ) -> Response:
        """Ask for other letters than those that were shown."""
        form = await request.form()
        wave_id, comment = WaveId(str(form.get("wave_id", ""))), str(form.get("comment", "")).strip()
        try:
            if not comment:
                raise Refused("the comment is missing; say what should be different")
            deed = SendBack(wave_id=wave_id, digest=str(form.get("digest", "")), comment=comment)
            await office.do(who.visitor, deed, incident_id)
        except TocsinError as error:
            return refused(house, who, error)
        house.flash.tell(who, "sent back; whoever drafted it sees why. The letters may still be released as they are")
        return RedirectResponse(f"/incidents/{incident_id}/review", 303)


def waits(wave: WaveRow) -> bool:
    """Say whether a wave is drafted and waits for its release."""
    return wave.released_at is None and wave.ended_at is None and wave.digest is not None


def drafters_of(who: Pass, wave: WaveRow) -> frozenset[str]:
    """Return who may not release a wave, since they drafted or changed it."""
    known = who.incident.waves.get(wave.wave_id)
    return frozenset({wave.drafter, *(known.co_drafters if known else ())})


def _wave(tx: Transaction, incident_id: IncidentId, wave_id: WaveId, house: House) -> tuple[str, WaveView]:
    view = read_incident(tx, incident_id, house.office.now())
    found = next((seen for seen in view.waves if seen.wave.wave_id == wave_id), None)
    if found is None:
        raise hidden()
    return view.facts.title, found


def _letter(tx: Transaction, incident_id: IncidentId, notice_id: NoticeId) -> Letter:
    row = tx.ledger.notice(notice_id)
    letter = tx.ledger.letter(notice_id) if row is not None and row.incident_id == incident_id else None
    if letter is None:
        raise hidden()
    return letter
