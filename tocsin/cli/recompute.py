"""`recompute`: what newer law, calendars or agreements would change, and a person's word to accept it."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import session
from tocsin.domain.repinning import Recompute

if TYPE_CHECKING:
    from tocsin.adapters.recomputed import Recomputed

commands = typer.Typer()


@commands.command()
def recompute(
    ctx: typer.Context,
    incident: Incident,
    accept: Annotated[bool, typer.Option("--accept", help="Let the duties run by today's inputs.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the act.")] = "",
    as_json: Json = False,
) -> None:
    """Show what newer policies, holidays or agreements would change. Nothing moves before a person accepts it."""
    from tocsin.adapters.law import PolicyLaw  # noqa: PLC0415 - the law takes a second to load
    from tocsin.adapters.recomputed import recomputed  # noqa: PLC0415 - likewise

    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    law = PolicyLaw.load(work.home)
    with work.store.reading() as tx:
        found = recomputed(tx, law, incident_id, work.now())
    if accept:
        deed = Recompute(law=found.today.law, calendars=found.today.calendars, revision=found.revision, reason=reason)
        act(work, deed, incident_id, as_json)
        return
    if as_json:
        emit(found)
        return
    _say(found)


def _say(found: "Recomputed") -> None:
    for name, pinned, today in (
        ("law", found.pinned.law[:12], found.today.law[:12]),
        ("calendars", found.pinned.calendars, found.today.calendars),
    ):
        say(f"{name}: {pinned}" + ("" if pinned == today else f", today {today}"))
    say(f"agreements with a newer version: {found.outdated_agreements}")
    for change in found.changes:
        say(f"{change.change}: {change.title} ({change.duty_id})", style="bold")
        was = when(change.was_at) if change.was_at else "not there"
        would_be = when(change.would_be_at) if change.would_be_at else "gone"
        say(f"{was} -> {would_be}", indent=2)
        for step in change.was:
            say(f"runs by: {step}", indent=4)
        for step in change.would_be:
            say(f"would be: {step}", indent=4)
    if not found.changes:
        say("Today's inputs give the same duties and deadlines.")
    if found.is_newer:
        say(f"Nothing has moved. To accept it: tocsin recompute {found.incident_id} --accept")
