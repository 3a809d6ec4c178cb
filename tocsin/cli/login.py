"""`login`, `logout`: the token by which this machine's commands reach an installation elsewhere."""

from typing import Annotated

import typer

from tocsin.cli.afar import Me, token_file
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Refused
from tocsin.remote.api import Api

commands = typer.Typer()
Url = Annotated[str | None, typer.Argument(metavar="[URL]", help="Of the console; default: TOCSIN_API_URL.")]


@commands.command()
def login(ctx: typer.Context, url: Url = None, as_json: Json = False) -> None:
    """Keep a token for an installation, readable by you alone; it is asked for, or read from standard input."""
    where = _where(ctx, url)
    if not as_json:
        say(f"Make a token for the command line in your browser, and paste it here: {where}/me")
    token = typer.prompt("Token", hide_input=True, err=True).strip()
    api = Api(where, token)
    try:
        me = api.get("/me", Me)
    finally:
        api.close()
    kept = token_file(where)
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


def _where(ctx: typer.Context, url: str | None) -> str:
    found = url or session(ctx).settings.api_url
    if not found:
        raise Refused("say where: tocsin login https://desk.example, or set TOCSIN_API_URL")
    return found
