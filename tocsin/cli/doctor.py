"""`doctor`: is everything as it should be, and if not, what mends it."""

import asyncio
from typing import TYPE_CHECKING

import typer

from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused

if TYPE_CHECKING:
    from tocsin.adapters.doctor import Finding

commands = typer.Typer()


@commands.command()
def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Ask settings, keys, store, Temporal, workers and channel; each line is ok or the fix. Changes nothing."""
    found = _examine(session(ctx))
    if as_json:
        emit(found)
    else:
        for one in found:
            say(f"{'ok ' if one.ok else 'BAD'}  {one.what}: {one.said}", style="" if one.ok else "bold red")
    wrong = sum(not one.ok for one in found)
    if wrong:
        raise Refused(f"{wrong} of {len(found)} are not as they should be")


def _examine(work: Session) -> "list[Finding]":
    from tocsin.adapters.doctor import Doctor, Finding  # noqa: PLC0415 - half a second that only this command needs

    try:
        chosen = work.settings
    except Refused as error:
        return [Finding(what="settings", ok=False, said=str(error))]
    settings = Finding(what="settings", ok=True, said="all of them are known and valid")
    return [settings, *asyncio.run(Doctor(chosen, work.now).examine())]
