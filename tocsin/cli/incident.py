"""`confirm`, `revise`, `dismiss`, `note`, `attach`, `affected add`, `handover`, `close`, `reopen`."""

import hashlib
import mimetypes
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.answers import answers
from tocsin.cli.arguments import Incident, Json, fact, facts_of, instant, trigger_instant
from tocsin.cli.audience import DataCategories, Regions, Services, Subprocessors, Tenants, audience, chosen
from tocsin.cli.session import Session, session
from tocsin.cli.todo import Me
from tocsin.domain.act import AddAffected, AddNote, Attach, Close, Confirm, Dismiss, Handover, Reopen, Revise, Role
from tocsin.domain.errors import Refused
from tocsin.domain.fit import misfit
from tocsin.domain.privilege import marked
from tocsin.domain.values import IncidentId
from tocsin.ports import Attachment

commands = typer.Typer()
affected_commands = typer.Typer(help="Who is affected.")

LARGEST = 25 * 1024 * 1024
"""Bytes of an attachment; a disk image belongs elsewhere, its digest in a note."""
OWNERS = {Role.RESPONDER, Role.APPROVER}
TO_WHOM = "hand it to a responder or an approver, or give them that role in people.toml"
Reason = Annotated[str, typer.Option(help="Why; it is kept with the act.")]
At = Annotated[datetime | None, typer.Option("--at", parser=instant, metavar="INSTANT", help="Default: now.")]


@commands.command()
def confirm(
    ctx: typer.Context,
    incident: Incident,
    at: At = None,
    statement: Annotated[str, typer.Option(help="What was established.")] = "",
    as_json: Json = False,
) -> None:
    """State that it is a security incident: the periods that run from confirmation start."""
    work = session(ctx)
    state = lookup.incident(work, incident)
    act(work, Confirm(confirmed_at=at, statement=statement), state.incident_id, as_json)


@commands.command()
def dismiss(ctx: typer.Context, incident: Incident, reason: Reason, as_json: Json = False) -> None:
    """State that it is no security incident, with the reason."""
    work = session(ctx)
    act(work, Dismiss(reason=reason), lookup.incident(work, incident).incident_id, as_json)


@commands.command()
def revise(
    ctx: typer.Context,
    incident: Incident,
    facts: Annotated[
        list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="`unknown` takes a fact back. Repeatable.")
    ] = None,
    triggers: Annotated[
        list[str] | None, typer.Option("--at", metavar="TRIGGER=INSTANT", help="As awareness=2026-11-21T03:10Z.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="FACT=VALUE", help="To a question of `tocsin explain`. Repeatable."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="The free text given is a translation into this language: de.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change facts, answers or trigger instants: duties are resolved again, and the difference is shown."""
    if not (facts or triggers or answer):
        raise typer.BadParameter(
            "nothing to change; give --set FACT=VALUE, --at TRIGGER=INSTANT or --answer FACT=VALUE"
        )
    changed = dict(map(fact, facts or ()))
    facts_of({"title": "as it was", **changed})
    deed = Revise(
        facts=changed,
        triggers=dict(map(trigger_instant, triggers or ())),
        answers=answers(answer) if answer else {},
        language=language,
    )
    work = session(ctx)
    act(work, deed, lookup.incident(work, incident).incident_id, as_json)


@commands.command()
def note(
    ctx: typer.Context,
    incident: Incident,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note.")],
    late: Annotated[str | None, typer.Option(metavar="CLOCK", help="The note says why this clock was missed.")] = None,
    notice: Annotated[str | None, typer.Option(metavar="NUMBER", help="It is a reply to this notice.")] = None,
    privileged: Annotated[
        bool, typer.Option("--privileged", help="Only who works on the incident reads it; no pack or report has it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a note; with --late it is the reason why a clock was missed, with --notice a recipient's reply."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    if notice is not None:
        text = f"reply to notice {lookup.notice(work, incident_id, notice).number}: {text}"
    clock_id = lookup.clock(work, incident_id, late) if late is not None else None
    act(work, AddNote(text=marked(text) if privileged else text, clock_id=clock_id), incident_id, as_json)


@commands.command()
def attach(
    ctx: typer.Context,
    incident: Incident,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)],
    notice: Annotated[str | None, typer.Option(metavar="NUMBER", help="It is a reply to this notice.")] = None,
    as_json: Json = False,
) -> None:
    """Attach a file, sealed under the incident's key; with --notice it is a recipient's reply."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    before = f"reply to {lookup.notice(work, incident_id, notice).number}, " if notice is not None else ""
    act(work, keep_file(work, incident_id, file, before), incident_id, as_json)


def keep_file(work: Session, incident_id: IncidentId, file: Path, before: str = "") -> Attach:
    """Store a file sealed under the incident's key, and return the act that says so; `before` begins its name.

    Raises:
        Refused: if the person may not, or the file is too large.
    """
    if not Me.of(work).acts:
        raise Refused(f"an auditor reads and changes nothing; {work.actor.name} may not attach")
    if file.stat().st_size > LARGEST:
        raise Refused(f"{file} is larger than {LARGEST // 1024 // 1024} MB; keep it elsewhere and note its digest")
    if wrong := misfit(file.name, "the file's name"):
        raise Refused(wrong)
    kept = Attachment(
        sha256=hashlib.sha256(content := file.read_bytes()).hexdigest(),
        name=f"{before}{file.name}",
        media_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        content=content,
        at=work.now(),
    )
    # The bytes go first: an act that names a file which is not there would be worse than a file nobody names.
    work.keep(incident_id, kept)
    return Attach(name=kept.name, media_type=kept.media_type, sha256=kept.sha256, size=len(content))


@affected_commands.command("add")
def affected_add(
    ctx: typer.Context,
    incident: Incident,
    references: Annotated[list[str] | None, typer.Argument(metavar="REF", help="Agreements, as you name them.")] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everybody in the register.")] = False,
    only: Annotated[bool, typer.Option("--only", help="And nobody else.")] = False,
    service: Services = None,
    region: Regions = None,
    subprocessor: Subprocessors = None,
    data_category: DataCategories = None,
    tenants: Tenants = None,
    known_at: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="Since when it is known.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Name parties found to be affected: each gets its own duties."""
    wanted = audience(service, region, subprocessor, data_category, tenants)
    if (bool(references) or not wanted.is_empty) is everyone:
        raise typer.BadParameter("name agreements by your references, say which as in --service, or give --everyone")
    work = session(ctx)
    state = lookup.incident(work, incident)
    named = lookup.agreements(work, references or ())
    if not wanted.is_empty:
        named = tuple(dict.fromkeys((*named, *chosen(work, wanted).agreements)))
        if not named:
            raise Refused("nobody in the register fits; widen the options, or name parties by your references")
    deed = AddAffected(agreements=named, everyone=everyone, only=only, known_affected_at=known_at)
    try:
        act(work, deed, state.incident_id, as_json)
    except Refused as error:
        raise Refused(lookup.with_references(work, str(error))) from None


@commands.command()
def handover(
    ctx: typer.Context,
    incident: Incident,
    to: Annotated[str, typer.Argument(metavar="USER", help="A name in people.toml.")],
    note: Annotated[str, typer.Option(help="What the new owner should know.")] = "",
    as_json: Json = False,
) -> None:
    """Make another person the incident's owner."""
    work = session(ctx)
    person = work.people.person(to)
    if not person.roles & OWNERS:
        raise Refused(f"{person.name} is {', '.join(sorted(person.roles))} and can do nothing here; {TO_WHOM}")
    deed = Handover(to=person.person_id, to_name=person.name, note=note)
    act(work, deed, lookup.incident(work, incident).incident_id, as_json)


@commands.command()
def close(
    ctx: typer.Context,
    incident: Incident,
    cause: Annotated[str, typer.Option(help="What caused it.")],
    lessons: Annotated[str, typer.Option(help="What was learnt.")],
    as_json: Json = False,
) -> None:
    """End the incident, with its cause and lessons."""
    work = session(ctx)
    act(work, Close(cause=cause, lessons=lessons), lookup.incident(work, incident).incident_id, as_json)


@commands.command()
def reopen(ctx: typer.Context, incident: Incident, reason: Reason, as_json: Json = False) -> None:
    """Take up a closed or dismissed incident again."""
    work = session(ctx)
    act(work, Reopen(reason=reason), lookup.incident(work, incident).incident_id, as_json)
