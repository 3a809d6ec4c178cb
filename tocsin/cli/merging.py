"""`merge` and `split`: incidents that turn out to be one, or two."""

from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import say
from tocsin.cli.report import answer, incident_id_of, numbered
from tocsin.cli.session import session
from tocsin.domain.act import Absorb, Confirm, MergeInto, Report
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status, Trigger

commands = typer.Typer()

_NOT_COPIED = {Trigger.REPORT, Trigger.CONFIRMATION}
"""The split-off incident is reported now; it is confirmed by an act of its own."""


@commands.command()
def merge(
    ctx: typer.Context,
    incident: Incident,
    into: Annotated[str, typer.Option(metavar="INCIDENT", help="The one that goes on.")],
    reason: Annotated[str, typer.Option(help="Why they are one; it is kept with the act.")] = "",
    as_json: Json = False,
) -> None:
    """Make an incident a part of another: the earliest triggers count, nobody who was told is told again.

    If it was interrupted, do it again: what is done already is not done twice.
    """
    work = session(ctx)
    source, target = lookup.incident(work, incident), lookup.incident(work, into)
    if source.merged_into == target.incident_id:
        say(f"incident {source.incident_id} was merged into {target.incident_id} already")
        return
    if source.incident_id not in target.relatives:
        deed = Absorb(
            source=source.incident_id,
            triggers=source.triggers,
            audience_known=source.audience_known,
            reason=reason,
        )
        act(work, deed, target.incident_id, as_json)
    act(work, MergeInto(target=target.incident_id), source.incident_id, as_json)


@commands.command()
def split(
    ctx: typer.Context,
    incident: Incident,
    title: Annotated[str, typer.Option(help="What the new incident is, in one line.")],
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="REF", help="Agreements that it concerns; default: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Open a second incident with the same facts, triggers and parties; whom the first told is told in it, too."""
    work = session(ctx)
    source = lookup.incident(work, incident)
    named = lookup.agreements(work, to or ())
    with work.store.reading() as tx:
        facts = tx.incidents.facts(source.incident_id)
    if facts is None:
        raise Refused(f"incident {source.incident_id} has no facts yet; nothing can be copied")
    deed = Report(
        facts=facts.model_copy(update={"title": title, "services": ()}),
        triggers={trigger: fact.at for trigger, fact in source.triggers.items() if trigger not in _NOT_COPIED},
        affected=named,
        everyone=source.audience_known and not named,
        source_key=work.source_key("split", source.incident_id, title),
        split_from=source.incident_id,
    )
    first = work.envelope(deed, incident_id_of(work, deed.source_key, 0))
    receipt = work.report(numbered(work, first))
    if source.status is Status.CONFIRMED and not receipt.already:
        confirmed_at = source.triggers[Trigger.CONFIRMATION].at
        receipt = work.do(Confirm(confirmed_at=confirmed_at, statement="as before the split"), receipt.incident_id)
    answer(work, receipt, as_json)
