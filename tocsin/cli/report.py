"""`report`: one line at 3 a.m., answered in seconds with the clocks that now run; kept safe if nobody answers."""

import asyncio
import secrets
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli import lookup, pages
from tocsin.cli.arguments import Json, References, facts_of, instant, words
from tocsin.cli.audience import DataCategories, Regions, Services, Subprocessors, Tenants, audience, chosen
from tocsin.cli.incident import keep_file
from tocsin.cli.render import complain, emit, say, when
from tocsin.cli.session import Session, session
from tocsin.cli.todo import Me, next_for
from tocsin.client import EnvelopeFor, Unreachable
from tocsin.domain.act import Envelope, Receipt, Report
from tocsin.domain.audience import Audience
from tocsin.domain.errors import TocsinError
from tocsin.domain.incident import Severity, Trigger
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.ports import Page

commands = typer.Typer()
At = Annotated[datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="ISO 8601 with a zone.")]


@commands.command()
def report(
    ctx: typer.Context,
    title: Annotated[
        str, typer.Argument(metavar="TITLE", help="What happened, in one line. Everything else may follow later.")
    ],
    summary: Annotated[str | None, typer.Option(help="What happened, as the letters will say it.")] = None,
    kind: Annotated[str, typer.Option(help="Chooses the playbook.")] = "general",
    severity: Annotated[Severity | None, typer.Option(help="It colours pages and suppresses nothing.")] = None,
    data: Annotated[str | None, typer.Option(metavar="A,B", help="Categories of data.")] = None,
    people: Annotated[int | None, typer.Option(min=0, help="How many people are affected.")] = None,
    records: Annotated[int | None, typer.Option(min=0, help="How many records are affected.")] = None,
    service: Services = None,
    region: Regions = None,
    subprocessor: Subprocessors = None,
    data_category: DataCategories = None,
    tenants: Tenants = None,
    affected: References = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everybody in the register is affected.")] = False,
    occurred_at: At = None,
    discovered_at: At = None,
    aware_at: At = None,
    told_by: Annotated[
        str | None, typer.Option("--from", metavar="PARTY", help="We pass on this party's notice to us.")
    ] = None,
    told_at: At = None,
    notice: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Their notice.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="PARTY", help="It happened there, and they have not told us yet.")
    ] = None,
    their_awareness_at: At = None,
    alert: Annotated[str | None, typer.Option(metavar="KEY", help="The same alert joins the same incident.")] = None,
    as_json: Json = False,
) -> None:
    """Report a security incident. Its clocks start at once."""
    facts = facts_of(
        {
            "title": title,
            "kind": kind,
            "severity": severity,
            "summary": summary,
            "data_categories": words(data),
            "people_affected": people,
            "records_affected": records,
        }
    )
    work = session(ctx)
    named = lookup.agreements(work, affected or ())
    wanted = audience(service, region, subprocessor, data_category, tenants)
    if wanted != audience(service):
        named = _narrowed(work, named, wanted)
    if (told_at or notice) and told_by is None:
        raise typer.BadParameter("--told-at and --notice say something of a notice to us; give --from PARTY as well")
    teller = lookup.party(work, told_by) if told_by is not None else None
    sources = [lookup.party(work, one) for one in source or ()]
    if wanted.is_empty and not (named or everyone):
        named = _behind(work, [*sources, *([teller] if teller else ())])
    stated = {
        Trigger.OCCURRENCE: occurred_at,
        Trigger.DISCOVERY: discovered_at,
        Trigger.AWARENESS: aware_at,
        Trigger.THEIR_AWARENESS: their_awareness_at,
    }
    if teller is not None:
        at = told_at or work.now()
        stated |= {Trigger.TOLD_BY: at, Trigger.TOLD_BY_PROCESSOR: at if _is_processor(teller) else None}
    deed = Report(
        facts=facts.model_copy(
            # A service alone is resolved by the engine, which adds everybody who uses it to those who are named.
            update={"services": wanted.services if wanted == audience(service) else ()}
        ),
        triggers={trigger: at for trigger, at in stated.items() if at is not None},
        affected=named,
        everyone=everyone,
        sources=tuple(one.agreement_id for one in sources),
        told_by=teller.agreement_id if teller else None,
        source_key=work.source_key(alert or secrets.token_hex(16)),
    )
    first = work.envelope(deed, incident_id_of(work, deed.source_key, 0))
    try:
        receipt = work.report(numbered(work, first))
    except Unreachable as error:
        _keep(work, first, error, as_json)
        raise typer.Exit(3) from error
    if notice is not None:
        work.do(keep_file(work, receipt.incident_id, notice), receipt.incident_id)
    answer(work, receipt, as_json)


def _behind(work: Session, parties: list[Agreement]) -> tuple[AgreementId, ...]:
    """Return the agreements whose data passes through these parties, if they say so; nobody: it is not known yet."""
    through = [name for one in parties if _is_processor(one) for name in (one.party_name, one.reference)]
    if not through:
        return ()
    found = chosen(work, audience(None, None, through, None, None)).agreements
    if not found:
        complain(
            "No agreement says that its data passes through them, so it is reported as not known yet who is affected."
        )
    return found


def _is_processor(agreement: Agreement) -> bool:
    return agreement.their_role.endswith("processor")


def _narrowed(work: Session, named: tuple[AgreementId, ...], wanted: Audience) -> tuple[AgreementId, ...]:
    found = tuple(dict.fromkeys((*named, *chosen(work, wanted).agreements)))
    if not found:
        complain(
            "Nobody fits, so it is reported as not known yet who is affected: clocks run for everyone it may touch."
        )
    return found


def numbered(work: Session, first: Envelope) -> EnvelopeFor:
    """Return what makes this report the n-th incident of its alert, linked to the one before it."""

    def envelope_for(generation: int, linked_to: IncidentId | None) -> Envelope:
        assert isinstance(first.act.deed, Report)
        deed = first.act.deed.model_copy(update={"linked_to": linked_to})
        incident_id = incident_id_of(work, deed.source_key, generation)
        return first.model_copy(update={"act": first.act.model_copy(update={"deed": deed, "incident_id": incident_id})})

    return envelope_for


def incident_id_of(work: Session, source_key: str, generation: int) -> IncidentId:
    """Return the id of the n-th incident (from 0) of an alert."""
    return work.incident_of(source_key, generation)


def answer(work: Session, receipt: Receipt, as_json: bool) -> None:
    """Print what a report came to: the clocks that run now, and the next thing to do."""
    view = work.view(receipt.incident_id)
    todo = next_for(work, view, Me.of(work))
    if as_json:
        emit({"receipt": receipt, "clocks": view.clocks, "may_be_affected": view.may_be_affected, "next": todo})
        return
    say(f"incident {receipt.incident_id} is {receipt.status}", style="bold")
    for line in receipt.lines:
        say(line)
    if view.clocks:
        say("Clocks that run now:")
        pages.clocks(view.clocks, work.now())
    pages.audience(view)
    if todo is not None:
        say(f"Next for you: {todo.what}: {todo.do}")
    say(f"See it: tocsin show {receipt.incident_id}")


def _keep(work: Session, envelope: Envelope, error: Unreachable, as_json: bool) -> None:
    """Keep the report, try again in the background, call a person, and say whom to phone."""
    path = work.spool.put(envelope)
    start_drainer(work)
    paged = _page(work, envelope)
    phone = " ".join(part for part in (work.settings.on_call, work.settings.on_call_phone) if part)
    if as_json:
        emit({"spooled": str(path), "incident_id": envelope.act.incident_id, "paged": paged, "phone": phone})
    complain(str(error))
    complain(
        f"The report is kept, sealed, in {path}; it is delivered as soon as the engine answers, "
        f"as of {when(envelope.act.at)}."
    )
    complain(f"{'A page went out' if paged else 'No page could be sent'}; phone {phone} now.")


def _page(work: Session, envelope: Envelope) -> bool:
    incident_id = envelope.act.incident_id
    page = Page(
        key=f"spooled/{envelope.act.act_id}",
        subject=f"a report waits: the engine does not answer, incident {incident_id}",
        text=(
            f"A security incident was reported at {when(envelope.act.at)}.\nThe engine at "
            f"{work.settings.temporal_address} does not answer, so no clock is watched yet.\n"
            "Start the engine and a worker. The report is delivered by itself: "
            f"tocsin show {incident_id}\n"
        ),
        at=envelope.act.at,
    )
    try:
        asyncio.run(work.pager.page(page))
    except TocsinError:
        return False
    return True


def start_drainer(work: Session) -> None:
    """Start a process that outlives this one and delivers what is spooled; a second one ends by itself."""
    work.home.joinpath("spool").mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tocsin.cli", "spool", "drain", "--until-taken"]
    with Path(work.home / "spool" / "drain.log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 our own program
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
