"""`init`, `engine`, `version`: getting an installation to stand."""

import os
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.embedded import server_command
from tocsin.adapters.escalation import FILE, write_default_ladder
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.keyrings import make_keyring
from tocsin.adapters.organisation import write_default_organisation
from tocsin.adapters.people import write_default
from tocsin.adapters.sql import create_engine_for, migrate
from tocsin.adapters.sql.grants import grant
from tocsin.adapters.sql.revision import check_schema, is_behind
from tocsin.cli.access import invitation
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused
from tocsin.policies import load_policies

commands = typer.Typer()


@commands.command()
def init(
    ctx: typer.Context,
    role: Annotated[
        str | None,
        typer.Option("--grant", metavar="ROLE", help="PostgreSQL: let the worker's role work here, log append-only."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make home, keys, store, people.toml, org.toml and escalation.toml; what is there already is kept."""
    made = _make(session(ctx))
    if role is not None:
        grant(session(ctx).settings.database_url, role)
        made.append(f"the rights of the role {role}: to the log it may only add")
    home = session(ctx).home
    if as_json:
        emit({"home": str(home), "made": made})
        return
    for what in made:
        say(f"made {what}")
    say(f"{home} is ready." if made else f"{home} was ready already; nothing was changed.")
    say("Next: start the engine with `make up`, then `tocsin register import FILE`.")


@commands.command("migrate")
def bring_up_to_date(ctx: typer.Context, as_json: Json = False) -> None:
    """Bring the store's tables to this version; needs no keys and makes nothing else. Safe beside running workers."""
    url = session(ctx).settings.database_url
    changed = _brought_up_to_date(url)
    if as_json:
        emit({"store": _without_password(url), "changed": changed})
    else:
        say(f"{_without_password(url)} {'is up to date now' if changed else 'was up to date already'}")


@commands.command()
def engine(
    ctx: typer.Context,
    port: Annotated[int | None, typer.Option(help="Default: the port of TOCSIN_TEMPORAL_ADDRESS.")] = None,
    ui_port: Annotated[int | None, typer.Option(help="Temporal's Web UI; default: 1000 above the port.")] = None,
) -> None:
    """Run Temporal's dev server here, on a file in the home (for one machine; production brings its own)."""
    chosen = port or _port(session(ctx).settings.temporal_address)
    home = session(ctx).home
    _make_home(home)
    codec = f"http://{session(ctx).settings.console_address}/codec"
    command = server_command(home, chosen, ui_port or chosen + 1000, codec=codec)
    # The server takes this process's place, so that whoever started it stops the server itself.
    os.execv(command[0], command)  # noqa: S606


@commands.command()
def version() -> None:
    """Print the version."""
    say(f"tocsin {installed_version('tocsin')}")


def _make(work: Session) -> list[str]:
    made = [f"the folder {work.home}"] if _make_home(work.home) else []
    keys = work.home / "keys"
    if work.settings.keyring is not None:
        pass  # they are in the environment
    elif not keys.exists() or not any(keys.iterdir()):
        make_keyring(work.settings)
        made.append(f"keys in {keys} (back them up elsewhere: without them nothing can be read)")
    elif FileKeyring.complete(keys):
        made.append(f"the key that signs the log's checkpoints, in {keys} (back it up with the others)")
    work.keyring.id_key()
    if _brought_up_to_date(work.settings.database_url):
        made.append(f"the store's tables in {_without_password(work.settings.database_url)}")
    people = work.home / "people.toml"
    if write_default(people, work.user):
        made.append(f"{people} with you, {work.user}; add who else reports, approves and audits")
        link = invitation(work, work.people.person(work.user), None)
        made.append(f"an invitation for you, shown this once: start `tocsin console`, then open {link}")
    ladder = work.home / FILE
    if write_default_ladder(ladder):
        made.append(f"{ladder}; say in it who is called when nobody answers")
    organisation = work.home / "org.toml"
    if not organisation.exists():
        write_default_organisation(organisation, load_policies(work.home / "policies").facts)
        made.append(f"{organisation}; answer its questions, so that `tocsin explain` knows which law is yours")
    return made


def _brought_up_to_date(url: str) -> bool:
    database = create_engine_for(url)
    try:
        behind = is_behind(database)
        if behind:
            migrate(url)
        check_schema(database)
    finally:
        database.dispose()
    return behind


def _make_home(home: Path) -> bool:
    new = not home.exists()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cannot make {home} ({error.strerror}); set TOCSIN_HOME to a folder you own") from error
    return new


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    if not port.isdigit():
        raise Refused(f"TOCSIN_TEMPORAL_ADDRESS is {address!r}; write it as HOST:PORT")
    return int(port)


def _without_password(url: str) -> str:
    from_user = url.rpartition("@")
    return url if not from_user[1] else f"{url.partition('//')[0]}//…@{from_user[2]}"
