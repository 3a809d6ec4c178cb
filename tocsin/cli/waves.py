"""`draft`, `release`, `stop`, `resume`: the letters to one audience, and a person's approval of their exact bytes."""

from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act, tell
from tocsin.cli.arguments import Incident, Json, Wave
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.cli.todo import release_command
from tocsin.domain.act import Draft, Receipt, Release, Resume, Stop
from tocsin.domain.incident_state import wave_id_of
from tocsin.domain.notice import Notice, WaveKind
from tocsin.domain.promise import in_words
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.values import AgreementId, IncidentId, WaveId
from tocsin.ports import WaveRow

commands = typer.Typer()


@commands.command()
def draft(
    ctx: typer.Context,
    incident: Incident,
    kind: Annotated[WaveKind, typer.Option(help="What the letters say.")] = WaveKind.INITIAL,
    to: Annotated[list[str] | None, typer.Option(metavar="REF", help="Only this agreement. Repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Render the letters to all who are meant, and keep their exact bytes for review."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    agreements = lookup.agreements(work, to) if to else None
    envelope = work.envelope(Draft(wave_kind=kind, agreements=agreements), incident_id)
    receipt = work.send(envelope)
    with work.store.reading() as tx:
        wave = tx.ledger.wave(WaveId(receipt.ids.get("wave", wave_id_of(envelope.act))))
        rows = tx.ledger.notices(wave.wave_id) if wave else []
    alone = [row.agreement_id for row in rows if row.lonely]
    _tell_draft(receipt, wave, len(rows), _names(work, alone), _warnings(work, rows), as_json)


@commands.command()
def release(
    ctx: typer.Context,
    incident: Incident,
    wave: Wave,
    digest: Annotated[str, typer.Option(help="Of the letters you reviewed: all of it, or its first 12 digits.")],
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="WAVE:DIGEST", help="A further wave, with what you reviewed: all or none. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Approve a drafted wave as a second person: exactly these letters go out."""
    work = session(ctx)
    row = lookup.wave(work, lookup.incident(work, incident).incident_id, wave)
    further = tuple(_approved(work, row.incident_id, one) for one in also or ())
    deed = Release(wave_id=row.wave_id, digest=lookup.digest(row, digest), also=further)
    act(work, deed, row.incident_id, as_json)


@commands.command("send-back")
def send_back(
    ctx: typer.Context,
    incident: Incident,
    wave: Wave,
    comment: Annotated[str, typer.Option(help="What should be different, for whoever drafted it.")],
    as_json: Json = False,
) -> None:
    """Ask for other letters than a drafted wave holds. It voids nothing: they may still be released."""
    work = session(ctx)
    row = lookup.wave(work, lookup.incident(work, incident).incident_id, wave)
    act(work, SendBack(wave_id=row.wave_id, digest=row.digest or "", comment=comment), row.incident_id, as_json)


@commands.command()
def stop(
    ctx: typer.Context,
    incident: Incident,
    wave: Wave,
    reason: Annotated[str, typer.Option(help="Why.")],
    as_json: Json = False,
) -> None:
    """Halt our own sending of a wave. This is not a hold: its clocks do not know of it."""
    work = session(ctx)
    row = lookup.wave(work, lookup.incident(work, incident).incident_id, wave)
    act(work, Stop(wave_id=row.wave_id, reason=reason), row.incident_id, as_json)


@commands.command()
def resume(ctx: typer.Context, incident: Incident, wave: Wave, as_json: Json = False) -> None:
    """End a stop."""
    work = session(ctx)
    row = lookup.wave(work, lookup.incident(work, incident).incident_id, wave)
    act(work, Resume(wave_id=row.wave_id), row.incident_id, as_json)


def _approved(work: Session, incident_id: IncidentId, given: str) -> Approved:
    wave, _, digest = given.partition(":")
    row = lookup.wave(work, incident_id, wave)
    return Approved(wave_id=row.wave_id, digest=lookup.digest(row, digest))


def _names(work: Session, agreement_ids: list[AgreementId]) -> list[str]:
    with work.store.reading() as tx:
        found = [agreement for key in agreement_ids if (agreement := tx.register.agreement(key))]
    return [f"{agreement.reference} {agreement.party_name}" for agreement in found]


def _warnings(work: Session, rows: list[Notice]) -> list[str]:
    """Say of each notice that may not arrive to whom it goes, and why."""
    doubtful = [row for row in rows if row.detail]
    named = zip(doubtful, _names(work, [row.agreement_id for row in doubtful]), strict=True)
    return [f"{row.number} to {name}: {row.detail}" for row, name in named]


def _tell_draft(
    receipt: Receipt, wave: WaveRow | None, rows: int, alone: list[str], warnings: list[str], as_json: bool
) -> None:
    if as_json:
        emit({"receipt": receipt, "wave": wave, "rows": rows, "without_contact": alone, "warnings": warnings})
        return
    tell(receipt, as_json)
    if wave is None:
        return
    say(f"digest {wave.digest}")
    if alone:
        say(f"nobody to write to, so told by hand: {', '.join(alone)}")
    for warning in warnings:
        say(f"look at {warning}")
    if wave.unknowns:
        say(f"not yet known, and promised in these letters: {in_words(wave.unknowns)}")
    say(f"Review the letters: tocsin show {wave.incident_id} --letters {wave.wave_id} (--to REF for one party's)")
    say(f"Another approver then releases them: {release_command(wave)}")
