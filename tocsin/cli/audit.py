"""`audit`: an incident as an auditor looks at it, and the questions that an auditor asks of each."""

from datetime import datetime
from typing import Annotated

import typer

from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.cli import lookup
from tocsin.cli.arguments import Incident, Json, instant
from tocsin.cli.render import bullets, emit, heading, say, when
from tocsin.cli.session import session
from tocsin.domain.read import Way
from tocsin.domain.values import Value

commands = typer.Typer(help="Who did what, when and why; and the questions that auditors ask.")


class _Wanted(Value):
    """Which items are shown: everything that is None lets all through."""

    actor: str | None
    kind: str | None
    first: datetime | None
    last: datetime | None

    def takes(self, item: TimelineItem) -> bool:
        """Say whether an item is one of them."""
        by_actor = self.actor is None or self.actor.casefold() in item.who.casefold()
        by_kind = self.kind is None or item.kind == self.kind or item.kind.startswith(f"{self.kind}.")
        in_time = (self.first is None or item.at >= self.first) and (self.last is None or item.at < self.last)
        return by_actor and by_kind and in_time


@commands.command()
def show(
    ctx: typer.Context,
    incident: Incident,
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="A part of the name; `Tocsin` is the engine.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="`act`, `act.release`, `notice`, `clock.missed` …")] = None,
    first: Annotated[datetime | None, typer.Option("--from", parser=instant, metavar="INSTANT")] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", parser=instant, metavar="INSTANT", help="Up to, without.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show who did what to an incident, when, why, and under which entry of the log."""
    work = session(ctx)
    incident_id = lookup.looked_at(work, incident, Way.AUDIT).incident_id
    wanted = _Wanted(actor=actor, kind=kind, first=first, last=last)
    items = [item for item in work.timeline(incident_id) if wanted.takes(item)]
    if as_json:
        emit(items)
        return
    # Who only looked has no act to be named by; a machine that checks a copy of the store knows nobody.
    known = work.people.all() if (work.home / "people.toml").exists() else ()
    people = {str(person.person_id): person.name for person in known}
    for item in items:
        entry = "not in the log" if item.entry is None else f"entry {item.entry}"
        vouched = f" ({item.authenticated})" if item.authenticated else ""
        # One line each: what somebody wrote must not look like the next item.
        say(f"{when(item.at)} [{entry}] {people.get(item.who, item.who)}{vouched}: {' '.join(item.what.split())}")
    if not items:
        say("nothing of the kind happened")


@commands.command("questions")
def ask(ctx: typer.Context, incident: Incident, as_json: Json = False) -> None:
    """Answer what auditors ask of every incident, each with where in the evidence pack it stands."""
    work = session(ctx)
    incident_id = lookup.looked_at(work, incident, Way.AUDIT).incident_id
    answers = work.questions(incident_id)
    if as_json:
        emit(answers)
        return
    say(f"Incident {incident_id}. Files are those of its pack: tocsin evidence {incident_id} -o pack.zip")
    for answer in answers:
        heading(answer.question)
        for point in answer.points:
            say(point.what, indent=2)
            bullets((f"see {where}" for where in point.where), indent=4)
        if not answer.points:
            say("nothing of the kind", indent=2)
