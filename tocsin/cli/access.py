"""`access`: who may sign in."""

from typing import Annotated

import typer

from tocsin.adapters.access import invite as make_invitation
from tocsin.adapters.people import Person
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.account import INVITED_FOR
from tocsin.domain.act import Actor

commands = typer.Typer(help="Who may sign in.")


@commands.command()
def invite(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="A name in people.toml.")],
    as_json: Json = False,
) -> None:
    """Print a link, once, with which somebody sets their password; an older link and their old password end."""
    work = session(ctx)
    link = invitation(work, work.people.person(user), work.actor)
    until = work.now() + INVITED_FOR
    if as_json:
        emit({"user": user, "link": link, "until": until})
        return
    say(f"Give {user} this link in a safe way. It works once, until {when(until)}, and is not shown again:")
    say(link)


def invitation(work: Session, person: Person, by: Actor | None) -> str:
    """Make an invitation and return its link, which is kept nowhere."""
    return f"{work.settings.console_at}/invitation/{make_invitation(work.store, person, by, work.now())}"
