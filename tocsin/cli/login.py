"""`login`, `logout`: the token by which this machine's commands reach an installation elsewhere."""

import sys
from typing import Annotated

import typer

from tocsin.cli.afar import Me, token_file
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Refused
from tocsin.remote.api import Api, checked_url

commands = typer.Typer()
Url = Annotated[str | None, typer.Argument(metavar="[URL]", help="Of the console; default: TOCSIN_API_URL.")]
Paste = Annotated[
    bool | None,
    typer.Option("--paste/--browser", help="Paste a token; default where no terminal or no browser is at hand."),
]


@commands.command()
def login(ctx: typer.Context, url: Url = None, paste: Paste = None, as_json: Json = False) -> None:
    """Keep a token for an installation, readable by you alone: confirm it in your browser, or paste one."""
    named = _where(ctx, url)
    where = checked_url(named)
    by_paste = not sys.stdin.isatty() if paste is None else paste
    token = _pasted(where, as_json) if by_paste else _confirmed(where, as_json)
    api = Api(where, token)
    try:
        me = api.get("/me", Me)
    finally:
        api.close()
    kept = token_file(named)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.touch(mode=0o600)
    kept.chmod(0o600)
    kept.write_text(token + "\n", encoding="utf-8")
    if as_json:
        emit(me)
        return
    say(f"You are {me.name} ({', '.join(sorted(me.roles))}) at {where}; the token lies in {kept}.")


@commands.command()
def logout(ctx: typer.Context, url: Url = None) -> None:
    """Forget the token for an installation here; `tocsin token revoke` ends it."""
    kept = token_file(_where(ctx, url))
    if not kept.exists():
        raise Refused(f"there is none: {kept} does not exist")
    kept.unlink()
    say(f"{kept} is gone; whoever has a copy can still use it until it is revoked.")


def _pasted(where: str, as_json: bool) -> str:
    if not as_json:
        say(f"Make a token for the command line in your browser, and paste it here: {where}/me")
    return str(typer.prompt("Token", hide_input=True, err=True)).strip()


def _confirmed(where: str, as_json: bool) -> str:
    from tocsin.cli.loopback import WITHIN, Waiting, shown, traded  # noqa: PLC0415 - no other command listens

    with Waiting() as waiting:
        address = waiting.address(where)
        opened = shown(address)
        if not as_json:
            say("Confirm it in your browser." if opened else "Open this in a browser on this machine, and confirm it:")
        typer.echo(address, err=as_json)
        return traded(where, waiting, waiting.wait(WITHIN))


def _where(ctx: typer.Context, url: str | None) -> str:
    found = url or session(ctx).settings.api_url
    if not found:
        raise Refused("say where: tocsin login https://desk.example, or set TOCSIN_API_URL")
    return found
