"""`drill`: a rehearsal on a server, a worker and a store of its own, at many hours a minute."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from tocsin import settings
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.domain.errors import Refused

SECONDS = 60.0
"""How long 72 hours take unless a speed is given."""

commands = typer.Typer()


@commands.command()
def drill(
    scenario: Annotated[str, typer.Argument(help="The name of one that ships (ransomware, ...), or a .toml file.")],
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=100_000, help="Times faster than the wall's clock; default: 72 hours in a minute."),
    ] = None,
    script: Annotated[
        bool, typer.Option("--script", help="At a --speed, too, the script acts; else people do, at the console.")
    ] = False,
    home: Annotated[Path | None, typer.Option(help="A new folder for all it leaves; default: drill-… here.")] = None,
    pager: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Call this one of TOCSIN_PAGER_URLS, too; default: none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a scenario: the real workflows, people who sleep, faults; nothing leaves this machine."""
    # Half a second to load, which no other command needs.
    from tocsin.cli import drill_page  # noqa: PLC0415
    from tocsin.drill.direction import Drill  # noqa: PLC0415
    from tocsin.drill.outcome import Moment  # noqa: PLC0415
    from tocsin.drill.scenario_file import read_scenario  # noqa: PLC0415
    from tocsin.drill.stage import Stage  # noqa: PLC0415

    read = read_scenario(scenario)
    urls = {pager: _pager(pager)} if pager else {}
    folder = home or Path(f"drill-{Path(scenario).stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    chosen = speed or 72 * 3600 / SECONDS
    if not as_json:
        say(f"DRILL: {read.title}. {read.hours:g} hours at {chosen:,.0f} times the wall's speed. Nothing here is real.")
    screen = Console(highlight=False)
    with Live(drill_page.starting(), console=screen, refresh_per_second=4, transient=True) as live:
        if as_json or not screen.is_terminal:
            live.stop()

        def show(moment: Moment) -> None:
            live.update(drill_page.standing(read, moment))

        by_people = speed is not None and not script
        welcome = (lambda links: drill_page.welcome(live.console, links, folder)) if by_people else None
        played = asyncio.run(Drill(read, Stage(folder), chosen, show, welcome).play(urls))
    if as_json:
        emit(
            {
                **played.outcome.model_dump(mode="json"),
                "score": played.outcome.score,
                "missed": played.outcome.missed(),
                "happened": played.happened,
                "pack": str(played.pack),
                "pack_holds": played.holds,
            }
        )
    else:
        drill_page.ended(screen, played)


def _pager(name: str) -> str:
    """Return the URL of one named pager, as TOCSIN_PAGER_URLS has it; a person asked for it."""
    urls = settings.load().pager_urls
    words = urls.get_secret_value().split() if urls else []
    named = {match[1]: match[2] for word in words if (match := re.fullmatch(r"([A-Za-z0-9_-]+)=(.+)", word))}
    if name not in named:
        known = ", ".join(named) or "none has a name"
        raise Refused(f"TOCSIN_PAGER_URLS has no pager named {name!r} ({known}); write it there as {name}=URL")
    return named[name]
