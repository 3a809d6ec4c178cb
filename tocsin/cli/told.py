"""`told`: a party at which it happened has told us, which is what it owed us."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json, instant
from tocsin.cli.incident import keep_file
from tocsin.cli.session import session
from tocsin.domain.act import Told

commands = typer.Typer()


@commands.command()
def told(
    ctx: typer.Context,
    incident: Incident,
    party: Annotated[str, typer.Argument(metavar="PARTY", help="Its name, or your reference for its agreement.")],
    at: Annotated[
        datetime | None, typer.Option("--at", parser=instant, metavar="INSTANT", help="Default: now.")
    ] = None,
    their_awareness: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="Since when they knew, if they say so.")
    ] = None,
    notice: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Their notice.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Record that a party has told us: what it owed us is discharged, late if it was."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    agreement = lookup.party(work, party)
    kept = keep_file(work, incident_id, notice) if notice is not None else None
    if kept is not None:
        act(work, kept, incident_id, as_json)
    deed = Told(
        agreement_id=agreement.agreement_id,
        told_at=at,
        their_awareness_at=their_awareness,
        sha256=kept.sha256 if kept else None,
    )
    act(work, deed, incident_id, as_json)
