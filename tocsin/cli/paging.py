"""`page ack|ladder`: answering a page, and who is called when nobody does."""

from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.act import AnswerPage
from tocsin.domain.ladder import Climb, Ladder

commands = typer.Typer(no_args_is_help=True, help="Answer a page; see who is called when nobody does.")


@commands.command()
def ack(
    ctx: typer.Context,
    incident: Incident,
    clock: Annotated[
        str | None, typer.Option(metavar="CLOCK", help="Only about this clock; default: about all of the incident.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer a page: nobody further is called before the next warning. The clock runs on."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    clock_id = lookup.clock(work, incident_id, clock) if clock is not None else None
    act(work, AnswerPage(clock_id=clock_id), incident_id, as_json)


@commands.command()
def ladder(ctx: typer.Context, as_json: Json = False) -> None:
    """Show who is called about a clock, by which channels, and after how long."""
    found = session(ctx).ladder()
    if as_json:
        emit(found)
        return
    for rung in found.rungs:
        say(f"{rung.who}: {', then '.join(rung.channels)}")
    for climb in found.climbs:
        say(_said(climb))
    say(_near_the_end(found))


def _said(climb: Climb) -> str:
    severities = f", severity {' or '.join(climb.severity)}" if climb.severity else ""
    rungs = ", ".join(f"{who} after {round(after.total_seconds() / 60)} min" for who, after in climb.after.items())
    return f"from {climb.share:.0%} of the time{severities}: {rungs}"


def _near_the_end(ladder: Ladder) -> str:
    before = round(ladder.silence_before.total_seconds() / 60)
    return (
        f"from {ladder.everyone_from:.0%} on everyone is called at once about what is still unreleased; where a clause "
        f"says release_minimal, the letter goes {before} min before the deadline"
    )
