"""`access invite|list|review`: who may sign in, and that somebody has looked whether they still should."""

import sys
from typing import Annotated

import typer

from tocsin.adapters.access import AccessLine, access_csv, last_review, read_access
from tocsin.adapters.access import invite as make_invitation
from tocsin.adapters.access import review as record_review
from tocsin.adapters.people import Person
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.account import INVITED_FOR
from tocsin.domain.act import Actor, Role
from tocsin.domain.errors import Refused

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
    until = work.wall() + INVITED_FOR
    if as_json:
        emit({"user": user, "link": link, "until": until})
        return
    say(f"Give {user} this link in a safe way. It works once, until {when(until)}, and is not shown again:")
    say(link)


@commands.command("list")
def list_(
    ctx: typer.Context,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for a review.")] = False,
    as_json: Json = False,
) -> None:
    """List people, roles, how each signs in, tokens and last use."""
    lines = _lines(session(ctx))
    if as_json:
        emit(lines)
    elif as_csv:
        sys.stdout.write(access_csv(lines))
    else:
        for line in lines:
            say(f"{line.user}  {', '.join(line.roles) or 'no role'}  {line.standing}", style="bold")
            used = when(line.last_login_at) if line.last_login_at else "never"
            say(f"{line.name}, by {line.source}; last signed in: {used}; {line.tokens} token(s)", indent=2)


@commands.command("review")
def review_(ctx: typer.Context, as_json: Json = False) -> None:
    """Record in the log that you have looked at `access list --csv` as it stands now; due each quarter."""
    work = session(ctx)
    if Role.ADMIN not in work.actor.roles and Role.APPROVER not in work.actor.roles:
        raise Refused(f"{work.actor.name} may not review access; an admin or an approver may")
    lines = _lines(work)
    with work.store.reading() as tx:
        before = last_review(tx)
    digest = record_review(work.store, lines, work.actor, work.now())
    if as_json:
        emit({"digest": digest, "lines": len(lines), "before": before})
        return
    say(f"recorded: {len(lines)} lines, SHA-256 of the CSV {digest}")
    say(f"The review before was {when(before)}." if before else "There was no review before.")


def _lines(work: Session) -> list[AccessLine]:
    with work.store.reading() as tx:
        return read_access(tx, work.people, work.now())


def invitation(work: Session, person: Person, by: Actor | None) -> str:
    """Make an invitation and return its link, which is kept nowhere."""
    return f"{work.settings.console_at}/invitation/{make_invitation(work.store, person, by, work.wall())}"
